/* SPDX-License-Identifier: MIT */
#ifndef CONSUMER_GATHERING_H
#define CONSUMER_GATHERING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/shmq.h"

/* --batch N:WAIT: lets messages gather in the queue before they are leased. */

struct gathering {
    int64_t deadline_ns; /* 0: no message was seen yet */
    int64_t pause_ns;    /* until the next look */
};

/*
 * Waits until @wanted messages can be leased, or @longest_ns has passed since the first was seen, or there is no
 * point in waiting longer. Returns now and then in between; then call it again.
 *
 * @timeout_ns  how long to wait for the first message
 * @go          receives whether to lease now
 *
 * Return: 0; otherwise as shmq_ready.
 */
int gathering_wait(struct gathering *gathering, struct shmq *handle, size_t wanted, int64_t longest_ns,
                   int64_t timeout_ns, bool *go);

#endif
