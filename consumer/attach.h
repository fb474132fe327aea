/* SPDX-License-Identifier: MIT */
#ifndef CONSUMER_ATTACH_H
#define CONSUMER_ATTACH_H

#include "consumer/options.h"
#include "consumer/totals.h"

/*
 * Attaches to the queue as a consumer. If the queue does not exist, waits for it to appear.
 *
 * Return: 0; -EINTR when a stop was requested; -ETIMEDOUT after --idle; otherwise as shmq_open.
 */
int attach(const struct consumer_options *options, struct totals *totals, struct shmq **handle);

#endif
