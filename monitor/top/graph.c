/* SPDX-License-Identifier: MIT */
#include "monitor/top/graph.h"

/* From empty to full, by rising and from left to right. */
static const wchar_t rising_blocks[] = L" \u2581\u2582\u2583\u2584\u2585\u2586\u2587\u2588";
static const wchar_t widening_blocks[] = L" \u258f\u258e\u258d\u258c\u258b\u258a\u2589\u2588";
static const wchar_t rising_ascii[] = L" .:#";
static const wchar_t widening_ascii[] = L" -#";

enum { BLOCK_STEPS = 8, RISING_ASCII_STEPS = 3, WIDENING_ASCII_STEPS = 2 };

/* The cell that is number @cell along a bar which is @filled steps long. */
static wchar_t glyph_at(const wchar_t *glyphs, int steps, int filled, int cell)
{
    const int here = filled - cell * steps;
    return glyphs[here < 0 ? 0 : here > steps ? steps : here];
}

/* How many of @steps a value takes: at least one if it is not 0, and all only if it is full. */
static int steps_of(double value, double most, int steps)
{
    if (!(value > 0) || !(most > 0))
        return 0;
    if (value >= most)
        return steps;
    const int filled = (int)(value / most * steps);
    return filled > 0 ? filled : 1;
}

void graph_bar(struct canvas *canvas, int row, int column, int width, double percent, enum style style)
{
    const wchar_t *glyphs = canvas->unicode ? widening_blocks : widening_ascii;
    const int steps = canvas->unicode ? BLOCK_STEPS : WIDENING_ASCII_STEPS;
    const int inner = width - 2;
    if (inner < 1)
        return;
    const int filled = steps_of(percent, 100, inner * steps);
    canvas_put(canvas, row, column, L'[', STYLE_PLAIN);
    for (int i = 0; i < inner; i++)
        canvas_put(canvas, row, column + 1 + i, glyph_at(glyphs, steps, filled, i), style);
    canvas_put(canvas, row, column + width - 1, L']', STYLE_PLAIN);
}

static double value_of(struct rates_point point, enum graph_of of)
{
    return (double)(of == GRAPH_FILL ? point.fill : of == GRAPH_IN ? point.in : point.out);
}

double graph_most(const struct rates *rates, enum graph_of of)
{
    double most = 0;
    for (uint32_t ago = 0; ago < RATES_POINTS; ago++) {
        const struct rates_point point = rates_at(rates, ago);
        if (point.known && value_of(point, of) > most)
            most = value_of(point, of);
    }
    return most;
}

/* The greatest known value of the points from @ago on, @count of them; negative: none is known. */
static double greatest(const struct rates *rates, enum graph_of of, uint32_t ago, uint32_t count)
{
    double most = -1;
    for (uint32_t i = 0; i < count; i++) {
        const struct rates_point point = rates_at(rates, ago + i);
        if (point.known && value_of(point, of) > most)
            most = value_of(point, of);
    }
    return most;
}

static void draw_column(struct canvas *canvas, const struct graph_place *place, int column, double value,
                        double most, enum style style)
{
    const wchar_t *glyphs = canvas->unicode ? rising_blocks : rising_ascii;
    const int steps = canvas->unicode ? BLOCK_STEPS : RISING_ASCII_STEPS;
    const int filled = steps_of(value, most, place->rows * steps);
    const int bottom = place->row + place->rows - 1;
    if (value < 0)
        return;
    if (filled == 0)
        canvas_put(canvas, bottom, column, L'_', STYLE_FAINT);
    for (int i = 0; i * steps < filled; i++)
        canvas_put(canvas, bottom - i, column, glyph_at(glyphs, steps, filled, i), style);
}

/*
 * A column stands for several points. It begins at a multiple of their number, counted from the first point ever,
 * so that it does not change any more once it is complete.
 */
void graph_history(struct canvas *canvas, const struct graph_place *place, const struct rates *rates,
                   enum graph_of of, double most, enum style style)
{
    if (place->columns < 1 || place->rows < 1)
        return;
    const uint32_t each = (uint32_t)((RATES_POINTS + place->columns - 1) / place->columns);
    uint32_t count = (uint32_t)(rates->pushed % each);
    uint32_t ago = 0;
    if (count == 0)
        count = each;
    for (int i = place->columns - 1; i >= 0 && ago < RATES_POINTS; i--) {
        draw_column(canvas, place, place->column + i, greatest(rates, of, ago, count), most, style);
        ago += count;
        count = each;
    }
}
