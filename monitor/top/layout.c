/* SPDX-License-Identifier: MIT */
#include "monitor/top/layout.h"

enum { TITLE_ROWS = 1, LOW = 8, MIDDLE = 16, USUAL = 22, HIGH = 32, VERY_HIGH = 44 };

struct list_layout layout_list(int rows)
{
    const int below = rows >= LOW ? 2 : 0;
    const struct list_layout layout = {
        .heading = TITLE_ROWS,
        .lines = TITLE_ROWS + 1,
        .line_rows = rows > TITLE_ROWS + 1 + below ? rows - TITLE_ROWS - 1 - below : 0,
        .reason = below > 0 ? rows - 2 : -1,
        .keys = below > 0 ? rows - 1 : -1,
    };
    return layout;
}

static int graph_rows(int rows)
{
    return rows >= VERY_HIGH ? 10 : rows >= HIGH ? 6 : rows >= USUAL ? 4 : rows >= MIDDLE ? 2 : 0;
}

static int event_rows(int rows)
{
    return rows >= VERY_HIGH ? 10 : rows >= HIGH ? 6 : rows >= USUAL ? 4 : rows >= MIDDLE ? 2 : 0;
}

/* Takes rows from the top on. Return: the first one. */
static int take(int *at, int rows)
{
    const int first = *at;
    *at += rows;
    return first;
}

struct queue_layout layout_queue(int rows)
{
    struct queue_layout layout = {.graph_rows = graph_rows(rows), .event_rows = event_rows(rows)};
    int at = TITLE_ROWS;
    layout.reason = take(&at, 1);
    layout.counts = take(&at, 1);
    layout.times = rows >= LOW ? take(&at, 1) : -1;
    layout.graph_title = layout.graph_rows > 0 ? take(&at, 1) : -1;
    layout.graphs = take(&at, layout.graph_rows);
    layout.heading = take(&at, 1);
    layout.parties = at;
    const int below = layout.event_rows + (layout.event_rows > 0) + (rows >= LOW);
    layout.party_rows = rows > at + below ? rows - at - below : 0;
    at += layout.party_rows;
    layout.event_title = layout.event_rows > 0 ? take(&at, 1) : -1;
    layout.events = take(&at, layout.event_rows);
    layout.keys = rows >= LOW ? rows - 1 : -1;
    return layout;
}
