/* SPDX-License-Identifier: MIT */
#ifndef CONSUMER_GUARD_H
#define CONSUMER_GUARD_H

#include <sys/types.h>

/*
 * A process that outlives this one by a moment: when this one dies with a command running, the guard kills the
 * command's whole process group, so that it does not go on beside the redelivery of its message. (A parent-death
 * signal reaches the shell only, and not what the shell has started.)
 */

struct guard {
    pid_t pid;
    int fd; /* tells the guard which group to kill; its end tells that we have died */
};

/* Starts it; call it before the queue is opened, whose locks a child would share. Returns 0 or a negative errno.
 */
int guard_start(struct guard *guard);
/* Says which group to kill from now on; 0 is none. Safe between fork and exec. */
void guard_tell(const struct guard *guard, pid_t group);
/* Ends it. */
void guard_stop(struct guard *guard);

#endif
