/* SPDX-License-Identifier: MIT */
#include "monitor/top/canvas.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool canvas_clear(struct canvas *canvas, int rows, int columns)
{
    if (canvas->rows != rows || canvas->columns != columns || canvas->cells == NULL) {
        free(canvas->cells);
        canvas->cells = calloc((size_t)rows * (size_t)columns + 1, sizeof(*canvas->cells));
        canvas->rows = canvas->cells != NULL ? rows : 0;
        canvas->columns = canvas->cells != NULL ? columns : 0;
    }
    for (int i = 0; i < canvas->rows * canvas->columns; i++)
        canvas->cells[i] = (struct cell){.glyph = L' '};
    return canvas->cells != NULL;
}

void canvas_free(struct canvas *canvas)
{
    free(canvas->cells);
    *canvas = (struct canvas){0};
}

void canvas_put(struct canvas *canvas, int row, int column, wchar_t glyph, enum style style)
{
    if (row < 0 || row >= canvas->rows || column < 0 || column >= canvas->columns)
        return;
    struct cell *cell = &canvas->cells[row * canvas->columns + column];
    cell->glyph = glyph;
    cell->style = (uint8_t)style;
}

int canvas_text(struct canvas *canvas, int row, int column, int width, enum style style, const char *text)
{
    int i = 0;
    for (; i < width && text[i] != '\0'; i++)
        canvas_put(canvas, row, column + i, text[i] >= ' ' && text[i] <= '~' ? (wchar_t)text[i] : L'?', style);
    return i;
}

int canvas_name(struct canvas *canvas, int row, int column, int width, enum style style, const char *name)
{
    const int length = (int)strlen(name);
    if (length <= width || width < 1)
        return canvas_text(canvas, row, column, width, style, name);
    const int head = width / 2;
    canvas_text(canvas, row, column, head, style, name);
    canvas_put(canvas, row, column + head, canvas->unicode ? L'\u2026' : L'~', style);
    canvas_text(canvas, row, column + head + 1, width - head - 1, style, name + length - (width - head - 1));
    return width;
}

void canvas_text_right(struct canvas *canvas, int row, int column, int width, enum style style, const char *text)
{
    const int length = (int)strlen(text);
    const int blank = length < width ? width - length : 0;
    canvas_text(canvas, row, column + blank, width - blank, style, text);
}

int canvas_print(struct canvas *canvas, int row, int column, int width, enum style style, const char *format, ...)
{
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    const int length = vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    return length < 0 ? 0 : canvas_text(canvas, row, column, width, style, text);
}

void canvas_style_row(struct canvas *canvas, int row, enum style style)
{
    for (int i = 0; row >= 0 && row < canvas->rows && i < canvas->columns; i++)
        canvas->cells[row * canvas->columns + i].style = (uint8_t)style;
}

void canvas_mark(struct canvas *canvas, int row, int column, int width, bool marked)
{
    for (int i = column; row >= 0 && row < canvas->rows && i < column + width; i++)
        if (i >= 0 && i < canvas->columns)
            canvas->cells[row * canvas->columns + i].marked = marked;
}

void canvas_box(struct canvas *canvas, int row, int column, int rows, int columns)
{
    for (int r = 0; r < rows; r++) {
        const bool edge = r == 0 || r == rows - 1;
        for (int c = 0; c < columns; c++) {
            const bool side = c == 0 || c == columns - 1;
            const wchar_t glyph = edge && side ? L'+' : edge ? L'-' : side ? L'|' : L' ';
            canvas_put(canvas, row + r, column + c, glyph, STYLE_PLAIN);
        }
        canvas_mark(canvas, row + r, column, columns, false);
    }
}
