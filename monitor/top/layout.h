/* SPDX-License-Identifier: MIT */
#ifndef MONITOR_TOP_LAYOUT_H
#define MONITOR_TOP_LAYOUT_H

/* Which part of the screen is in which rows. A part that has no room has no rows. */

struct list_layout {
    int heading;
    int lines; /* the first one */
    int line_rows;
    int reason; /* -1: it has no room, and so below */
    int keys;
};

struct queue_layout {
    int reason;
    int counts;
    int times;
    int graph_title;
    int graphs;
    int graph_rows; /* 0: there are none */
    int heading;    /* of producers and consumers */
    int parties;
    int party_rows;
    int event_title;
    int events;
    int event_rows;
    int keys;
};

/* @rows: of the screen, the first of which is the title. */
struct list_layout layout_list(int rows);
struct queue_layout layout_queue(int rows);

#endif
