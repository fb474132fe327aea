/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_CLI_OPEN_ERROR_H
#define SHMQ_CLI_OPEN_ERROR_H

#include "common/cli/options.h"

/*
 * Why @queue cannot be used, and what to do: shmq_strerror of @error. That of -EPERM names three causes; here it
 * is the one that it has. That of -EBADMSG names the monitor, as it is called here. Valid until the next call.
 */
const char *refusal_text(const char *queue, int error);

/*
 * In what the queue is different from the creating options, after -EEXIST: each with what it is, what was asked
 * for, and what to do. NULL where that cannot be found out any more. Valid until the next call.
 */
const char *refusal_difference(const struct common_options *options);

#endif
