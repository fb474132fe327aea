/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_PRODUCER_LISTEN_H
#define SHMQ_PRODUCER_LISTEN_H

#include "producer/options.h"
#include "producer/publisher.h"

/* Checks the addresses of --listen, before the queue is created. Reports a failure. */
enum flow listen_check(struct publisher *publisher, const struct options *options);
/*
 * Puts what clients send, until a stop is requested or --count is reached. Then takes no more clients, and puts
 * what the kernel had accepted from them.
 *
 * Return: FLOW_END; FLOW_FAILED also if something received could not be put.
 */
enum flow listen_run(struct publisher *publisher, const struct options *options);

#endif
