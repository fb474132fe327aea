/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_PRODUCER_LANE_WAIT_H
#define SHMQ_PRODUCER_LANE_WAIT_H

#include <stdint.h>

#include "common/shmq.h"
#include "producer/options.h"

enum { LANE_WAIT_TEXT_BYTES = 512 + SHMQ_NAME_MAX };

/* How to wait for a lane while all lanes of the queue are taken. */
struct lane_wait {
    const char *queue;
    enum on_full on_full;
    int64_t timeout_ns; /* for ON_FULL_BLOCK; negative: no limit */
    /* Called several times a second while waiting. */
    void (*tick)(void *context);
    void *context;
};

/*
 * Opens the queue as a producer. With --on-full block, waits while all its lanes are taken, and reports that after
 * a second. With fail and drop it does not wait: even dropping, and counting what is dropped, needs a lane.
 *
 * @how  .stop must be set; this function sets .attach_wait_ns
 *
 * Return: as shmq_open; -EUSERS if no lane became free in time.
 */
int lane_wait_open(struct shmq **handle, const struct lane_wait *wait, struct shmq_options *how);

/* Writes to @text, of LANE_WAIT_TEXT_BYTES, why no lane was free and what to do; returns @text. */
const char *lane_wait_text(const struct lane_wait *wait, char *text);

#endif
