/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_CLI_OPEN_ERROR_H
#define SHMQ_CLI_OPEN_ERROR_H

#include "common/cli/options.h"

/*
 * Explains why @queue cannot be used and what to do: shmq_strerror(@error), except for two codes. -EPERM has three
 * possible causes; this text names the actual one. The text for -EBADMSG names the monitor program as it is
 * installed. Valid until the next call.
 */
const char *open_error_text(const char *queue, int error);

/* The same in a few words, without what to do: for a list of queues. Valid until the next call. */
const char *open_error_brief(const char *queue, int error);

/*
 * After -EEXIST: lists each option in which the existing queue differs, with the actual and the requested value,
 * and says what to do. NULL if the queue cannot be inspected or no longer differs. Valid until the next call.
 */
const char *open_error_difference(const struct common_options *options);

#endif
