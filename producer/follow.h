/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_PRODUCER_FOLLOW_H
#define SHMQ_PRODUCER_FOLLOW_H

#include "producer/options.h"
#include "producer/publisher.h"

/*
 * --follow: opens the queue and puts what the files contain and what is written to them, until it is told to stop.
 *
 * Return: FLOW_END; FLOW_FAILED.
 */
enum flow follow_run(struct publisher *publisher, const struct options *options);

#endif
