/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_PRODUCER_SOURCE_H
#define SHMQ_PRODUCER_SOURCE_H

#include "producer/inputs.h"

/* Puts all messages of the source. Returns FLOW_CONTINUE or FLOW_END on success. */
enum flow source_run(struct publisher *publisher, const struct inputs *inputs, const struct options *options,
                     uint64_t seed);

#endif
