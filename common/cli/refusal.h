/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_CLI_REFUSAL_H
#define SHMQ_CLI_REFUSAL_H

/*
 * Why @queue cannot be used, and what to do: shmq_strerror of @error. That of -EPERM names three causes; here it
 * is the one that it has. That of -EBADMSG names the monitor, as it is called here. Valid until the next call.
 */
const char *refusal_text(const char *queue, int error);

#endif
