/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_BARRIER_H
#define SHMQ_BARRIER_H

#include <stdatomic.h>
#include <stdbool.h>

/*
 * The asymmetric barrier between a sleeper and a waker (Dekker's store-load on both sides):
 *
 *   sleeper: announce the sleep (S0); barrier_heavy (B1); check the ring again (S1)
 *   waker:   publish (P1, H1); barrier_light (B2); look for sleepers (W1)
 *
 * Either S1 sees what was published, or W1 sees the sleeper. B1 interrupts every processor that runs a registered
 * process, which executes a full fence on each of them; so B2 only has to keep the compiler from reordering. If
 * any process is refused membarrier, a flag in the header turns both into full fences.
 */

/* Registers this process for the B1 of others. Return: 0; negative errno if the kernel refuses. */
int barrier_register(void);

/* B1. Return: false if the kernel refuses; it then was only a fence, which suffices only if B2 is a fence too. */
bool barrier_heavy(void);

/* B2. @full_fences: the flag in the header. */
static inline void barrier_light(bool full_fences)
{
    if (__builtin_expect(full_fences, 0))
        atomic_thread_fence(memory_order_seq_cst);
    else
        atomic_signal_fence(memory_order_seq_cst);
}

#endif
