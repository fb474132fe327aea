/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_INTERRUPT_H
#define SHMQ_INTERRUPT_H

#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * How another thread, or a signal handler, ends a handle's wait. The waiting thread stores where it sleeps (I0),
 * then checks for an interrupt (I1), and only then goes to sleep. The interrupting thread first sets the interrupt
 * (J0), then reads where to wake the other (J1). All four are sequentially consistent: either I1 sees J0, or J1
 * sees I0.
 *
 * Private to the process.
 */

enum sleep_place {
    SLEEP_NOT,
    SLEEP_ALONE,   /* on the handle's private semaphore, until a deadline or an interrupt */
    SLEEP_ON_BELL, /* on a doorbell, which others may share */
};

struct interrupt {
    atomic_uint pending; /* W: the interrupting thread (1), the owner (0). One interrupt ends one wait */
    atomic_uint place;   /* enum sleep_place. W: owner. R: the interrupting thread */
    sem_t alone;
};

void interrupt_init(struct interrupt *interrupt);

/* I0 */
static inline void interrupt_begin_sleep(struct interrupt *interrupt, enum sleep_place place)
{
    atomic_store_explicit(&interrupt->place, place, memory_order_seq_cst);
}

static inline void interrupt_end_sleep(struct interrupt *interrupt)
{
    atomic_store_explicit(&interrupt->place, SLEEP_NOT, memory_order_seq_cst);
}

/* I1 */
static inline bool interrupt_is_pending(const struct interrupt *interrupt)
{
    return atomic_load_explicit(&interrupt->pending, memory_order_seq_cst) != 0;
}

/* Takes a pending interrupt, which then ends the caller's wait. Return: whether there was one. */
static inline bool interrupt_take(struct interrupt *interrupt)
{
    return interrupt_is_pending(interrupt) &&
           atomic_exchange_explicit(&interrupt->pending, 0, memory_order_seq_cst) != 0;
}

/* Sleeps until @deadline_ns on the monotonic clock, a signal, or an interrupt (at once if one is pending). */
void interrupt_sleep_alone(struct interrupt *interrupt, int64_t deadline_ns);

/*
 * J0, J1. Wakes the owner if it sleeps on its private semaphore.
 * Context: any thread, signal handlers. Return: where the owner sleeps.
 */
enum sleep_place interrupt_raise(struct interrupt *interrupt);

#endif
