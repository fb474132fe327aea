/* SPDX-License-Identifier: MIT */
#ifndef CONSUMER_RECORD_LOCK_H
#define CONSUMER_RECORD_LOCK_H

#include <stdbool.h>
#include <sys/types.h>

/*
 * Exclusive record locks, by which consumers that share a file or a pipe take turns. They belong to the process,
 * so they also work among those that inherited one description. The kernel drops them when the process dies, and
 * when it closes any descriptor of the file: whoever holds one opens the file again only to keep it open.
 */

struct record_range {
    off_t start;
    off_t length; /* 0: to the end, however far that moves */
};

extern const struct record_range record_lock_all;

/*
 * Waits for the lock.
 *
 * Return: 0; -EINTR when an orderly end was asked for while it waited; else what the system said: there are no
 * locks on this file system.
 */
int record_lock_take(int fd, struct record_range range);
void record_lock_drop(int fd, struct record_range range);
/* Takes the lock if that needs no waiting. */
void record_lock_try(int fd, struct record_range range);
/* Whether another process has a lock in the range. */
bool record_lock_is_held(int fd, struct record_range range);

#endif
