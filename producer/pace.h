/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_PRODUCER_PACE_H
#define SHMQ_PRODUCER_PACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/cli/random.h"
#include "common/cli/rate.h"
#include "producer/options.h"

/* Decides when the next message may be sent: --rate and --delay. */
struct pace {
    struct rate rate;
    int64_t delay_min_ns;
    int64_t delay_max_ns;
    bool delayed;
    struct generator generator;
    int64_t due_ns; /* with --delay: when the next message is due */
};

void pace_init(struct pace *pace, const struct options *options, uint64_t seed);
/* True if --rate or --delay is in effect. */
bool pace_is_set(const struct pace *pace);
/* Returns how many of @wanted messages may be sent at @now_ns; if 0, @due_ns receives when the next one may. */
size_t pace_allow(struct pace *pace, size_t wanted, int64_t now_ns, int64_t *due_ns);
/* Records that @count messages were sent. */
void pace_sent(struct pace *pace, size_t count, int64_t now_ns);

#endif
