/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "common/queue/handle.h"

/* Steps of 1 ms up to 2^LINEAR_LOG2, then 2^STEPS_LOG2 steps for each power of two. */
#define LINEAR_LOG2 7u
#define STEPS_LOG2 6u

uint64_t shmq_latency_ms(uint32_t bucket)
{
    if (bucket < 1u << LINEAR_LOG2)
        return bucket;
    const uint32_t above = bucket - (1u << LINEAR_LOG2);
    const uint32_t power = above >> STEPS_LOG2;
    return ((UINT64_C(1) << STEPS_LOG2) + (above & ((1u << STEPS_LOG2) - 1))) << (power + 1);
}

int shmq_latency(struct shmq *handle, uint32_t seat, uint64_t *counts)
{
    const int error = handle_check_any(handle);
    if (error != 0)
        return error;
    if (counts == NULL || (seat != UINT32_MAX && seat >= handle_geometry(handle)->parameters.seats))
        return -EINVAL;
    memset(counts, 0, SHMQ_LATENCY_BUCKETS * sizeof(*counts));
    return 0;
}
