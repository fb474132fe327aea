/* SPDX-License-Identifier: MIT */
/* Reads the queue's state while children use it. Its memory may disappear at any moment, so all reads are guarded.
 */
#include <errno.h>

#include "common/cli/bus_guard.h"
#include "supervisor/queue.h"

/* Parameters and result of a guarded read. */
struct question {
    struct queue *queue;
    struct shmq_stat *stat;
    struct shmq_lane_stat *lane;
    pid_t pid;
    pid_t *owners;
    bool yes;
    uint64_t number;
};

static int ask_stat(void *context)
{
    struct question *question = context;
    return shmq_stat(question->queue->handle, question->stat);
}

int queue_stat(struct queue *queue, struct shmq_stat *stat)
{
    struct question question = {.queue = queue, .stat = stat};
    queue->error = bus_guard_call(ask_stat, &question);
    if (queue->error == 0 && stat->removed)
        queue->error = -ESTALE;
    return queue->error;
}

static uint32_t lanes_of_queue(const struct queue *queue)
{
    struct shmq_info info = SHMQ_INFO_INIT;
    return shmq_info(queue->handle, &info) == 0 ? info.lanes : 0;
}

static int ask_lane(void *context)
{
    struct question *question = context;
    uint32_t lanes = lanes_of_queue(question->queue);
    for (uint32_t i = 0; i < lanes && !question->yes; i++)
        question->yes = shmq_stat_lane(question->queue->handle, i, question->lane) == 0 && question->lane->used &&
                        question->lane->pid == question->pid;
    return 0;
}

bool queue_find_lane(struct queue *queue, pid_t pid, struct shmq_lane_stat *lane)
{
    struct question question = {.queue = queue, .lane = lane, .pid = pid};
    return bus_guard_call(ask_lane, &question) == 0 && question.yes;
}

static int ask_seats(void *context)
{
    struct question *question = context;
    struct shmq_info info = SHMQ_INFO_INIT;
    if (shmq_info(question->queue->handle, &info) != 0)
        return 0;
    for (uint32_t i = 0; i < info.seats && !question->yes; i++) {
        struct shmq_seat_stat seat = SHMQ_SEAT_STAT_INIT;
        if (shmq_stat_seat(question->queue->handle, i, &seat) != 0 || seat.leased == 0 || seat.aside)
            continue;
        question->yes = seat.pid == question->pid || (!seat.alive && seat.pid != 0);
    }
    return 0;
}

bool queue_died_at_work(struct queue *queue, pid_t pid)
{
    struct question question = {.queue = queue, .pid = pid};
    return bus_guard_call(ask_seats, &question) == 0 && question.yes;
}

static int ask_owners(void *context)
{
    struct question *question = context;
    const uint32_t lanes = lanes_of_queue(question->queue);
    for (uint32_t i = 0; i < lanes && i < SHMQ_LANES_MAX; i++) {
        struct shmq_lane_stat lane = SHMQ_LANE_STAT_INIT;
        const bool known = shmq_stat_lane(question->queue->handle, i, &lane) == 0 && lane.used;
        question->owners[i] = known ? lane.pid : 0;
        question->number = i + 1;
    }
    return 0;
}

uint32_t queue_lane_owners(struct queue *queue, pid_t *owners)
{
    struct question question = {.queue = queue, .owners = owners};
    return bus_guard_call(ask_owners, &question) == 0 ? (uint32_t)question.number : 0;
}

static int ask_unfinished(void *context)
{
    struct question *question = context;
    uint32_t lanes = lanes_of_queue(question->queue);
    for (uint32_t i = 0; i < lanes; i++) {
        struct shmq_lane_stat lane = SHMQ_LANE_STAT_INIT;
        if (shmq_stat_lane(question->queue->handle, i, &lane) != 0 || (lane.used && !lane.finished))
            question->yes = true;
    }
    return 0;
}

bool queue_has_ended(struct queue *queue)
{
    struct shmq_stat stat = SHMQ_STAT_INIT;
    struct question question = {.queue = queue};
    if (queue->ended)
        return true;
    if (queue_stat(queue, &stat) != 0 || stat.messages > 0 ||
        stat.finished - queue->finished_before < queue->options->producers)
        return false;
    queue->ended = bus_guard_call(ask_unfinished, &question) == 0 && !question.yes;
    return queue->ended;
}
