/* SPDX-License-Identifier: MIT */
#ifndef CONSUMER_START_RATE_H
#define CONSUMER_START_RATE_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/cli/rate.h"

/*
 * --rate: how many messages a second are started, by all workers of this consumer together. Only the worker whose
 * turn it is waits for a message: a lease that has been allowed may come much later, and must not come for several
 * workers at once. All functions: any thread.
 */
struct start_rate {
    struct rate rate;
    pthread_mutex_t turn;
    pthread_mutex_t lock; /* of the rate */
};

/* @per_second: 0: no limit */
void start_rate_init(struct start_rate *rate, double per_second);

static inline bool start_rate_is_set(const struct start_rate *rate)
{
    return rate->rate.per_second > 0;
}

/* Waits until it is this worker's turn to wait for messages, and ends that. */
void start_rate_begin_turn(struct start_rate *rate);
void start_rate_end_turn(struct start_rate *rate);

/*
 * Returns how many of @wanted messages may be started now. If 0, @due_ns receives when to ask again: with high
 * rates not before a few may be started.
 */
size_t start_rate_allow(struct start_rate *rate, size_t wanted, int64_t *due_ns);
/* Records that messages are started. */
void start_rate_take(struct start_rate *rate, size_t count);
/* Takes one start if it is allowed; else as start_rate_allow. */
bool start_rate_try(struct start_rate *rate, int64_t *due_ns);

#endif
