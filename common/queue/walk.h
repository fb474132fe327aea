/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_WALK_H
#define SHMQ_WALK_H

#include "common/queue/handle.h"

/* A walk over the content of a lane, from head to tail, without a lock and while it changes. */

struct walk {
    uint64_t head; /* positions, as they were when the walk began */
    uint64_t claim;
    uint64_t tail;
    uint64_t messages; /* not acknowledged */
    uint64_t bytes;    /* their payload */
    uint64_t leased;   /* messages that are leased */
    uint64_t problem_position;
    const char *problem; /* NULL, or what is wrong at problem_position; changes in progress are not problems */
};

/* Return: 0; -EBADMSG with walk->problem; -EAGAIN if the lane changed too fast. */
int walk_lane(const struct shmq *handle, const struct ring *ring, struct walk *walk);

#endif
