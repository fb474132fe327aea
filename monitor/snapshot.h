/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_MONITOR_SNAPSHOT_H
#define SHMQ_MONITOR_SNAPSHOT_H

#include <stdbool.h>
#include <stdint.h>

#include "common/shmq.h"

/* What an observer sees of one queue. */
struct snapshot {
    char name[SHMQ_NAME_MAX + 1];
    int error; /* why there is nothing more to see, or not all of it; a negative errno, or 0 */
    bool opened;
    struct shmq_stat stat;
    struct shmq_lane_stat *lanes; /* those ever used */
    uint32_t lane_count;
    struct shmq_seat_stat *seats; /* those taken, and those in which something was left */
    uint32_t seat_count;
};

struct snapshots {
    struct snapshot *items;
    size_t count;
};

/* Looks at the queue @name, and at its lanes and seats if @details. The outcome is in .error, and returned. */
int snapshot_take(struct snapshot *snapshot, const char *name, bool details);
void snapshot_free(struct snapshot *snapshot);

/* Looks at all queues there are, by name. Returns 0 or -errno. */
int snapshots_take(struct snapshots *snapshots);
void snapshots_free(struct snapshots *snapshots);

/* "open", "draining", "shut down", "damaged"...: one or two words. */
const char *snapshot_state(const struct snapshot *snapshot);
/* Why a queue cannot be read, or "". */
const char *snapshot_reason(const struct snapshot *snapshot);

#endif
