/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_MONITOR_FINDER_H
#define SHMQ_MONITOR_FINDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/shmq.h"

/*
 * A thread that finds queues and opens them. Opening one can take ten seconds, while a process that creates or
 * removes it is stopped: nobody else waits for that. It tells what is new, and hands each handle over.
 */
struct finder;

enum { FINDER_OWNER_BYTES = 33 };

struct finding {
    struct finding *next;
    char name[SHMQ_NAME_MAX + 1];
    char owner[FINDER_OWNER_BYTES]; /* the user's name or number; "" unknown */
    bool gone;                      /* there is no such queue any more */
    bool missing;                   /* it was named, and there is none yet; .error is -ENOENT */
    int error;                      /* why it cannot be opened; 0: it was */
    struct shmq *handle;            /* an observer, which is now the receiver's; NULL with an error */
};

/*
 * Starts the thread, which takes no signals.
 *
 * @names  of @count queues, which need not exist; 0: all queues of this host. They must stay valid
 * @wake   a descriptor of an eventfd that is written to whenever there is news; -1: none
 * @spare  so many descriptors, but at most half of all, are not used for queues, each of which takes one
 *
 * Return: 0; a negative errno.
 */
int finder_start(struct finder **finder, char *const *names, size_t count, int wake, unsigned spare);

/*
 * Waits until it has looked once, or until @deadline_ns (CLOCK_MONOTONIC).
 *
 * Context: any thread.
 */
void finder_await_first(struct finder *finder, int64_t deadline_ns);

/* Whether it has looked once: what finder_take gives from then on includes all queues that were there. */
bool finder_has_looked(struct finder *finder);

/* Return: 0; a negative errno: /dev/shm cannot be listed now. */
int finder_error(struct finder *finder);

/* Takes the news since the last call, the oldest first; NULL: none. Each has to be freed. */
struct finding *finder_take(struct finder *finder);

/* Tells that the handle of a queue was of no use any more: it is opened again, a second later at most. */
void finder_lost(struct finder *finder, const char *name);

/* Ends the thread. One that hangs in opening a queue is left to the end of the process. */
void finder_stop(struct finder *finder);

#endif
