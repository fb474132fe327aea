/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_PRODUCER_RESUME_H
#define SHMQ_PRODUCER_RESUME_H

#include "producer/inputs.h"

/*
 * Passes over what earlier runs have put, once the files were found to be those that they read. What does not fit
 * is refused.
 */
enum flow resume_inputs(struct inputs *inputs, struct publisher *publisher, const struct options *options);

#endif
