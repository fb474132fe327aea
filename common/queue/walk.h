/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_WALK_H
#define SHMQ_WALK_H

#include "common/queue/handle.h"

/* A walk over what a lane holds, from head to tail, without any lock and while it changes. */

struct walk {
    uint64_t head; /* positions, as they were when the walk began */
    uint64_t claim;
    uint64_t tail;
    uint64_t messages; /* not acknowledged */
    uint64_t bytes;    /* their payload */
    uint64_t leased;   /* of the messages */
    uint64_t problem_position;
    const char *problem; /* NULL; else what does not hold at problem_position, although nobody was changing it */
};

/* Return: 0; -EBADMSG with walk->problem; -EAGAIN when the lane changed too fast to be looked at. */
int walk_lane(const struct shmq *handle, const struct ring *ring, struct walk *walk);

#endif
