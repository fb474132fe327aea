/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_PRODUCER_BLOCK_INPUT_H
#define SHMQ_PRODUCER_BLOCK_INPUT_H

#include "producer/input.h"

/* True if blocks are large enough to justify one read each and can be read directly into the queue. */
bool block_input_fits(const struct publisher *publisher, const struct options *options);
/*
 * Reads an input block by block directly into the queue.
 *
 * @unused  receives the offset of the first byte that is not in the queue
 */
enum flow block_input_run(struct publisher *publisher, struct input *input, const struct options *options,
                          uint64_t *unused);

#endif
