/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_CLI_LATENCY_WINDOW_H
#define SHMQ_CLI_LATENCY_WINDOW_H

#include <stdint.h>

#include "common/shmq.h"

/* The times in a queue during the last two minutes: what its histogram has now and had not then. */

#define LATENCY_WINDOW_NS INT64_C(120000000000)
#define LATENCY_WINDOW_STEP_NS INT64_C(10000000000) /* between two histograms that are kept */

enum { LATENCY_WINDOW_PAST = 12 };

/* All zero: nothing was seen yet. */
struct latency_window {
    struct {
        int64_t at_ns;
        uint64_t counts[SHMQ_LATENCY_BUCKETS];
    } past[LATENCY_WINDOW_PAST]; /* a ring */
    uint32_t used;
    uint32_t newest;
};

/*
 * Adds a look at the histogram of the queue, which must be the same one each time.
 *
 * @counts  SHMQ_LATENCY_BUCKETS numbers, as shmq_latency gives them
 * @recent  receives as many: those of the window
 *
 * Return: how long the window is, at most about LATENCY_WINDOW_NS; 0: nothing was seen before.
 */
int64_t latency_window_add(struct latency_window *window, const uint64_t *counts, int64_t now_ns,
                           uint64_t *recent);

#endif
