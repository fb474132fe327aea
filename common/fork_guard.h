/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_FORK_GUARD_H
#define SHMQ_FORK_GUARD_H

/*
 * A forked child shares the parent's file descriptions, and with them its locks: as long as it had them open, its
 * parent could not be seen to be dead. So a child closes the descriptors of all queues first thing.
 */

/* Watches @fd until fork_guard_forget. Return: 0; -ENOMEM. Context: any thread. */
int fork_guard_watch(int fd);
void fork_guard_forget(int fd);

#endif
