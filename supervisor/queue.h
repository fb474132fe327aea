/* SPDX-License-Identifier: MIT */
#ifndef SUPERVISOR_QUEUE_H
#define SUPERVISOR_QUEUE_H

#include "common/shmq.h"
#include "supervisor/options.h"

/* The supervisor's queue: taking it over from an earlier run, inspecting it, and removing or keeping it at the
 * end. */
struct queue {
    const struct options *options;
    struct shmq *handle;
    const char *name;
    int error;           /* result of the last queue_stat */
    bool fresh;          /* created by this run */
    bool taken_over;     /* this run continues an earlier one */
    uint64_t put_before; /* counts before this run, which the summary subtracts */
    uint64_t left_before;
    bool ended;               /* cached result of queue_has_ended; reset when a producer is started */
    uint64_t finished_before; /* finishes of producers before this run */
};

/*
 * Becomes the supervisor of the queue: creates it, continues an earlier run of the same command, or replaces a
 * finished queue. Exits if anything else is in the way. Checks everything before it changes anything.
 */
void queue_begin(struct queue *queue, const struct options *options);
/* Reads the queue's counts. Returns 0 or a negative errno, also stored in .error. */
int queue_stat(struct queue *queue, struct shmq_stat *stat);
/* Finds the lane whose last owner was @pid. False if it has a new owner, which means that it was finished. */
bool queue_find_lane(struct queue *queue, pid_t pid, struct shmq_lane_stat *lane);
/*
 * Whether a consumer that has just died had a message: its seat has one, or that of another dead consumer, whose
 * work it had taken over. False also if the message is already done: whoever has taken it over is usually not as
 * quick as the caller.
 */
bool queue_died_at_work(struct queue *queue, pid_t pid);
/*
 * Sets @owners, of SHMQ_LANES_MAX entries, to the pid of each lane's last owner (0: none). Returns the number of
 * lanes, or 0 if the queue cannot be read.
 */
uint32_t queue_lane_owners(struct queue *queue, pid_t *owners);
/*
 * Whether the stream has ended: all producers of this run have finished, even if they have not exited yet, and all
 * messages are acknowledged.
 */
bool queue_has_ended(struct queue *queue);
/*
 * Removes the queue if it is no longer needed; otherwise keeps it and reports why.
 *
 * @messages  number of messages left in it
 * @complete  nothing failed and all input was read
 * @failed    something failed: the queue is kept if the same command can continue there
 */
void queue_end(struct queue *queue, uint64_t messages, bool complete, bool failed);

#endif
