/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_WAITING_H
#define SHMQ_WAITING_H

#include <stdbool.h>
#include <stdint.h>

#include "common/queue/handle.h"

/*
 * Going to sleep and waking up. Whoever has nothing to do
 *
 *   spins a little; looks; arms (says that it sleeps, heavy barrier B1); looks again (S1); sleeps, a tick at the
 *   most; disarms; looks; and so on
 *
 * and whoever makes something to do publishes first, then a light barrier (B2), then looks for sleepers (W1).
 *
 * header.bell counts consumers asleep; a waker takes one off for each ring it gives. So there are never fewer
 * counts and rings together than sleepers, and a sleeper that wakes by itself takes its count back, or leaves one
 * ring too many to somebody. Killed sleepers leave counts behind; these only ever cost rings that nobody needs,
 * until a sleeper that was woken for nothing sets the count right.
 *
 * Where nothing has happened for a while (LONG_AFTER_TICKS) and nothing is left to be done, consumers sleep longer
 * than a tick (LONG_TICKS): all but one, the watch, which is the first of the living that sleep. What the tick is
 * for, to notice that somebody died before it rang or before it did its work, the watch does; and the first ring
 * after that wakes everybody, so that whoever takes a message has others beside it that look at every tick. Only
 * if the watch is killed in such a time, and another process at the wrong moment before the next of the sleepers
 * has noticed, that costs a long sleep.
 */

/* Consumers. */
void waiting_arm_consumer(struct shmq *handle);
/* Sleeps until rung, at most a tick (or long, where it may), at most until @deadline_ns. Return: true if rung. */
bool waiting_sleep_consumer(struct shmq *handle, int64_t deadline_ns);
/* For who leaves the others alone: if some sleep long, one of them has to watch in its place. */
void waiting_hand_over_watch(struct shmq *handle);
/* @rung: a ring ended the sleep, and took the count off. @found: there was something to do after it. */
void waiting_disarm_consumer(struct shmq *handle, bool rung);
/* What the sleep brought: a ring for nothing, or something although nobody rang, is a sign of things to mend. */
void waiting_learn_consumer(struct shmq *handle, bool rung, bool found);
void waiting_wake_consumers_slowly(struct shmq *handle, uint32_t count);

/* The producer of a lane: sleeps until head has come to @head. */
void waiting_arm_producer(struct shmq *handle, uint64_t head);
bool waiting_sleep_producer(struct shmq *handle, int64_t deadline_ns);
void waiting_disarm_producer(struct shmq *handle);
void waiting_learn_producer(struct shmq *handle, bool rung, bool found);
void waiting_wake_producer_slowly(struct shmq *handle, struct lane_view *view, uint64_t wanted);

/*
 * Ends the wait under way in this handle, or else its next one. A ring meant for an interrupted consumer may be
 * taken by another one of any process. So it is said in the header and the seat that one is interrupted; whoever
 * has slept on the semaphore then rings once more, and sleeps aside for some milliseconds, so that it does not
 * take that ring again. That is bounded, because the interrupted one may be stopped: after ASIDES_MOST times the
 * others go on as ever, and only ring once more at each tick.
 *
 * Context: any thread, signal handlers.
 */
void waiting_interrupt(struct shmq *handle);

/* Everybody, because of something that all have to look at. */
void waiting_wake_everybody(struct shmq *handle);

/* B1. A process that may not use the heavy barrier makes everybody use the fence. */
void waiting_heavy_barrier(struct shmq *handle);

/*
 * Whether a consumer may be asleep.
 * Ordering: after the publishing store, B2; pairs with B1 in waiting_arm_consumer.
 */
static inline bool waiting_consumers_sleep(const struct shmq *handle)
{
    barrier_light((handle_flags(handle) & FLAG_FULL_FENCES) != 0);                           /* B2 */
    return (uint32_t)atomic_load_explicit(&handle->header->bell, memory_order_relaxed) != 0; /* W1 */
}

/* Wakes up to @count consumers, if any sleep. */
static inline void waiting_wake_consumers(struct shmq *handle, uint32_t count)
{
    if (__builtin_expect(waiting_consumers_sleep(handle), 0))
        waiting_wake_consumers_slowly(handle, count);
}

/* Wakes the lane's producer, if it sleeps and head has come far enough. Ordering: as above, pairs with its B1. */
static inline void waiting_wake_producer(struct shmq *handle, struct lane_view *view)
{
    barrier_light((handle_flags(handle) & FLAG_FULL_FENCES) != 0);
    const uint64_t wanted = atomic_load_explicit(&view->ring.control->wanted_head, memory_order_relaxed); /* W1 */
    if (__builtin_expect(wanted != 0, 0))
        waiting_wake_producer_slowly(handle, view, wanted);
}

/* ------------------------------------------------------------------ spinning before sleeping */

#define SPIN_MIN 16u
#define SPIN_START 256u
#define SPIN_MAX 2048u
#define SPIN_WORTH_NS INT64_C(100000) /* a sleep shorter than this cost more than spinning through it */

static inline void cpu_relax(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ __volatile__("yield");
#else
    atomic_signal_fence(memory_order_seq_cst);
#endif
}

/* 0 on one processor, where spinning only keeps the other side from running. */
void spin_init(struct spin *spin);

/* Spins until @ready says true, or patience ends. */
static inline bool spin_until(const struct spin *spin, bool (*ready)(struct shmq *), struct shmq *handle)
{
    for (uint32_t i = 0; i < spin->limit; i++) {
        if (ready(handle))
            return true;
        cpu_relax();
    }
    return false;
}

/* After a sleep that took @slept_ns: more patience where it was short, less where it was long. */
static inline void spin_learn(struct spin *spin, int64_t slept_ns)
{
    if (spin->limit == 0)
        return;
    if (slept_ns < SPIN_WORTH_NS)
        spin->limit = spin->limit * 2 < SPIN_MAX ? spin->limit * 2 : SPIN_MAX;
    else if (spin->limit > SPIN_MIN)
        spin->limit /= 2;
}

#endif
