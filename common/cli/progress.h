/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_CLI_PROGRESS_H
#define SHMQ_CLI_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

/*
 * The status line of --progress: messages, bytes, their rates, elapsed time. On a terminal, one line that is
 * redrawn four times a second; elsewhere, a new line every 5 s. Also the totals that are printed on SIGUSR1 and at
 * the end.
 */

enum { PROGRESS_EXTRA_BYTES = 400 };

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
    char extra[PROGRESS_EXTRA_BYTES]; /* what follows on the line and in the totals; "": nothing */
};

void progress_init(struct progress *progress, const char *verb, bool shown);
/* Draws the line if it is due. Costs one clock reading, so it may be called for every batch. */
void progress_tick(struct progress *progress);
/*
 * The two halves of progress_tick, for callers that hold a lock in the first and none in the second.
 *
 * @line  receives what to draw
 *
 * Return: whether the line is due.
 */
bool progress_take(struct progress *progress, struct progress *line);
void progress_draw(const struct progress *line);
/* Ends the live line, if there is one, so that other output starts on a new line. */
void progress_end(struct progress *progress);
/* Prints the status "PROGRAM: produced 12 messages, 3.4 MB in 1.2 s (…/s)", followed by @extra if not empty. */
void progress_total(const struct progress *progress, const char *extra);

#endif
