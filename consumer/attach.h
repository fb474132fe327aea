/* SPDX-License-Identifier: MIT */
#ifndef CONSUMER_ATTACH_H
#define CONSUMER_ATTACH_H

#include "consumer/options.h"
#include "consumer/totals.h"

/*
 * Attaches to the queue as a consumer, waiting for it to appear if there is none.
 *
 * Return: 0; -EINTR when an end was asked for, -ETIMEDOUT after --idle, and as shmq_open.
 */
int attach(const struct consumer_options *options, struct totals *totals, struct shmq **handle);

#endif
