/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_LATENCY_H
#define SHMQ_LATENCY_H

#include <stdbool.h>
#include <stdint.h>

#include "common/queue/handle.h"

/*
 * The histogram of the time from put to acknowledgement, which each consumer keeps in the part of the object that
 * belongs to its seat.
 *
 * A consumer measures at most twice in a tick of the coarse clock: the first message of a batch, just before the
 * batch is done. The messages acknowledged until the next measurement count as that one. A consumer whose batches
 * take longer than the tick measures each of them. One that is faster measures in the middle of a tick, and not
 * when the clock has just advanced: put times are of the coarse clock, so by then even a message put just before
 * would look as old as a whole tick. And it reads the clock only now and then: after so many batches in the same
 * tick, a look every LATENCY_SKIPPED + 1 batches is enough, until a lease, which reads the clock anyway, finds the
 * next tick.
 *
 * The owner of the seat counts; the part of the object is reserved when it measures first. Without memory, it
 * tries again a second later.
 */

#define LATENCY_FAST 16u /* batches in one tick */
#define LATENCY_SKIPPED 63u

/* This handle has taken another seat, or its first. */
void latency_sit(struct shmq *handle);
/* Before a batch is done: looks at the clock. Return: whether the batch was measured; then, and when it is counted
 * as delivered, latency_count is called. */
bool latency_look(struct shmq *handle);
/* Counts what was acknowledged since the last measurement. */
void latency_count(struct shmq *handle);

/* Before a batch is done: whether latency_look is due. */
static inline bool latency_wants_a_look(struct shmq *handle)
{
    struct latency *latency = &handle->consumer.latency;
    if (__builtin_expect(latency->skip == 0, 0))
        return true;
    latency->skip--;
    return false;
}

/* After a lease at @now_ns, on the coarse clock. */
static inline void latency_leased(struct shmq *handle, int64_t now_ns)
{
    if (__builtin_expect(handle->consumer.latency.tick_ns != now_ns, 0))
        handle->consumer.latency.skip = 0;
}

#endif
