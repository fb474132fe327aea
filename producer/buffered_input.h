/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_PRODUCER_BUFFERED_INPUT_H
#define SHMQ_PRODUCER_BUFFERED_INPUT_H

#include "producer/input.h"

/*
 * Reads an input through a buffer and puts its messages. Whole messages are put before the next read.
 *
 * @unused  receives the offset of the first byte that is not in the queue
 */
enum flow buffered_input_run(struct publisher *publisher, struct input *input, const struct options *options,
                             uint64_t *unused);

/* Reports that the message at @offset is longer than the queue's largest message. */
enum flow buffered_input_fail_too_long(struct publisher *publisher, const struct input *input,
                                       const struct options *options, uint64_t offset, uint64_t index);

#endif
