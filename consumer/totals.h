/* SPDX-License-Identifier: MIT */
#ifndef CONSUMER_TOTALS_H
#define CONSUMER_TOTALS_H

#include <pthread.h>

#include "common/cli/progress.h"
#include "common/shmq.h"
#include "consumer/options.h"

/* Counts of the messages consumed so far, the status line and the closing summary. */

struct totals {
    struct progress progress; /* all but its .counts belongs to the thread that draws the line */
    uint64_t redelivered;
    uint64_t cut_short;    /* commands that were ended because this program ends; their messages go back */
    uint64_t dead_letters; /* given up and moved to the dead-letter queue; not consumed */
    uint64_t dropped;      /* that a queue of --forward had no room for */
    pthread_mutex_t *lock; /* held while counts are read or changed; NULL: there is only one thread */
};

void totals_init(struct totals *totals, const struct consumer_options *options);
/* From now on, several threads use them. @lock must live as long. */
void totals_share(struct totals *totals, pthread_mutex_t *lock);
/* Adds acknowledged messages. */
void totals_add(struct totals *totals, const struct shmq_message *messages, size_t count);
void totals_add_dead_letter(struct totals *totals);
/* Adds messages that one of several destinations had no room for. */
void totals_add_dropped(struct totals *totals, uint64_t count);
void totals_add_cut_short(struct totals *totals);
/* Messages that this consumer need not see again. */
uint64_t totals_handled(const struct totals *totals);
/* Whether so many messages were given up that no more is started. @max: 0: no limit */
bool totals_failures_reach(const struct totals *totals, uint64_t max);
/* The status line shows the queue, too. @handle: the drawing thread's. */
void totals_attach(struct totals *totals, struct shmq *handle, const char *queue);
/* @handle is about to be closed. */
void totals_detach(struct totals *totals, const struct shmq *handle);
/* If nothing moves, it is because of @what, such as "its turn"; NULL: because of the queue. */
void totals_await(struct totals *totals, const char *what);
/*
 * Updates the status line if it is due, unless the totals are shared: then totals_draw does. Prints the totals
 * after SIGUSR1; with several threads, whoever comes first does it.
 */
void totals_tick(struct totals *totals);
/* The same in the one thread that draws the line of shared totals. */
void totals_draw(struct totals *totals);
/* How long a wait may take before the line is to be drawn, at most @longest_ns. */
int64_t totals_poll_ns(const struct totals *totals, int64_t longest_ns);
/* Prints the totals; @why is the reason of the end, or NULL. */
void totals_print(struct totals *totals, const char *why);

#endif
