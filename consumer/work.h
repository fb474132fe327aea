/* SPDX-License-Identifier: MIT */
#ifndef CONSUMER_WORK_H
#define CONSUMER_WORK_H

#include <stdint.h>

#include "common/cli/random.h"
#include "consumer/tally.h"

/* Simulated processing (--work). */

struct work {
    int64_t min_ns;
    int64_t max_ns;
    struct generator random;
};

void work_init(struct work *work, int64_t min_ns, int64_t max_ns);
/* Takes its time over one message; an end that is asked for meanwhile does not cut it short. */
void work_do(struct work *work, struct tally *tally);

#endif
