/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_LIVENESS_H
#define SHMQ_LIVENESS_H

#include "common/queue/handle.h"

/* Which lanes and seats have a live owner. One look at all of them asks the kernel twice, and once more for each
 * live owner, instead of once for each lane and seat. */
struct liveness {
    uint64_t lanes[SHMQ_LANES_MAX / 64];
    uint64_t seats[SHMQ_SEATS_MAX / 64];
};

void liveness_look(const struct shmq *handle, struct liveness *liveness);

static inline bool liveness_of_lane(const struct liveness *liveness, uint32_t lane)
{
    return (liveness->lanes[lane / 64] >> (lane % 64) & 1) != 0;
}

static inline bool liveness_of_seat(const struct liveness *liveness, uint32_t seat)
{
    return (liveness->seats[seat / 64] >> (seat % 64) & 1) != 0;
}

/* The same for one, as it is now. */
bool liveness_lane_now(const struct shmq *handle, uint32_t lane);
bool liveness_seat_now(const struct shmq *handle, uint32_t seat);

#endif
