/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_PRODUCER_RESUME_H
#define SHMQ_PRODUCER_RESUME_H

#include "producer/inputs.h"

/*
 * Checks that the files are those that earlier runs read, and skips what those runs have put. Fails if the files
 * have changed.
 */
enum flow resume_inputs(struct inputs *inputs, struct publisher *publisher, const struct options *options);

#endif
