/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_FORK_GUARD_H
#define SHMQ_FORK_GUARD_H

#include <sys/types.h>

/*
 * A forked child shares the parent's file descriptions and therefore its locks. If the child kept them open, the
 * parent's death would go unnoticed. So a fork handler closes the descriptors of all queues in the child.
 */

/*
 * Calls shm_open and registers the descriptor in one step, so that no fork comes in between. The descriptor is
 * never 0, 1 or 2: the output of a program that was started without these must not go into a queue.
 *
 * Context: any thread.
 * Return:  the descriptor; -ENOMEM; -ENOENT, -EACCES, -EROFS, -EMFILE, other system errors.
 */
int fork_guard_open(const char *name, int flags, mode_t mode);
/*
 * Registers a descriptor that was just opened; it becomes another one if it is 0, 1 or 2.
 *
 * @fd  -1: opening it has failed, with errno
 *
 * Context: any thread. A child forked before this keeps the descriptor until it ends or calls exec.
 * Return:  the descriptor; -ENOMEM, and it is closed; -EMFILE, other system errors.
 */
int fork_guard_take(int fd);
/* Closes and unregisters the descriptor in one step. */
void fork_guard_close(int fd);

#endif
