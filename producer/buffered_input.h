/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_PRODUCER_BUFFERED_INPUT_H
#define SHMQ_PRODUCER_BUFFERED_INPUT_H

#include "producer/input.h"

/*
 * Reads an input through a buffer and puts the messages in it. Whatever one read brings is put before the next.
 *
 * @unused  receives the offset of the first byte that is not in the queue
 */
enum flow buffered_input_run(struct publisher *publisher, struct input *input, const struct options *options,
                             uint64_t *unused);

/* Reports the message at @offset as longer than the queue takes. */
enum flow buffered_input_fail_too_long(struct publisher *publisher, const struct input *input,
                                       const struct options *options, uint64_t offset, uint64_t index);

#endif
