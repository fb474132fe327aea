/* SPDX-License-Identifier: MIT */
#ifndef SUPERVISOR_RELAY_H
#define SUPERVISOR_RELAY_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "supervisor/label.h"

/*
 * What children say on stderr, on our own: whole lines, each behind its child's name. A child never waits for
 * whoever reads our stderr: what has no room any more is dropped, line by line, and counted. Data is not relayed:
 * children write to the real stdout.
 */

enum { RELAY_BYTES = 65536 }; /* of a child, at the most */

/* What one process says, through a pipe. */
struct relay_source {
    int fd; /* -1: its last writer has gone */
    char label[LABEL_BYTES];
    char *text; /* RELAY_BYTES */
    size_t filled;
    bool discarding;  /* until the end of a line of which the beginning had no room */
    bool leaving;     /* nothing more comes; it is forgotten once all of it is written */
    uint64_t dropped; /* lines, since that was last told */
    struct relay_source *next;
};

struct relay {
    struct relay_source *sources; /* in turn */
    struct relay_source own;      /* what we say ourselves */
    char *out;
    size_t out_filled;
    size_t out_written;
    char live[512]; /* the line that is redrawn in place; empty: none */
    bool live_shown;
    bool may_block; /* stderr is something that can make a writer wait */
    bool broken;    /* nobody reads stderr any more */
};

/* Begins; from now on what say.h says goes through it. Ends the program where there is no memory. */
void relay_init(struct relay *relay);
/* Return: the writing end, for a new child; negative errno. @source receives the source. */
int relay_add(struct relay *relay, const char *label, struct relay_source **source);
/* Nothing more is read from a source: what it has said is still written, and then it is forgotten. */
void relay_remove(struct relay *relay, struct relay_source *source);
/* Does that with all of them. */
void relay_remove_all(struct relay *relay);
/* Reads what a source has to say. */
void relay_read(struct relay *relay, struct relay_source *source);
/* Writes as much as stderr takes without waiting. */
void relay_write(struct relay *relay);
/* Whether something waits for stderr to take it. */
bool relay_has_more(const struct relay *relay);
/* Replaces the line that is redrawn in place; "" removes it. */
void relay_set_live(struct relay *relay, const char *text);
/* How many sources have a writer left. */
size_t relay_open_sources(const struct relay *relay);

#endif
