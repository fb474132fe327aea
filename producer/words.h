/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_PRODUCER_WORDS_H
#define SHMQ_PRODUCER_WORDS_H

#include "producer/publisher.h"

/* Puts the words of the command line. */
enum flow words_run(struct publisher *publisher, const struct options *options);

/*
 * A stop was requested, or --count is reached. Reports words that wait for room in the queue, or for a lane, and
 * are not put.
 *
 * Return: FLOW_END; FLOW_FAILED if words were reported.
 */
enum flow words_stopped(struct publisher *publisher, const struct options *options);

#endif
