/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_PRODUCER_WHOLE_INPUT_H
#define SHMQ_PRODUCER_WHOLE_INPUT_H

#include "producer/input.h"

/*
 * Puts an input as one message. A file whose size is known is read directly into the queue.
 *
 * @unused  receives the offset of the first byte that is not in the queue
 */
enum flow whole_input_run(struct publisher *publisher, struct input *input, const struct options *options,
                          uint64_t *unused);

#endif
