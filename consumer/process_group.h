/* SPDX-License-Identifier: MIT */
#ifndef CONSUMER_PROCESS_GROUP_H
#define CONSUMER_PROCESS_GROUP_H

#include <stdatomic.h>
#include <sys/types.h>

/*
 * A watcher process. If the consumer dies while a command is running, the watcher kills the command's whole
 * process group, so that the command does not run alongside the redelivery of its message. (A parent-death signal
 * reaches only the shell, not what the shell has started.)
 */

struct process_group_watch {
    pid_t pid;
    int fd;              /* pipe to the watcher: end-of-file means that the consumer has died */
    _Atomic long *group; /* to kill then; 0: none. In memory shared with the watcher, which sleeps meanwhile */
};

/*
 * Starts the watcher. Call it before the queue is opened, because a child would share the queue's locks.
 * Returns 0 or a negative errno.
 */
int process_group_watch_start(struct process_group_watch *watch);
/* Sets the group to kill; 0: none. Makes no system call. */
void process_group_watch_set(const struct process_group_watch *watch, pid_t group);
void process_group_watch_stop(struct process_group_watch *watch);

#endif
