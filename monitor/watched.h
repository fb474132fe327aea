/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_MONITOR_WATCHED_H
#define SHMQ_MONITOR_WATCHED_H

#include <stdbool.h>
#include <stdint.h>

#include "common/cli/rates.h"
#include "common/cli/snapshot.h"
#include "monitor/finder.h"

/*
 * A queue that is watched, with what was last seen of it. The handle stays open from one look to the next, until
 * the queue is removed or its memory is gone.
 */
struct watched {
    char name[SHMQ_NAME_MAX + 1];
    char owner[FINDER_OWNER_BYTES];
    bool missing;             /* it was named, and there is none yet */
    bool gone;                /* the finder no longer sees one of that name */
    struct shmq *handle;      /* NULL: it is not open; .snapshot.error says why */
    struct snapshot snapshot; /* the last look */
    struct rates rates;
};

struct watched *watched_new(const char *name);
void watched_free(struct watched *watched);

/* Takes what the finder has found of it, with the handle, or the reason why there is none. */
void watched_found(struct watched *watched, const struct finding *finding);

/* Closes the handle: what was seen last stays, but @error, a negative errno, says that it is no longer so. */
void watched_drop(struct watched *watched, int error);

/*
 * Looks at the queue: at its lanes and seats only if @details. Does not block, and survives a truncated object.
 *
 * Return: true; false if the handle was closed, because the queue was removed or its memory is gone: the queue has
 * to be opened again, if there still is one of that name.
 */
bool watched_look(struct watched *watched, bool details, int64_t now_ns);

/* Adds the histogram of the times in the queue to its snapshot, until the next look; nothing if there is none. */
void watched_add_latency(struct watched *watched);

/* Whether the queue was removed and nothing has its name now, as far as is known. */
bool watched_is_removed(const struct watched *watched);

#endif
