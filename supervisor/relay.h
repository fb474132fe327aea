/* SPDX-License-Identifier: MIT */
#ifndef SUPERVISOR_RELAY_H
#define SUPERVISOR_RELAY_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "supervisor/label.h"

/*
 * Relays the children's stderr output to ours, in whole lines, each after its child's name. A child never waits
 * for the reader of our stderr: lines that do not fit into the buffer are dropped and counted. Data is not
 * relayed: children write directly to stdout.
 */

enum { RELAY_BYTES = 65536 }; /* buffer of each child */

/* The stderr output of one process. */
struct relay_source {
    int fd; /* read end of its pipe; -1: closed by its last writer */
    char label[LABEL_BYTES];
    char *text; /* RELAY_BYTES */
    size_t filled;
    bool discarding;  /* dropping the rest of a line whose beginning did not fit */
    bool leaving;     /* no more input; freed once everything is written */
    uint64_t dropped; /* lines dropped since the last report */
    struct relay_source *next;
};

struct relay {
    struct relay_source *sources; /* served in turn */
    struct relay_source own;      /* the supervisor's own messages */
    char *out;
    size_t out_filled;
    size_t out_written;
    char live[1024]; /* the line that is redrawn in place; empty: none */
    bool live_shown;
    bool may_block; /* writing to stderr may block */
    bool broken;    /* stderr has no reader any more */
};

/* Starts to relay the children's output and the messages of say.h. Exits if memory runs out. */
void relay_init(struct relay *relay);
/* Adds a source for a new child. Returns the write end of its pipe or a negative errno. */
int relay_add(struct relay *relay, const char *label, struct relay_source **source);
/* Stops reading from a source; it is freed once what was read is written. */
void relay_remove(struct relay *relay, struct relay_source *source);
/* Removes all sources. */
void relay_remove_all(struct relay *relay);
/* Reads what a source has written to its pipe. */
void relay_read(struct relay *relay, struct relay_source *source);
/* Writes as much as stderr takes without blocking. */
void relay_write(struct relay *relay);
/* Whether something is waiting to be written. */
bool relay_has_more(const struct relay *relay);
/* Replaces the line that is redrawn in place; "" removes it. */
void relay_set_live(struct relay *relay, const char *text);
/* Number of sources whose pipe still has a writer. */
size_t relay_open_sources(const struct relay *relay);

#endif
