/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_PRODUCER_SOURCE_H
#define SHMQ_PRODUCER_SOURCE_H

#include "producer/inputs.h"

/* Puts all that the source has. FLOW_CONTINUE or FLOW_END when that went well. */
enum flow source_run(struct publisher *publisher, const struct inputs *inputs, const struct options *options,
                     uint64_t seed);

#endif
