/* SPDX-License-Identifier: MIT */
#ifndef CONSUMER_PROCESS_GROUP_H
#define CONSUMER_PROCESS_GROUP_H

#include <sys/types.h>

/*
 * A process that outlives this one by a moment: when this one dies with a command running, the watch kills the
 * command's whole process group, so that it does not go on beside the redelivery of its message. (A parent-death
 * signal reaches the shell only, and not what the shell has started.)
 */

struct process_group_watch {
    pid_t pid;
    int fd; /* tells the watch which group to kill; its end tells that we have died */
};

/* Starts it; call it before the queue is opened, whose locks a child would share. Returns 0 or a negative errno.
 */
int process_group_watch_start(struct process_group_watch *watch);
/* Says which group to kill from now on; 0 is none. Safe between fork and exec. */
void process_group_watch_set(const struct process_group_watch *watch, pid_t group);
/* Ends it. */
void process_group_watch_stop(struct process_group_watch *watch);

#endif
