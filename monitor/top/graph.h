/* SPDX-License-Identifier: MIT */
#ifndef MONITOR_TOP_GRAPH_H
#define MONITOR_TOP_GRAPH_H

#include "common/cli/rates.h"
#include "monitor/top/canvas.h"

/* Bars and small graphs, of block characters or, where there are none, of ASCII. */

/* A bar from [ to ], @width columns in all, of which @percent (0 to 100) are filled. */
void graph_bar(struct canvas *canvas, int row, int column, int width, double percent, enum style style);

enum graph_of { GRAPH_FILL, GRAPH_IN, GRAPH_OUT };

/* Where a graph is. */
struct graph_place {
    int row;
    int column;
    int rows;
    int columns;
};

/* Return: the greatest value of the history, 0 if there is none. */
double graph_most(const struct rates *rates, enum graph_of of);

/* The history of two minutes, the newest at the right; @most is as high as the place. */
void graph_history(struct canvas *canvas, const struct graph_place *place, const struct rates *rates,
                   enum graph_of of, double most, enum style style);

#endif
