/* SPDX-License-Identifier: MIT */
#ifndef CONSUMER_APPEND_FILE_H
#define CONSUMER_APPEND_FILE_H

#include <stdbool.h>
#include <sys/stat.h>

#include "common/shmq.h"
#include "consumer/batch.h"

/*
 * A regular file that several consumers append to, given by --output or as stdout. A record lock serialises them.
 * Before a consumer writes, it records in its seat what it is about to write (struct shmq_write_intent). It keeps
 * the lock until the messages are acknowledged. The next consumer that gets the lock and finds an intent therefore
 * knows which bytes a dead consumer wrote without acknowledging them, and truncates the file before the messages
 * are redelivered. It removes nothing else: bytes that differ from the messages may belong to another program.
 *
 * On a file system without record locks, each message is one write and nothing is removed.
 */

struct append_file {
    const char *name; /* for messages */
    const char *path; /* NULL for stdout, which may have had any name */
    int fd;
    int read_fd;   /* reads the same file; -1 until it is needed, then open to the end: see record_lock.h */
    bool lockable; /* false on a file system without record locks */
    bool locked;
    bool intent_set;
    bool named; /* it had a name when it was opened */
    dev_t device;
    ino_t inode;
    off_t size; /* at the last check */
    off_t end;  /* end of our last verified write; 0: none yet */
    struct shmq *handle;
    struct batch_writer *writer;
};

enum append_result {
    APPEND_OK,
    APPEND_STOPPED,  /* a stop was requested before everything was written */
    APPEND_FAILED,   /* already reported */
    APPEND_TOO_LONG, /* the framing cannot express the first message that was not written */
    APPEND_DAMAGED,  /* the queue is damaged */
};

/* @status is that of @fd, to which @writer writes. The caller keeps ownership of @fd and @writer. */
void append_file_init(struct append_file *file, int fd, const char *path, const struct stat *status,
                      struct batch_writer *writer);

/*
 * Takes the lock and writes messages, which are the oldest ones leased. It keeps the lock so that they can be
 * acknowledged under it: call append_file_end_turn afterwards, whatever this returns.
 *
 * @done  receives how many were written and may be acknowledged
 */
enum append_result append_file_write(struct append_file *file, const struct shmq_message *messages, size_t count,
                                     size_t *done);
void append_file_end_turn(struct append_file *file);

/*
 * Checks that the written data is still where its reader expects it: the path names the same file, and the file is
 * no shorter. If not, reports it to the user and sets the queue's loss flag.
 */
enum append_result append_file_verify(struct append_file *file);

void append_file_close(struct append_file *file);

#endif
