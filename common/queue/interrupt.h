/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_INTERRUPT_H
#define SHMQ_INTERRUPT_H

#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * How another thread, or a signal handler, ends a handle's wait. Whoever waits says where it sleeps (I0), then
 * looks whether it is interrupted (I1), and only then goes to sleep; whoever interrupts says so first (J0), then
 * looks where to wake (J1). All four are sequentially consistent: either I1 sees J0, or J1 sees I0.
 *
 * Private to the process.
 */

enum sleep_place {
    SLEEP_NOT,
    SLEEP_ALONE,   /* on a semaphore of its own: until some time, or an interrupt */
    SLEEP_ON_BELL, /* on one that others may sleep on, too */
};

struct interrupt {
    atomic_uint pending; /* W: who interrupts (1), the owner (0). One ends one wait */
    atomic_uint place;   /* enum sleep_place. W: owner. R: who interrupts */
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

/* Whether there is one, which now has ended its wait. */
static inline bool interrupt_take(struct interrupt *interrupt)
{
    return interrupt_is_pending(interrupt) &&
           atomic_exchange_explicit(&interrupt->pending, 0, memory_order_seq_cst) != 0;
}

/* Sleeps until @deadline_ns on the monotonic clock, a signal, or an interrupt, pending or coming. */
void interrupt_sleep_alone(struct interrupt *interrupt, int64_t deadline_ns);

/*
 * J0, J1. Wakes who sleeps alone.
 * Context: any thread, signal handlers. Return: where the owner sleeps.
 */
enum sleep_place interrupt_raise(struct interrupt *interrupt);

#endif
