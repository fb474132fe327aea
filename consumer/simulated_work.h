/* SPDX-License-Identifier: MIT */
#ifndef CONSUMER_SIMULATED_WORK_H
#define CONSUMER_SIMULATED_WORK_H

#include <stdbool.h>
#include <stdint.h>

#include "common/cli/random.h"
#include "consumer/totals.h"

/* Simulated processing (--work). */

struct simulated_work {
    int64_t min_ns;
    int64_t max_ns;
    struct generator random;
};

void simulated_work_init(struct simulated_work *work, int64_t min_ns, int64_t max_ns);
/* Sleeps for the time of one message. A stop request cuts it short only if @stops. */
void simulated_work_run(struct simulated_work *work, struct totals *totals, bool stops);

#endif
