/* SPDX-License-Identifier: MIT */
#ifndef SUPERVISOR_QUEUE_H
#define SUPERVISOR_QUEUE_H

#include "common/shmq.h"
#include "supervisor/options.h"

/* What is in the queue: what an earlier run left there, and in the end what this one leaves. */
struct queue {
    const struct options *options;
    struct shmq *handle;
    const char *name;
    int error;           /* of the last look; 0 */
    bool fresh;          /* made by this run */
    bool taken_over;     /* what an earlier run left is gone on with */
    uint64_t put_before; /* what the summary counts from */
    uint64_t left_before;
    bool ended;               /* see work_has_ended; false again once another producer is started */
    uint64_t finished_before; /* clean ends of producers before this run */
};

/*
 * Becomes the supervisor of the queue: makes it if there is none, takes over what this very command left, removes
 * what is finished. Anything else that stands in the way ends the program. All is checked before anything is
 * changed.
 */
void queue_begin(struct queue *queue, const struct options *options);
/* Looks at the queue. Return: 0; negative errno, also kept in .error. */
int queue_stat(struct queue *queue, struct shmq_stat *stat);
/* Finds the lane whose last owner was @pid. Return: false: it has a new owner by now, and was finished. */
bool queue_find_lane(struct queue *queue, pid_t pid, struct shmq_lane_stat *lane);
/* Sets @owners to the pid of each lane's last owner, 0: none, SHMQ_LANES_MAX of them. Return: how many lanes there
 * are; 0 where the queue cannot be looked at. */
uint32_t queue_lane_owners(struct queue *queue, pid_t *owners);
/* How full the lanes in use are, in percent. */
unsigned queue_fill(struct queue *queue);
/*
 * Whether the stream has ended: all producers of this run have finished, whether or not they have exited by now,
 * and all is acknowledged.
 */
bool queue_has_ended(struct queue *queue);
/*
 * Lets go of the queue: removes it if nobody needs it any more, and says why if not.
 *
 * @messages  how many are left in it
 * @complete  nothing has failed, and nothing is left to be read
 * @failed    something has: the queue is kept where the same command can go on there
 */
void queue_end(struct queue *queue, uint64_t messages, bool complete, bool failed);

#endif
