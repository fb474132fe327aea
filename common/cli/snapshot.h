/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_CLI_SNAPSHOT_H
#define SHMQ_CLI_SNAPSHOT_H

#include <stdbool.h>
#include <stdint.h>

#include "common/shmq.h"

/* What an observer sees of one queue. */
struct snapshot {
    char name[SHMQ_NAME_MAX + 1];
    const char *file; /* of a copy: its path, as the caller gave it; else NULL */
    int error;        /* 0, or the negative errno that made the snapshot incomplete */
    bool opened;
    bool lanes_missing; /* of a copy, looked at with its lanes: sums over them are not known, as not all can be
                           read */
    struct shmq_stat stat;
    struct shmq_lane_stat *lanes; /* those ever used */
    uint32_t lane_count;
    struct shmq_seat_stat *seats; /* those taken and those that still hold a lease */
    uint32_t seat_count;
    uint64_t *latency; /* the histogram of shmq_latency over all seats; NULL: not asked for, or there is none */
};

struct snapshots {
    struct snapshot *items;
    size_t count;
};

/*
 * Reads the queue or the file @name, with its lanes and seats if @details. Whether it is damaged, shmq_glance
 * says, here and wherever else a queue is shown: so all say the same. One that somebody truncates meanwhile is
 * damaged, and nothing of it is read.
 *
 * Context: needs bus_guard_init, or such a queue ends the program; not from within a guarded call.
 * Return:  0 or a negative errno, also in .error.
 */
int snapshot_take(struct snapshot *snapshot, const char *name, bool details);
/*
 * The same through a handle that is open already, of any role, for repeated looks.
 *
 * Context: a truncated queue raises SIGBUS; so call it from within a guarded call where others have to go on.
 */
int snapshot_of(struct snapshot *snapshot, struct shmq *queue, const char *name, bool details);
/* Adds the histogram of the times in the queue, guarded likewise. Nothing is added if it cannot be had. */
void snapshot_add_latency(struct snapshot *snapshot, const char *name);
void snapshot_free(struct snapshot *snapshot);

/* Finds all queues, sorted by name, without reading them. Returns 0 or a negative errno. */
int snapshots_find(struct snapshots *snapshots);
/* Reads all queues, sorted by name, without their lanes and seats. Returns 0 or a negative errno. */
int snapshots_take(struct snapshots *snapshots);
/* The same with their lanes and seats. */
int snapshots_take_whole(struct snapshots *snapshots);
void snapshots_free(struct snapshots *snapshots);

/* Why a queue cannot be read, or "". */
const char *snapshot_reason(const struct snapshot *snapshot);

#endif
