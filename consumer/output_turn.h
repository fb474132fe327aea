/* SPDX-License-Identifier: MIT */
#ifndef CONSUMER_OUTPUT_TURN_H
#define CONSUMER_OUTPUT_TURN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/shmq.h"
#include "consumer/record_lock.h"

/*
 * Turns at this process's stdout or stderr, in which what belongs together is written together. The threads of the
 * process take turns by a mutex; the process takes turns with others by the record lock that consumers of a file
 * or a pipe use (record_lock.h), which belongs to the process and cannot tell its threads apart.
 *
 * In a regular file, what a turn leaves is whole: a turn that fails removes its own part. The part of a consumer
 * that was killed in its turn is removed by the next consumer of the queue that takes a turn at the file: a write
 * intent says where it begins and how long it would have become.
 */

struct output_turn {
    const char *name; /* for messages */
    int fd;
    bool is_file; /* a regular file */
    bool is_slow; /* a pipe or the like: its reader may keep a write waiting */
    bool locked;
    bool intent_set;
    dev_t device;
    ino_t inode;
    struct record_range range;
    int64_t grace_ns;    /* how long to wait on, for a turn or for the reader, after a request to stop */
    struct shmq *handle; /* with at least one message held during a turn; NULL: no write intents */
    off_t begin;         /* size of the file when the turn began */
    uint64_t written;    /* bytes, in this turn */
};

/* Examines @fd, which is STDOUT_FILENO or STDERR_FILENO. */
void output_turn_init(struct output_turn *turn, int fd);

/* Whether two descriptors are one file, so that one turn is a turn at both. */
bool output_turn_is_same(const struct output_turn *turn, const struct output_turn *other);

/*
 * Takes a turn. Removes what a dead consumer left of its own.
 *
 * @bytes  what will be written in it
 *
 * Return: 0; -EINTR: the grace after a request to stop is over, and another process has its turn; -EBADMSG: the
 * queue is damaged; the error of a system call. No turn was taken then.
 */
int output_turn_take(struct output_turn *turn, uint64_t bytes);

/*
 * Writes all of it.
 *
 * Return: 0; -EINTR: the grace after a request to stop is over, and the reader has not taken the first byte of
 *         the turn; the error of write.
 */
int output_turn_write(struct output_turn *turn, const void *data, size_t length);

/* Ends the turn. @whole: all was written; if not, what was written is removed, where that is possible. */
void output_turn_end(struct output_turn *turn, bool whole);

#endif
