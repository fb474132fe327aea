/* SPDX-License-Identifier: MIT */
#ifndef CONSUMER_TOTALS_H
#define CONSUMER_TOTALS_H

#include "common/cli/progress.h"
#include "common/shmq.h"

/* Counts of the messages consumed so far, the status line and the closing summary. */

struct totals {
    struct progress progress;
    uint64_t redelivered;
    uint64_t cut_short;    /* commands that were ended because this program ends; their messages go back */
    uint64_t dead_letters; /* given up and moved to the dead-letter queue; not consumed */
};

/* Messages that this consumer need not see again. */
static inline uint64_t totals_handled(const struct totals *totals)
{
    return totals->progress.messages + totals->dead_letters;
}

void totals_init(struct totals *totals, bool progress);
/* Adds acknowledged messages. */
void totals_add(struct totals *totals, const struct shmq_message *messages, size_t count);
/* Updates the status line if it is due; prints the totals after SIGUSR1. */
void totals_tick(struct totals *totals);
/* Prints the totals; @why is the reason of the end, or NULL. */
void totals_print(struct totals *totals, const char *why);

#endif
