/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_PRODUCER_LANE_WAIT_H
#define SHMQ_PRODUCER_LANE_WAIT_H

#include <stdint.h>

#include "common/shmq.h"
#include "producer/options.h"

enum { LANE_WAIT_TEXT_BYTES = 512 + SHMQ_NAME_MAX };

/* How to wait for a lane of a queue while all are taken. */
struct lane_wait {
    const char *queue;
    enum on_full on_full;
    int64_t timeout_ns; /* of ON_FULL_BLOCK; negative: for ever */
    /* Called several times a second while waiting. */
    void (*tick)(void *context);
    void *context;
};

/*
 * Opens the queue as a producer, and waits while all its lanes are taken if --on-full block says so; what it waits
 * for is said after a second. Neither of the other two waits: to drop messages, and count them, takes a lane.
 *
 * @how  attach_wait_ns is set here; .stop has to be set
 *
 * Return: as shmq_open; -EUSERS when it gave up.
 */
int lane_wait_open(struct shmq **handle, const struct lane_wait *wait, struct shmq_options *how);

/* Says in @text, of LANE_WAIT_TEXT_BYTES, why it gave up and what to do; returns @text. */
const char *lane_wait_text(const struct lane_wait *wait, char *text);

#endif
