/* SPDX-License-Identifier: MIT */
#ifndef SUPERVISOR_IDENTITY_H
#define SUPERVISOR_IDENTITY_H

#include "supervisor/options.h"

/*
 * Hash of everything that must be the same for this run to continue an earlier one: source, framing, sink, and the
 * files read and written, by inode. Rates, the number of consumers and retry options do not matter. Never 0.
 */
uint64_t identity_of_command(const struct options *options);
/* Hash of the sizes and times of the inputs, which change when more is appended. */
uint64_t identity_of_inputs(const struct options *options);

#endif
