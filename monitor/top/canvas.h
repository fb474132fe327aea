/* SPDX-License-Identifier: MIT */
#ifndef MONITOR_TOP_CANVAS_H
#define MONITOR_TOP_CANVAS_H

#include <stdbool.h>
#include <stdint.h>
#include <wchar.h>

/*
 * What is to be on the screen, as cells. Whatever is outside is cut off here and nowhere else, so that everything
 * can be drawn at every size of the terminal.
 */

enum style {
    STYLE_PLAIN,
    STYLE_TITLE, /* the first and the last line */
    STYLE_HEAD,  /* headings */
    STYLE_GOOD,
    STYLE_WARNING,
    STYLE_BAD,
    STYLE_FAINT, /* what matters less */
    STYLES
};

struct cell {
    wchar_t glyph;
    uint8_t style;
    bool marked; /* part of the selected line */
};

struct canvas {
    int rows;
    int columns;
    bool unicode; /* block characters can be shown; otherwise only ASCII */
    struct cell *cells;
};

/* Makes it blank, in this size. Return: false without memory; it has no cells then. */
bool canvas_clear(struct canvas *canvas, int rows, int columns);
void canvas_free(struct canvas *canvas);

void canvas_put(struct canvas *canvas, int row, int column, wchar_t glyph, enum style style);

/* Writes at most @width columns. Bytes that are not printable ASCII become '?'. Return: the columns taken. */
int canvas_text(struct canvas *canvas, int row, int column, int width, enum style style, const char *text);
/* The same of a name, of which the middle is left out if it is longer: long names often differ at their ends. */
int canvas_name(struct canvas *canvas, int row, int column, int width, enum style style, const char *name);
/* The same as canvas_text, ending at the right end of the @width columns. */
void canvas_text_right(struct canvas *canvas, int row, int column, int width, enum style style, const char *text);
/* The same as canvas_text, formatted; of the text, at most 511 bytes. */
int canvas_print(struct canvas *canvas, int row, int column, int width, enum style style, const char *format, ...)
    __attribute__((format(printf, 6, 7)));

/* Gives all cells of a row this style. */
void canvas_style_row(struct canvas *canvas, int row, enum style style);
/* Marks cells, or takes the mark away. */
void canvas_mark(struct canvas *canvas, int row, int column, int width, bool marked);

/* Makes a rectangle blank, with a frame around it inside. */
void canvas_box(struct canvas *canvas, int row, int column, int rows, int columns);

#endif
