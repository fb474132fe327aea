/* SPDX-License-Identifier: MIT */
#ifndef CONSUMER_PROCESS_GROUP_H
#define CONSUMER_PROCESS_GROUP_H

#include <stdatomic.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * A watcher process. If the consumer dies while commands are running, the watcher kills their whole process
 * groups, so that no command runs alongside the redelivery of its message. (A parent-death signal reaches only the
 * shell, not what the shell has started.)
 */

/* One command that may be running; each worker has its own. */
struct process_group_slot {
    _Atomic long group; /* to kill; 0: none. W: its worker, and that worker's child until exec. R: the watcher */
};

struct process_group_watch {
    pid_t pid;
    int fd;                           /* pipe to the watcher: end-of-file means that the consumer has died */
    struct process_group_slot *slots; /* in memory shared with the watcher, which sleeps meanwhile */
    uint32_t count;
};

/*
 * Starts the watcher. Call it before the queue is opened, because a child would share the queue's locks, and
 * before there are threads.
 *
 * @count  commands that may run at once
 *
 * Return: 0; a negative errno.
 */
int process_group_watch_start(struct process_group_watch *watch, uint32_t count);
void process_group_watch_stop(struct process_group_watch *watch);

/* Sets the group to kill; 0: none. Makes no system call. */
void process_group_set(struct process_group_slot *slot, pid_t group);

#endif
