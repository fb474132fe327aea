/* SPDX-License-Identifier: MIT */
#ifndef CONSUMER_RECORD_LOCK_H
#define CONSUMER_RECORD_LOCK_H

#include <stdbool.h>
#include <sys/types.h>

/*
 * Exclusive record locks, which serialise consumers that share a file or a pipe. They belong to the process, so
 * they also work between processes that inherited one description. The kernel drops them when the process dies or
 * closes any descriptor of the file. So a process that opens the file again must keep that descriptor open.
 */

struct record_range {
    off_t start;
    off_t length; /* 0: to the end of the file, however long it becomes */
};

extern const struct record_range record_lock_all;

/*
 * Bytes of a pipe. Before RECORD_LOCK_PRESENCE, the turns: one byte for each process, or all of them. From there
 * on, one for each process, which it locks for as long as it has the pipe open for writing.
 */
#define RECORD_LOCK_PRESENCE ((off_t)1 << 62)
extern const struct record_range record_lock_pipe_turns;

/*
 * Waits for the lock.
 *
 * Return: 0; -EINTR when a stop was requested while waiting; any other error means that the file system has no
 * locks.
 */
int record_lock_take(int fd, struct record_range range);
void record_lock_drop(int fd, struct record_range range);
/* Takes the lock if it is free. Return: 0; -EAGAIN: another process has it; otherwise, there are no locks. */
int record_lock_try(int fd, struct record_range range);
/* Whether another process holds a lock in the range. */
bool record_lock_is_held(int fd, struct record_range range);

#endif
