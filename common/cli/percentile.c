/* SPDX-License-Identifier: MIT */
#include "common/cli/percentile.h"

#include "common/shmq.h"

uint64_t percentile_ms(const uint64_t *counts, double percent)
{
    double total = 0;
    for (uint32_t i = 0; i < SHMQ_LATENCY_BUCKETS; i++)
        total += (double)counts[i];
    double below = 0;
    uint32_t last = 0;
    for (uint32_t i = 0; i < SHMQ_LATENCY_BUCKETS; i++) {
        if (counts[i] == 0)
            continue;
        last = i;
        below += (double)counts[i];
        if (percent < 100 && below >= total * percent / 100)
            break;
    }
    return shmq_latency_ms(last);
}
