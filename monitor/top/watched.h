/* SPDX-License-Identifier: MIT */
#ifndef MONITOR_TOP_WATCHED_H
#define MONITOR_TOP_WATCHED_H

#include <stdbool.h>
#include <stdint.h>

#include "common/cli/rates.h"
#include "common/cli/snapshot.h"

/*
 * A queue that is watched, with what was last seen of it. The handle stays open from one look to the next, until
 * the queue is removed or its memory is gone.
 */
struct watched {
    char name[SHMQ_NAME_MAX + 1];
    struct shmq *handle;      /* NULL: it is not open; .snapshot.error says why */
    struct snapshot snapshot; /* the last look */
    struct rates rates;
    uint64_t listed; /* the last round of the finder in which its name was there */
};

struct watched *watched_new(const char *name);
void watched_free(struct watched *watched);

/* Gives it a handle, or the reason why there is none; @error is 0 or a negative errno. */
void watched_opened(struct watched *watched, struct shmq *handle, int error);

/*
 * Looks at the queue: at its lanes and seats only if @details. Does not block, and survives a truncated object.
 *
 * Return: true; false if the handle was closed, because the queue was removed or its memory is gone: the queue has
 * to be opened again, if there still is one of that name.
 */
bool watched_look(struct watched *watched, bool details, int64_t now_ns);

/* Whether the queue was removed and nothing has its name now, as far as is known. */
bool watched_is_gone(const struct watched *watched);

#endif
