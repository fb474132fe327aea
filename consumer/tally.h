/* SPDX-License-Identifier: MIT */
#ifndef CONSUMER_TALLY_H
#define CONSUMER_TALLY_H

#include "common/cli/progress.h"
#include "common/shmq.h"

/* What was consumed so far, and telling it to the user. */

struct tally {
    struct progress progress;
    uint64_t redelivered;
};

void tally_init(struct tally *tally, bool progress);
/* Counts messages that were acknowledged. */
void tally_count(struct tally *tally, const struct shmq_message *messages, size_t count);
/* Draws the status line and prints the statistics, if it is time to or was asked for. */
void tally_attend(struct tally *tally);
/* Prints the totals; @why is why it ended, or NULL. */
void tally_total(struct tally *tally, const char *why);

#endif
