/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_LATENCY_H
#define SHMQ_LATENCY_H

#include <stdbool.h>
#include <stdint.h>

#include "common/queue/handle.h"
#include "common/queue/latency_span.h"

/*
 * The histogram of the time in queue, from put to acknowledgement, which each consumer keeps in the part of the
 * object that belongs to its seat.
 *
 * What a consumer acknowledges waits, lane by lane, to be counted: until it finds that the coarse clock has
 * advanced, until the messages of a lane make up a block, or until it has nothing more to do. Then they are
 * counted as acknowledged in that tick, and each as put when marks say (latency_span.h). So nothing is done for a
 * single batch but to add up its messages. A batch that took longer than a tick is counted at once, for itself.
 *
 * To find those, a consumer reads the clock before each of the first LATENCY_FAST batches of a tick is done, and
 * before every LATENCY_SKIPPED + 1st of those that follow in the same lane. A lease, which reads the clock anyway,
 * finds the next tick.
 *
 * The owner of the seat counts; the part of the object is reserved when it counts first. Without memory, it tries
 * again a second later.
 */

#define LATENCY_FAST 16u /* batches in one tick */
#define LATENCY_SKIPPED 63u

/* What a look has found out of a batch that is about to be done. */
struct latency_look {
    struct lane_view *view; /* NULL: nothing is to be done afterwards */
    bool apart;             /* it is counted for itself */
    struct latency_span span;
};

/* This handle has taken another seat, or its first. */
void latency_sit(struct shmq *handle);
/* Before a batch is done: looks at the clock, and at the batch. */
void latency_look(struct shmq *handle, struct latency_look *look);
/* After that, once it is done and counted as delivered. @messages: of the batch, as added to its lane's. */
void latency_looked(struct shmq *handle, struct latency_look *look, uint64_t messages);
/* Before messages of a batch that is not done yet are counted as delivered. */
void latency_expect(struct shmq *handle);
/* Counts what was acknowledged and waits to be counted. */
void latency_count(struct shmq *handle);

/* Messages of a lane that wait to be counted. */
static inline uint64_t latency_waiting(const struct lane_view *view)
{
    return view->latency.waiting >> 32;
}

/* The same; none is left. */
static inline uint64_t latency_take(struct lane_view *view)
{
    const uint64_t messages = latency_waiting(view);
    view->latency.waiting &= UINT32_MAX;
    return messages;
}

/* After messages were counted as delivered: they wait to be counted here. */
static inline void latency_add(struct lane_view *view, uint64_t messages)
{
    view->latency.waiting += (messages << 32) - 1;
}

/* @batches: that need not look at the clock, with the present one if that is not added yet. */
static inline void latency_set_skip(struct lane_view *view, uint32_t batches)
{
    view->latency.waiting = (view->latency.waiting & ~(uint64_t)UINT32_MAX) | batches;
}

/* Before a batch is done: whether latency_look is due. */
static inline bool latency_wants_a_look(const struct lane_view *view)
{
    return __builtin_expect((uint32_t)view->latency.waiting == 0, 0);
}

/* After a lease at @now_ns, on the coarse clock. */
static inline void latency_leased(struct shmq *handle, int64_t now_ns)
{
    struct lane_view *view = handle->consumer.batch.view;
    if (__builtin_expect(handle->consumer.latency.tick_ns != now_ns, 0) && view != NULL)
        latency_set_skip(view, 0);
}

#endif
