/* SPDX-License-Identifier: MIT */
#include "monitor/top/list_page.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/cli/units.h"
#include "common/cli/why.h"
#include "monitor/top/frame.h"
#include "monitor/top/graph.h"
#include "monitor/top/layout.h"
#include "monitor/top/text.h"

enum { NAME_LEAST = 8, BAR_LEAST = 8, BAR_USUAL = 12, BAR_MOST = 42 };

enum column_kind {
    COLUMN_NAME,
    COLUMN_BAR,
    COLUMN_STATE,
    COLUMN_MESSAGES,
    COLUMN_OLDEST,
    COLUMN_IN,
    COLUMN_OUT,
    COLUMN_PRODUCERS,
    COLUMN_CONSUMERS,
    COLUMNS
};

struct column {
    const char *title;
    int width;        /* at least; the title needs one more for the mark of the order */
    bool right;       /* its text ends at the right */
    int rank;         /* columns with a higher one are left out first where there is no room */
    enum order order; /* that sorts by it; ORDERS: none */
};

static const struct column columns[COLUMNS] = {
    [COLUMN_NAME] = {"QUEUE", NAME_LEAST, false, 0, ORDER_NAME},
    [COLUMN_BAR] = {"FULL", BAR_LEAST, false, 4, ORDER_FILL},
    [COLUMN_STATE] = {"STATE", 10, false, 1, ORDERS},
    [COLUMN_MESSAGES] = {"MESSAGES", 9, true, 2, ORDER_MESSAGES},
    [COLUMN_OLDEST] = {"OLDEST", 7, true, 3, ORDER_OLDEST},
    [COLUMN_IN] = {"IN/S", 6, true, 5, ORDER_IN},
    [COLUMN_OUT] = {"OUT/S", 6, true, 6, ORDER_OUT},
    [COLUMN_PRODUCERS] = {"PROD", 4, true, 7, ORDERS},
    [COLUMN_CONSUMERS] = {"CONS", 4, true, 8, ORDERS},
};

/* Leaves columns out until the others have room. Return: the columns that are left over; negative: too few. */
static int leave_out(int widths[COLUMNS], int room)
{
    int used = -1; /* no blank before the first */
    for (int i = 0; i < COLUMNS; i++) {
        widths[i] = columns[i].width;
        used += widths[i] + 1;
    }
    for (int rank = COLUMNS - 1; rank > 0 && used > room; rank--)
        for (int i = 0; i < COLUMNS; i++)
            if (columns[i].rank == rank) {
                used -= widths[i] + 1;
                widths[i] = 0;
            }
    return room - used;
}

/* Gives a column up to @most of what is left over. */
static void widen(int *width, int most, int *left)
{
    const int more = most - *width < *left ? most - *width : *left;
    if (*width == 0 || more <= 0)
        return;
    *width += more;
    *left -= more;
}

/* For a screen of @room columns; 0: the column is left out. What the others leave is for the names. */
static void fit(int widths[COLUMNS], const struct model *model, int room)
{
    int left = leave_out(widths, room);
    int longest = NAME_LEAST;
    for (size_t i = 0; i < model->count; i++) {
        const int length = (int)strlen(model->queues[i]->name);
        longest = length > longest ? length : longest;
    }
    if (left < 0) {
        widths[COLUMN_NAME] = room;
        return;
    }
    widen(&widths[COLUMN_NAME], longest < room / 2 ? longest : room / 2, &left);
    widen(&widths[COLUMN_BAR], BAR_USUAL, &left);
    widen(&widths[COLUMN_NAME], longest, &left);
    widen(&widths[COLUMN_BAR], BAR_MOST, &left);
}

static void draw_heading(struct canvas *canvas, int row, const int widths[COLUMNS], const struct model *model)
{
    int at = 0;
    for (int i = 0; i < COLUMNS; i++) {
        if (widths[i] == 0)
            continue;
        /* The order is marked: numbers descend, names ascend. */
        const bool descending = (model->order != ORDER_NAME) != model->reversed;
        char title[TEXT_SIZE];
        snprintf(title, sizeof(title), "%s%s", columns[i].title,
                 columns[i].order != model->order ? ""
                 : descending                     ? "v"
                                                  : "^");
        if (columns[i].right)
            canvas_text_right(canvas, row, at, widths[i], STYLE_HEAD, title);
        else
            canvas_text(canvas, row, at, widths[i], STYLE_HEAD, title);
        at += widths[i] + 1;
    }
}

