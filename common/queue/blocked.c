/* SPDX-License-Identifier: MIT */
#include "common/queue/blocked.h"

#include "common/kernel/clock.h"
#include "common/queue/count.h"

#define CONTINUES_NS INT64_C(100000000) /* how soon the next slice of a wait begins */

static struct lane_counters *counters_of(struct shmq *handle)
{
    return &handle->producer.view->ring.control->counters;
}

/* Accounts for the wait that was given up last. Return: whether what begins at @now_ns goes on with it; if not,
 * that put was refused. */
static bool settle(struct shmq *handle, int64_t now_ns)
{
    struct blocked *blocked = &handle->producer.blocked;
    if (blocked->ended_ns == 0)
        return false;
    const bool continues = now_ns - blocked->ended_ns < CONTINUES_NS;
    blocked->ended_ns = 0;
    if (!continues)
        count_one(&counters_of(handle)->refused);
    return continues;
}

void blocked_begin(struct shmq *handle, int64_t now_ns)
{
    struct lane_counters *c = counters_of(handle);
    struct blocked *blocked = &handle->producer.blocked;
    if (!settle(handle, now_ns)) {
        blocked->since_ns = now_ns;
        count_one(&c->blocked_times);
    }
    blocked->counted_ns = now_ns;
    atomic_store_explicit(&c->active_ns, (uint64_t)now_ns, memory_order_relaxed);
    atomic_store_explicit(&c->blocked_since, (uint64_t)blocked->since_ns, memory_order_relaxed);
}

/* Counts how long it has taken since that was counted last. */
static void count_time(struct shmq *handle, int64_t now_ns)
{
    struct lane_counters *c = counters_of(handle);
    struct blocked *blocked = &handle->producer.blocked;
    count_add(&c->blocked_ns, (uint64_t)(now_ns - blocked->counted_ns));
    blocked->counted_ns = now_ns;
    atomic_store_explicit(&c->active_ns, (uint64_t)now_ns, memory_order_relaxed);
}

void blocked_end(struct shmq *handle, int error)
{
    const int64_t now_ns = clock_now_ns();
    count_time(handle, now_ns);
    atomic_store_explicit(&counters_of(handle)->blocked_since, 0, memory_order_relaxed);
    if (error == -ETIMEDOUT)
        handle->producer.blocked.ended_ns = now_ns;
}

void blocked_look(struct shmq *handle, bool refused)
{
    if (handle->producer.blocked.ended_ns != 0)
        (void)settle(handle, clock_now_ns());
    if (refused)
        count_one(&counters_of(handle)->refused);
}

void blocked_leave(struct shmq *handle)
{
    (void)settle(handle, INT64_MAX);
}

void blocked_slept(struct shmq *handle, int64_t now_ns, bool rung, int error)
{
    struct lane_counters *c = counters_of(handle);
    count_one(&c->sleeps);
    count_add(&c->wake_ups, rung);
    count_add(&c->spurious, rung && error == -EAGAIN);
    count_time(handle, now_ns);
}
