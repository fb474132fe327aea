/* SPDX-License-Identifier: MIT */
#ifndef CONSUMER_TOTALS_H
#define CONSUMER_TOTALS_H

#include "common/cli/progress.h"
#include "common/shmq.h"

/* What was consumed so far, and telling it to the user. */

struct totals {
    struct progress progress;
    uint64_t redelivered;
};

void totals_init(struct totals *totals, bool progress);
/* Counts messages that were acknowledged. */
void totals_add(struct totals *totals, const struct shmq_message *messages, size_t count);
/* Draws the status line and prints the statistics, if it is time to or was asked for. */
void totals_tick(struct totals *totals);
/* Prints the totals; @why is why it ended, or NULL. */
void totals_print(struct totals *totals, const char *why);

#endif
