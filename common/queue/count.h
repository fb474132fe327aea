/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_COUNT_H
#define SHMQ_COUNT_H

#include "common/core/layout.h"

/*
 * Counters have one writer each: the owner of the lane or seat that they are in. So counting takes a load and a
 * store and no atomic addition. A kill between what is counted and the store hides what its victim was counting.
 *
 * Ordering: release. A counter that cannot be greater than another, as rings cannot be more than sleeps, is stored
 * after it, and read (with acquire) before it, so that no observer sees more rings than sleeps.
 */
static inline void count_add(shared_u64 *counter, uint64_t add)
{
    atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + add,
                          memory_order_release);
}

static inline void count_one(shared_u64 *counter)
{
    count_add(counter, 1);
}

/* Of counters that any process adds to: those of the header, and what is dropped from a lane. */
static inline void count_shared(shared_u64 *counter)
{
    atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

#endif
