/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_PRODUCER_BLOCK_INPUT_H
#define SHMQ_PRODUCER_BLOCK_INPUT_H

#include "producer/input.h"

/* True if blocks are large enough to be worth a read each, and may be read straight into the queue. */
bool block_input_fits(const struct publisher *publisher, const struct options *options);
/* Reads an input block by block straight into the queue. @unused as for buffered_input_run. */
enum flow block_input_run(struct publisher *publisher, struct input *input, const struct options *options,
                          uint64_t *unused);

#endif
