/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_LIFE_IN_COPY_H
#define SHMQ_LIFE_IN_COPY_H

#include "common/queue/handle.h"

/* What a copy says of the owner of a lane or seat, by its saved_life, which may be anything. Return: enum
 * shmq_in_copy. */
static inline uint32_t life_in_copy(const struct shmq *handle, const shared_u32 *saved)
{
    if (!handle->object.copy)
        return SHMQ_IN_COPY_NOT;
    if (atomic_load_explicit(&handle->header->saved_ns, memory_order_relaxed) == 0)
        return SHMQ_IN_COPY_UNKNOWN;
    switch (atomic_load_explicit(saved, memory_order_relaxed)) {
    case SAVED_LIFE_ALIVE:
        return SHMQ_IN_COPY_ALIVE;
    case SAVED_LIFE_GONE:
        return SHMQ_IN_COPY_GONE;
    default:
        return SHMQ_IN_COPY_UNKNOWN;
    }
}

/* Whether it is alive; in a copy, whether it was, as far as is known. */
static inline bool life_may_be(bool alive, uint32_t in_copy)
{
    return alive || in_copy == SHMQ_IN_COPY_ALIVE || in_copy == SHMQ_IN_COPY_UNKNOWN;
}

#endif
