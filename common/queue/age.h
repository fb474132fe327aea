/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_AGE_H
#define SHMQ_AGE_H

#include "common/core/marks.h"
#include "common/queue/handle.h"

/* How long ago messages were put. All ages are in nanoseconds and never negative; -1: not known. */

/* Age of the message in the lane at @position. */
int64_t age_in_lane(const struct shmq *handle, const struct ring *ring, uint64_t position);

/* Age of the message in a seat's buffer. */
int64_t age_in_seat(const struct shmq *handle, const struct seat *seat);

/* The greater of two ages, of which either may be unknown. */
static inline int64_t age_greater(int64_t a_ns, int64_t b_ns)
{
    return a_ns > b_ns ? a_ns : b_ns;
}

#endif
