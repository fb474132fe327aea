/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_BYTE_LOCK_H
#define SHMQ_BYTE_LOCK_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Open-file-description locks on single bytes of the object's file: the holder of a lock is alive. The kernel
 * drops the lock at every kind of death. No pid is involved, so pid reuse and pid namespaces do not matter.
 *
 * None of these functions blocks. Locks belong to the file description: locking again with the same @fd succeeds.
 */

/* Locks a byte. Return: 0; -EAGAIN if another process holds it; other system errors. @fd is open for writing. */
int byte_lock_try(int fd, uint64_t offset);
/* Takes a shared lock instead, which excludes only an exclusive one. */
int byte_lock_try_shared(int fd, uint64_t offset);
void byte_lock_release(int fd, uint64_t offset);
/* Whether another process holds a lock on the byte. @fd may be read-only. An error counts as held. */
bool byte_lock_held(int fd, uint64_t offset);
/*
 * Looks for a lock of another process on one of @bytes bytes from @offset on. @at: receives the byte; if there are
 * several, any of them. Return: whether there is one; an error counts as a lock on the first byte.
 */
bool byte_lock_find(int fd, uint64_t offset, uint64_t bytes, uint64_t *at);
/* The same for any byte from @offset on. */
bool byte_lock_held_from(int fd, uint64_t offset);

#endif
