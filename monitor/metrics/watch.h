/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_MONITOR_WATCH_H
#define SHMQ_MONITOR_WATCH_H

#include <stdbool.h>
#include <stddef.h>

#include "monitor/finder.h"
#include "monitor/watched.h"

/* The queues that are watched, with a handle on each, and what was seen of them lately. Of one thread. */

struct watch {
    struct finder *finder;
    struct watched **items; /* sorted by name */
    size_t count;
    size_t room;
    uint64_t looks;    /* number of the last look */
    int64_t looked_ns; /* when that was, CLOCK_MONOTONIC */
    bool details;      /* it has lanes and seats */
};

/*
 * Looks at all queues. A queue that is damaged, truncated, removed or made again meanwhile is seen as that.
 *
 * @details  also at their lanes and seats
 */
void watch_look(struct watch *watch, bool details);

/* Return: NULL if there is no such queue. */
struct watched *watch_find(const struct watch *watch, const char *name);

/* Closes all handles; the finder stays. */
void watch_free(struct watch *watch);

#endif
