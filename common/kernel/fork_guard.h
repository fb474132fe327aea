/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_FORK_GUARD_H
#define SHMQ_FORK_GUARD_H

#include <sys/types.h>

/*
 * A forked child shares the parent's file descriptions, and with them its locks: as long as it had them open, its
 * parent could not be seen to be dead. So a child closes the descriptors of all queues first thing.
 */

/*
 * shm_open and watch in one step, so that no fork comes in between. The descriptor is never 0, 1 or 2: what a
 * program prints that was started without these must not go into a queue.
 *
 * Context: any thread.
 * Return:  the descriptor; -ENOMEM; -ENOENT, -EACCES, -EROFS, -EMFILE, other system errors.
 */
int fork_guard_open(const char *name, int flags, mode_t mode);
/* Closes it likewise. */
void fork_guard_close(int fd);

#endif