static char *column_text(char text[TEXT_SIZE], enum column_kind kind, const struct watched *watched)
{
    const struct shmq_stat *stat = &watched->snapshot.stat;
    text[0] = '\0';
    switch (kind) {
    case COLUMN_MESSAGES:
        return units_count(text, (double)stat->messages);
    case COLUMN_OLDEST:
        return units_age(text, stat->oldest_ns);
    case COLUMN_IN:
        return text_rate(text, rates_in(&watched->rates));
    case COLUMN_OUT:
        return text_rate(text, rates_out(&watched->rates));
    case COLUMN_PRODUCERS:
        snprintf(text, TEXT_SIZE, "%" PRIu32, stat->producers);
        return text;
    case COLUMN_CONSUMERS:
        snprintf(text, TEXT_SIZE, "%" PRIu32, stat->consumers);
        return text;
    default:
        return text;
    }
}

/* It is not marked, because what is empty would look full. */
static void draw_bar(struct canvas *canvas, int row, int at, int width, const struct watched *watched)
{
    if (watched->handle == NULL)
        return;
    canvas_mark(canvas, row, at, width, false);
    graph_bar(canvas, row, at, width, watched->snapshot.stat.fill_percent, frame_state_style(watched));
}

static void draw_line(struct canvas *canvas, int row, const int widths[COLUMNS], const struct watched *watched,
                      bool chosen)
{
    char state[WHY_STATE_BYTES];
    char text[TEXT_SIZE];
    const bool open = watched->handle != NULL;
    const enum style style = frame_state_style(watched);
    int at = 0;
    canvas_mark(canvas, row, 0, canvas->columns, chosen);
    for (int i = 0; i < COLUMNS; i++) {
        const int width = widths[i];
        if (width == 0)
            continue;
        if (i == COLUMN_NAME)
            canvas_name(canvas, row, at, width, open ? STYLE_PLAIN : STYLE_FAINT, watched->name);
        else if (i == COLUMN_STATE)
            canvas_text(canvas, row, at, width, style, why_queue_state(&watched->snapshot, state, sizeof(state)));
        else if (i == COLUMN_BAR)
            draw_bar(canvas, row, at, width, watched);
        else if (open)
            canvas_text_right(canvas, row, at, width, STYLE_PLAIN,
                              column_text(text, (enum column_kind)i, watched));
        at += width + 1;
    }
}

static void draw_nothing(struct canvas *canvas, int row, const struct model *model)
{
    if (model->list_error != 0)
        canvas_print(canvas, row, 0, canvas->columns, STYLE_BAD, "/dev/shm cannot be read: %s",
                     strerrordesc_np(-model->list_error));
    else
        canvas_text(canvas, row, 0, canvas->columns, STYLE_FAINT,
                    model->complete ? "There is no queue; new ones appear by themselves."
                                    : "Looking for queues...");
}

static void draw_title(struct canvas *canvas, const struct model *model, const char *clock)
{
    char title[160];
    const size_t end = model->first + model->visible < model->count ? model->first + model->visible : model->count;
    int length = snprintf(title, sizeof(title), "%zu queue%s by %s%s", model->count, units_plural(model->count),
                          model->reversed ? "reversed " : "", model_order_text(model->order));
    if (model->count > model->visible && length > 0 && (size_t)length < sizeof(title))
        snprintf(title + length, sizeof(title) - (size_t)length, ", %zu to %zu shown", model->first + 1, end);
    frame_title(canvas, "", title, clock);
}

void list_page_draw(struct canvas *canvas, const struct model *model, int64_t now_ns, const char *clock)
{
    char keys[96];
    const struct list_layout layout = layout_list(canvas->rows);
    const bool chosen = model->cursor < model->count;
    int widths[COLUMNS];
    fit(widths, model, canvas->columns);
    draw_title(canvas, model, clock);
    draw_heading(canvas, layout.heading, widths, model);
    for (int i = 0; i < layout.line_rows && model->first + (size_t)i < model->count; i++) {
        const size_t at = model->first + (size_t)i;
        draw_line(canvas, layout.lines + i, widths, model->queues[at], at == model->cursor);
    }
    if (model->count == 0)
        draw_nothing(canvas, layout.lines, model);
    /* A name that is cut above is told here in full. */
    const bool cut = chosen && (int)strlen(model->queues[model->cursor]->name) > widths[COLUMN_NAME];
    frame_reason(canvas, layout.reason, model, now_ns, cut ? model->queues[model->cursor]->name : "");
    snprintf(keys, sizeof(keys), "q quit  ? help  Enter open  s sort  r reverse  %s  / jump",
             frame_pause_key(model));
    frame_keys(canvas, layout.keys, keys);
}
