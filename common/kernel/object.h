/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_OBJECT_H
#define SHMQ_OBJECT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "common/core/geometry.h"
#include "common/core/layout.h"
#include "common/kernel/name.h"
#include "common/shmq.h"

/*
 * The shared-memory object as a file: its creation, access checks and removal.
 *
 * A process that creates or removes the object locks the creation byte (0) for writing. A process that attaches
 * locks it for reading until it holds its lane or seat. So a remover sees either no process or one that is really
 * attached, and an incomplete object is either being created (wait) or was left by a dead creator (complete it).
 */

#define OBJECT_CREATION_BYTE 0
#define OBJECT_SOURCE_BYTE 1     /* held while a producer with a source, or a part of one, chooses its lane */
#define OBJECT_SUPERVISOR_BYTE 2 /* held by the only supervisor of the queue's processes */
#define OBJECT_BELL_BYTE 3       /* held while a semaphore is replaced */
#define OBJECT_WAIT_NS INT64_C(10000000000) /* how long to wait for a creation or removal in progress */

/* A header as it is read and written. */
union header_copy {
    struct header header;
    unsigned char bytes[sizeof(struct header)];
};

struct object {
    int fd; /* -1: not open */
    bool writable;
    bool created; /* this call created it */
    dev_t device; /* with inode: distinguishes this object from a later one of the same name */
    ino_t inode;
    uid_t owner;
    gid_t group;
    mode_t mode;
    bool copy; /* of a file (object_file.h): private memory, so nobody else can lock or change anything */
    uint64_t readable_bytes;      /* of a copy: so many from its beginning are the file's, the rest is all 0 */
    uint64_t file_bytes;          /* of a copy: the file's size */
    uint64_t copy_reserved_bytes; /* of a copy: what the file occupies */
    uint64_t queue_id;
    struct geometry geometry;      /* private copies; not read from shared memory again */
    char queue[SHMQ_NAME_MAX + 1]; /* of a copy: "" if it does not know its queue's name */
};

/*
 * Opens the queue's object and leaves the creation byte locked for reading; object_unlock_creation releases it.
 *
 * @create    create or complete the object if it is not ready
 * @writable  false: opened for reading only
 * @options   parameters to create it with, or that it must agree with; not NULL
 *
 * Context: waits for creations and removals in progress, OBJECT_WAIT_NS at most (then -EBUSY).
 * Crash:   leaves at most an object that is not ready, with the creation byte unlocked.
 * Return:  0; -ENOENT, -EEXIST, -EPERM, -EACCES, -EROFS, -EBADMSG, -EPROTO, -ENOSPC, -EFBIG, -EINVAL,
 *          -ENAMETOOLONG, -EBUSY, -ENOMEM, -EMFILE, -ENOSYS, other system errors.
 */
int object_open(struct object *object, const char *queue, bool create, bool writable,
                const struct shmq_options *options);
/* The same for reading what is there, but waits no longer than @wait_ns. Return: as object_open without @create.
 */
int object_open_within(struct object *object, const char *queue, int64_t wait_ns);
void object_unlock_creation(const struct object *object);
void object_close(struct object *object);

/*
 * Unlinks an object that its creator or remover left incomplete, or that is damaged, unless another process works
 * on it or it turns out to be a queue.
 * Return: 0; -ENOENT; -EPERM; -EAGAIN to try again; -EACCES, -EROFS, -EMFILE, -ENOMEM, other system errors.
 */
int object_remove_unusable(const char *queue);

/* Whether the name still leads to this object. */
bool object_is_current(const struct object *object);
/* Memory that the object occupies, in bytes. */
uint64_t object_reserved_bytes(const struct object *object);
/* Reserves space, so that accessing it can never fail. Return: 0; -ENOSPC, other system errors. */
int object_reserve(const struct object *object, uint64_t offset, uint64_t bytes);
/*
 * Takes over the constants of a header that was read, its geometry among them.
 * Return: 0; -EBADMSG if it is none, or damaged; -EPROTO if it is of another version.
 */
int object_learn(struct object *object, const struct header *header);
/* Reads without mapping: that would reserve memory, and what is cut off would raise SIGBUS. Return: 0; -EBADMSG
 * unless all @bytes can be read. */
int object_read(const struct object *object, void *to, uint64_t bytes, uint64_t offset);
/* Whether nothing is cut off, and nothing is behind it; of a copy, whether all of the file could be read. */
bool object_is_whole(const struct object *object);
/* Growing a file beyond RLIMIT_FSIZE would raise a signal. Return: 0; -EFBIG. */
int object_check_size_limit(uint64_t bytes);
/* Whether another process holds the byte of any lane or seat. */
bool object_in_use(const struct object *object);

#endif
