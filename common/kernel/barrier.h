/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_BARRIER_H
#define SHMQ_BARRIER_H

#include <stdatomic.h>
#include <stdbool.h>

/*
 * The asymmetric barrier between who goes to sleep and who wakes (Dekker's store-load on both sides):
 *
 *   sleeper: say so (S0); barrier_heavy (B1); look at the ring again (S1)
 *   waker:   publish (P1, H1); barrier_light (B2); look for sleepers (W1)
 *
 * Either S1 sees what was published or W1 sees the sleeper. B1 interrupts every processor that runs a registered
 * process, which puts a full fence into each of them; so B2 need only keep the compiler from reordering. Where
 * membarrier is refused to anybody, a flag in the header turns both into full fences.
 */

/* Registers this process for B1 of others. Return: 0; negative errno where the kernel refuses. */
int barrier_register(void);

/* B1. Return: false where the kernel refuses; then it was a fence, which is enough only if B2 is one too. */
bool barrier_heavy(void);

/* B2. @full_fences as found in the header. */
static inline void barrier_light(bool full_fences)
{
    if (__builtin_expect(full_fences, 0))
        atomic_thread_fence(memory_order_seq_cst);
    else
        atomic_signal_fence(memory_order_seq_cst);
}

#endif
