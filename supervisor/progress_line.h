/* SPDX-License-Identifier: MIT */
#ifndef SUPERVISOR_PROGRESS_LINE_H
#define SUPERVISOR_PROGRESS_LINE_H

#include "common/cli/progress.h"
#include "supervisor/supervisor.h"

/* --progress: the whole pipeline in one line (common/cli/progress_text.h), through the relay. */
struct progress_line {
    bool shown;
    bool terminal;
    int64_t interval_ns;
    int64_t next_ns; /* when to look next */
    int64_t draw_ns; /* when to draw it next */
    uint64_t total;  /* bytes of all inputs, or messages; 0: not known */
    bool in_bytes;
    uint64_t framing_bytes; /* of each message */
    struct progress_meters meters;
};

void progress_line_init(struct progress_line *progress, const struct supervisor *supervisor);
/* Draws the line if it is due. */
void progress_line_tick(struct progress_line *progress, struct supervisor *supervisor);
/* Removes the line. */
void progress_line_end(struct progress_line *progress, struct supervisor *supervisor);

#endif
