/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_BYTE_LOCK_H
#define SHMQ_BYTE_LOCK_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Open-file-description locks on single bytes of the object's file: who holds one is alive. The kernel drops it at
 * every kind of death; it knows no pid, so none can be reused, and pid namespaces do not matter.
 *
 * None of these blocks. Locks belong to the file description: the same @fd always gets what it holds already.
 */

/* Return: 0 held now; -EAGAIN somebody else holds it; other system errors. @fd is open for writing. */
int byte_lock_try(int fd, uint64_t offset);
/* The same, shared with others that do the same. */
int byte_lock_try_shared(int fd, uint64_t offset);
void byte_lock_release(int fd, uint64_t offset);
/* Whether somebody else holds it. @fd may be read-only. Unknown (an error) counts as held. */
bool byte_lock_held(int fd, uint64_t offset);
/* The same for any byte from @offset on. */
bool byte_lock_held_from(int fd, uint64_t offset);

#endif
