/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_CLI_PROGRESS_H
#define SHMQ_CLI_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

/*
 * The status line of --progress: messages, bytes, their rates, elapsed time. On a terminal one line that is
 * rewritten four times a second; elsewhere a whole line every 5 s. The totals, for SIGUSR1 and the end, too.
 */

struct progress {
    const char *verb; /* "produced", "consumed" */
    bool shown;       /* --progress was given */
    bool terminal;
    int64_t started_ns;
    int64_t next_ns; /* when to draw again */
    int64_t drawn_ns;
    uint64_t drawn_messages;
    uint64_t drawn_bytes;
    uint64_t messages; /* the program counts here */
    uint64_t bytes;
};

void progress_init(struct progress *progress, const char *verb, bool shown);
/* Draws if it is time to; cheap enough to be called for every batch (one clock reading). */
void progress_tick(struct progress *progress);
/* Ends the line, if one is open, so that other output starts on its own line. */
void progress_end(struct progress *progress);
/* Writes "PROGRAM: produced 12 messages, 3.4 MB in 1.2 s (…/s)" and @extra, if not empty, as a status line. */
void progress_total(const struct progress *progress, const char *extra);

#endif
