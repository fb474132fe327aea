/* SPDX-License-Identifier: MIT */
#ifndef CONSUMER_APPEND_FILE_H
#define CONSUMER_APPEND_FILE_H

#include <stdbool.h>
#include <sys/stat.h>

#include "common/shmq.h"
#include "consumer/batch.h"

/*
 * A regular file that consumers append to, by --output or as their stdout. They take turns by a record lock.
 * Before it writes, a consumer notes in its seat what it is about to write (struct shmq_write_intent), and it lets
 * go of the lock only when that is acknowledged: so whoever has the lock next, and finds the note, knows which
 * bytes a dead consumer wrote without acknowledging them, and takes them back before the messages come again.
 * Nothing else is ever taken back: what stands there and does not equal the messages is somebody else's, or may
 * be.
 *
 * On a file system without record locks nothing is taken back, and each message is a write of its own.
 */

struct append_file {
    const char *name; /* for messages */
    const char *path; /* NULL for stdout, which may have had any name */
    int fd;
    int read_fd; /* reads the same file; -1 until it is needed, then open to the end: see record_lock.h */
    bool lockable;
    bool locked;
    bool noted;
    bool named; /* it had a name when it was opened */
    dev_t device;
    ino_t inode;
    off_t size; /* when it was looked at last */
    off_t end;  /* of what we have written, and found there afterwards; 0: nothing yet */
    struct shmq *handle;
    struct batch_writer *writer;
};

enum append_result {
    APPEND_OK,
    APPEND_STOPPED,  /* an orderly end was asked for before all was written */
    APPEND_FAILED,   /* and the user was told why */
    APPEND_TOO_LONG, /* the framing cannot express the message behind those that were written */
    APPEND_DAMAGED,  /* the queue is */
};

/* @status is that of @fd, to which @writer writes; both stay the caller's. */
void append_file_init(struct append_file *file, int fd, const char *path, const struct stat *status,
                      struct batch_writer *writer);

/*
 * Takes the turn and writes messages, which are the oldest ones held. The turn is kept, so that they can be
 * acknowledged: append_file_end_turn has to follow, whatever this returns.
 *
 * @done  receives how many were written, and may be acknowledged
 */
enum append_result append_file_write(struct append_file *file, const struct shmq_message *messages, size_t count,
                                     size_t *done);
void append_file_end_turn(struct append_file *file);

/*
 * Looks whether what was written still is where its reader will look for it: the name means the same file, and
 * that is no shorter. If not, says so to the user, and for good in the queue.
 */
enum append_result append_file_verify(struct append_file *file);

void append_file_close(struct append_file *file);

#endif
