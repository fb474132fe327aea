/* SPDX-License-Identifier: MIT */
#ifndef SUPERVISOR_IDENTITY_H
#define SUPERVISOR_IDENTITY_H

#include "supervisor/options.h"

/*
 * What has to be the same for what an earlier run has done to count for this one, as one number: source, framing,
 * sink, and the files that are read and written, by inode. How fast, how many consumers, and how commands are
 * retried does not matter. Never 0.
 */
uint64_t identity_of_command(const struct options *options);
/* Sizes and times of the inputs: they tell whether there is more now than there was. */
uint64_t identity_of_inputs(const struct options *options);

#endif
