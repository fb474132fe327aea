/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_OBJECT_H
#define SHMQ_OBJECT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "common/core/geometry.h"
#include "common/kernel/name.h"
#include "common/shmq.h"

/*
 * The shared-memory object as a file: who makes it, who may use it, how it comes and goes.
 *
 * The creation byte (0) is held for writing by whoever makes or removes the object, and for reading by whoever
 * attaches, until it holds its lane or seat. So a removal sees either nobody or somebody who is really there, and
 * a half-made object is either being made (wait) or was left by a dead maker (complete it).
 */

#define OBJECT_CREATION_BYTE 0
#define OBJECT_SOURCE_BYTE 1     /* held while a producer with a source, or a part of one, chooses its lane */
#define OBJECT_SUPERVISOR_BYTE 2 /* held by the one supervisor of the queue's processes */
#define OBJECT_BELL_BYTE 3       /* held while a semaphore is replaced */
#define OBJECT_WAIT_NS INT64_C(10000000000) /* how long to wait for a creation or removal under way */

struct object {
    int fd; /* -1: not open */
    bool writable;
    bool created; /* by this open */
    dev_t device; /* with inode: tells this generation from the next of the same name */
    ino_t inode;
    uid_t owner;
    gid_t group;
    mode_t mode;
    uint64_t queue_id;
    struct geometry geometry; /* private copies; shared memory is not asked again */
    char queue[SHMQ_NAME_MAX + 1];
};

/*
 * Opens the queue's object and leaves the creation byte held for reading; object_opened lets it go.
 *
 * @create    make or complete it where it is not ready
 * @writable  false: opened for reading only
 * @options   what it is to be made with, or has to agree with; not NULL
 *
 * Context: waits for creations and removals under way, OBJECT_WAIT_NS at most (then -EBUSY).
 * Crash:   leaves at most an object that is not ready and has nobody who holds its creation byte.
 * Return:  0; -ENOENT, -EEXIST, -EPERM, -EACCES, -EROFS, -EBADMSG, -EPROTO, -ENOSPC, -EFBIG, -EINVAL,
 *          -ENAMETOOLONG, -EBUSY, -ENOMEM, -EMFILE, -ENOSYS, other system errors.
 */
int object_open(struct object *object, const char *queue, bool create, bool writable,
                const struct shmq_options *options);
void object_opened(const struct object *object);
void object_close(struct object *object);

/*
 * Unlinks an object that its maker or remover left unfinished, or that is damaged, unless somebody is at it or it
 * is a queue after all.
 * Return: 0; -ENOENT; -EPERM; -EAGAIN to look again; -EACCES, -EROFS, -EMFILE, -ENOMEM, other system errors.
 */
int object_remove_unusable(const char *queue);

/* Whether its name still leads to it. */
bool object_is_current(const struct object *object);
/* Memory that the object occupies, in bytes. */
uint64_t object_reserved_bytes(const struct object *object);
/* Reserves space, so that touching it can never fail. Return: 0; -ENOSPC, other system errors. */
int object_reserve(const struct object *object, uint64_t offset, uint64_t bytes);
/* Whether somebody else holds the byte of any lane or seat. */
bool object_in_use(const struct object *object);

#endif
