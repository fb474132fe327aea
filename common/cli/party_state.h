/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_CLI_PARTY_STATE_H
#define SHMQ_CLI_PARTY_STATE_H

#include <stdbool.h>

#include "common/shmq.h"

/* What a producer or consumer is doing. */
enum party_state {
    PARTY_RUNNING,   /* at work, or waiting for something outside the queue, such as its input */
    PARTY_BLOCKED,   /* waits for room */
    PARTY_ASLEEP,    /* waits for messages */
    PARTY_ASIDE,     /* waits until a message that was put aside is due; or a message alone, without a consumer */
    PARTY_PAUSED,    /* waits until the queue is resumed */
    PARTY_STOPPED,   /* by a signal or a tracer, whatever else it was doing */
    PARTY_DEAD,      /* with something unfinished */
    PARTY_FINISHED,  /* its stream ended */
    PARTY_GAVE_BACK, /* left, and gave messages back that nobody has taken over yet */
    PARTY_GONE,      /* died, but left nothing undone */
    PARTY_IN_COPY,   /* in a copy of a queue: whether it was alive, and at what, is not known */
};

/* The state of a lane's producer; in a copy, what it was. Reads /proc, but not for a copy, whose pids are of
 * another time, and perhaps of another host. */
enum party_state why_producer(const struct shmq_lane_stat *lane);

/* The same of a seat's consumer. */
enum party_state why_consumer(const struct shmq_stat *queue, const struct shmq_seat_stat *seat);

/* "running", "blocked on full", "asleep on empty", "stopped", "dead, unfinished"... */
const char *why_state_text(enum party_state state);

/* The same in one word of at most 8 letters, for a table. */
const char *why_state_word(enum party_state state);

/* Whether nothing is left in the queue but messages that were put aside. */
bool party_all_wait_aside(const struct shmq_stat *queue);

#endif
