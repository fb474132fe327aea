/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_PRODUCER_PACE_H
#define SHMQ_PRODUCER_PACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/cli/random.h"
#include "producer/options.h"

/* When the next message may go: --rate and --delay. */
struct pace {
    double rate;
    int64_t delay_min_ns;
    int64_t delay_max_ns;
    bool delayed;
    struct generator generator;
    int64_t started_ns; /* of the schedule that the rate makes; 0 before the first message */
    uint64_t sent;      /* since then */
    int64_t due_ns;     /* with a delay: of the next message */
};

void pace_init(struct pace *pace, const struct options *options, uint64_t seed);
/* True if messages have to wait for their time at all. */
bool pace_is_set(const struct pace *pace);
/* How many of @wanted messages may go at @now_ns; if 0, @due_ns receives when the next one may. */
size_t pace_allow(struct pace *pace, size_t wanted, int64_t now_ns, int64_t *due_ns);
/* Says that @count messages have gone. */
void pace_sent(struct pace *pace, size_t count, int64_t now_ns);

#endif
