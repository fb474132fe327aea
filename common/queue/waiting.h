/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_WAITING_H
#define SHMQ_WAITING_H

#include <stdbool.h>
#include <stdint.h>

#include "common/queue/handle.h"

/*
 * Going to sleep and waking up. A process without work
 *
 *   spins a little; checks; arms (announces that it sleeps, heavy barrier B1); checks again (S1); sleeps for at
 *   most a tick; disarms; checks; and so on.
 *
 * A process that makes work for others publishes it, passes a light barrier (B2), and then looks for sleepers
 * (W1).
 *
 * header.bell counts sleeping consumers; a waker takes one off the count for each ring that it gives. So counts
 * and rings together are never fewer than the sleepers. A sleeper that wakes up by itself takes its count back; if
 * a waker did so before, it causes one spurious wake-up. A killed sleeper leaves its count behind, which only
 * costs superfluous rings until a spuriously woken sleeper corrects the count.
 *
 * Consumers of a paused queue are not counted, so that puts ring for none of them. Only their seats say that they
 * sleep. Who resumes the queue first clears the flag, then rings for all such seats. A sleeper reads the flag
 * after its seat says so: either it finds the queue not paused, and is counted, or it is rung for.
 *
 * When nothing has happened for a while (LONG_AFTER_TICKS) and no work is left, consumers sleep longer than a tick
 * (LONG_TICKS). All but one do so: the watch, the first live consumer among the sleepers, keeps to the tick. The
 * purpose of the tick is to notice that a process died before it rang or before it did its work, and the watch
 * serves it for all. The first ring afterwards wakes all consumers, so that the one that takes a message has
 * others beside it that check at every tick. A long delay remains possible only if the watch is killed during such
 * a period, and another process is killed at the wrong moment before the next sleeper has noticed.
 */

/* Consumers. */
void waiting_arm_consumer(struct shmq *handle);
/* Sleeps until rung, for at most a tick (or long, if allowed), and not beyond @deadline_ns. Return: rung. */
bool waiting_sleep_consumer(struct shmq *handle, int64_t deadline_ns);
/* Call this when a consumer stops waiting: if others sleep long, one of them has to become the watch. */
void waiting_hand_over_watch(struct shmq *handle);
/* @rung: a ring ended the sleep and has taken the count off already. */
void waiting_disarm_consumer(struct shmq *handle, bool rung);
/*
 * Evaluates a sleep. @rung: a ring ended it. @found: there was work after it. A ring without work, or work without
 * a ring, is a sign that a count or a semaphore has to be repaired.
 */
void waiting_learn_consumer(struct shmq *handle, bool rung, bool found);
void waiting_wake_consumers_slow(struct shmq *handle, uint32_t count);
/* How many seats say that their consumer sleeps, counted or not; it may have been killed. */
uint32_t waiting_seats(const struct shmq *handle);
/* Wakes every sleeping consumer, counted or not. */
void waiting_wake_all_consumers(struct shmq *handle);

/* The producer of a lane: sleeps until head has reached @head. */
void waiting_arm_producer(struct shmq *handle, uint64_t head);
bool waiting_sleep_producer(struct shmq *handle, int64_t deadline_ns);
void waiting_disarm_producer(struct shmq *handle);
void waiting_learn_producer(struct shmq *handle, bool rung, bool found);
void waiting_wake_producer_slow(struct shmq *handle, struct lane_view *view, uint64_t wanted);

/*
 * Ends the wait in progress in this handle, or otherwise its next one. A ring meant for an interrupted consumer
 * may be taken by another consumer of any process. So the header and the seat say that a consumer is interrupted.
 * A consumer that has slept on the semaphore then rings once more, and sleeps aside (not on the semaphore) for
 * some milliseconds, so that it does not take that ring again. This is bounded, because the interrupted consumer
 * may be stopped: after ASIDES_MAX times the others go on as usual, and only ring once more at each tick.
 *
 * Context: any thread, signal handlers.
 */
void waiting_interrupt(struct shmq *handle);

/* Wakes all consumers and producers, because of something that all have to notice. */
void waiting_wake_everybody(struct shmq *handle);

/* B1. A process that is refused the heavy barrier makes all processes use fences. */
void waiting_heavy_barrier(struct shmq *handle);

/*
 * Whether a consumer may be asleep.
 * Ordering: after the publishing store, B2; pairs with B1 in waiting_arm_consumer.
 */
static inline bool waiting_consumers_sleep_in(const struct header *header)
{
    const uint32_t flags = atomic_load_explicit(&header->flags, memory_order_relaxed);
    barrier_light((flags & FLAG_FULL_FENCES) != 0);                                  /* B2 */
    return (uint32_t)atomic_load_explicit(&header->bell, memory_order_relaxed) != 0; /* W1 */
}

static inline bool waiting_consumers_sleep(const struct shmq *handle)
{
    return waiting_consumers_sleep_in(handle->header);
}

/* Wakes up to @count consumers, if any sleep. */
static inline void waiting_wake_consumers(struct shmq *handle, uint32_t count)
{
    if (__builtin_expect(waiting_consumers_sleep(handle), 0))
        waiting_wake_consumers_slow(handle, count);
}

/* Wakes the lane's producer if it sleeps and head has come far enough. Ordering: B2; pairs with its B1. */
static inline void waiting_wake_producer(struct shmq *handle, struct lane_view *view)
{
    barrier_light((handle_flags(handle) & FLAG_FULL_FENCES) != 0);
    const uint64_t wanted = atomic_load_explicit(&view->ring.control->wanted_head, memory_order_relaxed); /* W1 */
    if (__builtin_expect(wanted != 0, 0))
        waiting_wake_producer_slow(handle, view, wanted);
}

/* ------------------------------------------------------------------ spinning before sleeping */

#define SPIN_MIN 16u
#define SPIN_START 256u
#define SPIN_MAX 2048u
#define SPIN_WORTH_NS INT64_C(100000) /* a shorter sleep costs more than spinning instead */

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

/* On a single processor the limit is 0: spinning would only keep the other side from running. */
void spin_init(struct spin *spin);

/* Spins until @ready returns true, or the limit is reached. */
static inline bool spin_until(const struct spin *spin, bool (*ready)(struct shmq *), struct shmq *handle)
{
    for (uint32_t i = 0; i < spin->limit; i++) {
        if (ready(handle))
            return true;
        cpu_relax();
    }
    return false;
}

/* Adapts the limit after a sleep of @slept_ns: more spinning after a short sleep, less after a long one. */
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
