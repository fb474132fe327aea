/* SPDX-License-Identifier: MIT */
#ifndef SUPERVISOR_PROGRESS_LINE_H
#define SUPERVISOR_PROGRESS_LINE_H

#include "supervisor/supervisor.h"

/*
 * --progress: the whole pipeline in one line. On a terminal it is redrawn in place and never wider than the
 * terminal; elsewhere a line is printed every 10 s.
 */
struct progress_line {
    bool shown;
    bool terminal;
    uint64_t input_bytes; /* 0: not known */
    int64_t next_ns;      /* when to draw it next */
    int64_t drawn_ns;     /* when it was drawn last */
    uint64_t put;         /* counts at that time */
    uint64_t taken;
    uint64_t put_bytes;
};

void progress_line_init(struct progress_line *progress, const struct supervisor *supervisor);
/* Draws the line if it is due. */
void progress_line_tick(struct progress_line *progress, struct supervisor *supervisor);
/* Removes the line. */
void progress_line_end(struct progress_line *progress, struct supervisor *supervisor);

#endif
