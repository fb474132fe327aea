/* SPDX-License-Identifier: MIT */
#include "common/cli/snapshot.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cli/bus_guard.h"
#include "common/cli/open_error.h"
#include "common/cli/queue_file.h"
#include "common/cli/say.h"

static int take_lanes(struct snapshot *snapshot, struct shmq *queue)
{
    snapshot->lanes = calloc(snapshot->stat.lanes + 1, sizeof(*snapshot->lanes));
    if (snapshot->lanes == NULL)
        return -ENOMEM;
    int result = 0;
    for (uint32_t i = 0; i < snapshot->stat.lanes; i++) {
        struct shmq_lane_stat *lane = &snapshot->lanes[snapshot->lane_count];
        *lane = (struct shmq_lane_stat)SHMQ_LANE_STAT_INIT;
        int error = shmq_stat_lane(queue, i, lane);
        if (error != 0)
            result = error;
        else if (lane->used)
            snapshot->lane_count++;
    }
    return result;
}

static int take_seats(struct snapshot *snapshot, struct shmq *queue)
{
    snapshot->seats = calloc(snapshot->stat.seats + 1, sizeof(*snapshot->seats));
    if (snapshot->seats == NULL)
        return -ENOMEM;
    int result = 0;
    for (uint32_t i = 0; i < snapshot->stat.seats; i++) {
        struct shmq_seat_stat *seat = &snapshot->seats[snapshot->seat_count];
        *seat = (struct shmq_seat_stat)SHMQ_SEAT_STAT_INIT;
        int error = shmq_stat_seat(queue, i, seat);
        if (error != 0)
            result = error;
        else if (seat->taken || seat->alive || seat->leased > 0) /* given back and not yet taken over */
            snapshot->seat_count++;
    }
    return result;
}

/* A copy goes by the name of its queue, or, if it does not know that, by the last part of its path. */
static void set_name(struct snapshot *snapshot, const char *name)
{
    const char *last = strrchr(name, '/');
    snapshot->file = queue_file_is_path(name) ? name : NULL;
    snprintf(snapshot->name, sizeof(snapshot->name), "%s", last != NULL ? last + 1 : name);
}

int snapshot_of(struct snapshot *snapshot, struct shmq *queue, const char *name, bool details)
{
    *snapshot = (struct snapshot){.stat = SHMQ_STAT_INIT, .opened = true};
    set_name(snapshot, name);
    const int found = shmq_glance(queue, NULL, NULL);
    int error = shmq_stat(queue, &snapshot->stat);
    if (snapshot->file != NULL && snapshot->stat.name[0] != '\0')
        snprintf(snapshot->name, sizeof(snapshot->name), "%s", snapshot->stat.name);
    if (details) {
        const int lanes = take_lanes(snapshot, queue);
        const int seats = take_seats(snapshot, queue);
        snapshot->lanes_missing = snapshot->stat.copy && lanes != 0;
        error = error != 0 ? error : lanes != 0 ? lanes : seats;
    }
    return snapshot->error = found != 0 ? found : error;
}

/* A look that ends early if somebody truncates the queue. */
struct look {
    struct snapshot *snapshot;
    struct shmq *queue;
    const char *name;
    bool details;
    bool ended;
};

static int look_at(void *context)
{
    struct look *look = context;
    const int error = snapshot_of(look->snapshot, look->queue, look->name, look->details);
    look->ended = true;
    return error;
}

static int close_queue(void *context)
{
    return shmq_close(context);
}

/* What cannot be looked at at all. */
static int give_up(struct snapshot *snapshot, const char *name, int error)
{
    snapshot_free(snapshot);
    *snapshot = (struct snapshot){.stat = SHMQ_STAT_INIT, .error = error};
    set_name(snapshot, name);
    return error;
}

int snapshot_take(struct snapshot *snapshot, const char *name, bool details)
{
    struct look look = {.snapshot = snapshot, .name = name, .details = details};
    *snapshot = (struct snapshot){0};
    int error = queue_file_open(&look.queue, name);
    if (error != 0)
        return give_up(snapshot, name, error);
    error = bus_guard_call(look_at, &look);
    (void)bus_guard_call(close_queue, look.queue);
    return look.ended ? error : give_up(snapshot, name, error);
}

struct latency_look {
    struct shmq *queue;
    uint64_t *counts;
};

static int read_latency(void *context)
{
    const struct latency_look *look = context;
    return shmq_latency(look->queue, UINT32_MAX, look->counts);
}

void snapshot_add_latency(struct snapshot *snapshot, const char *name)
{
    struct latency_look look;
    if (!snapshot->stat.has_latency || queue_file_open(&look.queue, name) != 0)
        return;
    free(snapshot->latency);
    snapshot->latency = look.counts = calloc(SHMQ_LATENCY_BUCKETS, sizeof(*look.counts));
    if (look.counts != NULL && bus_guard_call(read_latency, &look) != 0) {
        free(snapshot->latency);
        snapshot->latency = NULL;
    }
    (void)bus_guard_call(close_queue, look.queue);
}

void snapshot_free(struct snapshot *snapshot)
{
    free(snapshot->lanes);
    free(snapshot->seats);
    free(snapshot->latency);
    snapshot->latency = NULL;
    snapshot->lanes = NULL;
    snapshot->seats = NULL;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct snapshot *)a)->name, ((const struct snapshot *)b)->name);
}

static int add(void *context, const struct shmq_listed *queue)
{
    struct snapshots *snapshots = context;
    struct snapshot *items = realloc(snapshots->items, (snapshots->count + 1) * sizeof(*items));
    if (items == NULL)
        return -ENOMEM;
    snapshots->items = items;
    struct snapshot *snapshot = &items[snapshots->count++];
    *snapshot = (struct snapshot){.error = queue->error};
    snprintf(snapshot->name, sizeof(snapshot->name), "%s", queue->name);
    return 0;
}

int snapshots_find(struct snapshots *snapshots)
{
    *snapshots = (struct snapshots){0};
    const int error = shmq_list(add, snapshots);
    if (snapshots->count > 1)
        qsort(snapshots->items, snapshots->count, sizeof(*snapshots->items), by_name);
    return error;
}

static int take_all(struct snapshots *snapshots, bool details)
{
    const int error = snapshots_find(snapshots);
    size_t kept = 0;
    for (size_t i = 0; i < snapshots->count; i++) {
        struct snapshot *snapshot = &snapshots->items[kept];
        *snapshot = snapshots->items[i];
        char name[SHMQ_NAME_MAX + 1];
        memcpy(name, snapshot->name, sizeof(name));
        const bool gone = snapshot->error == 0 && snapshot_take(snapshot, name, details) == -ENOENT;
        kept += !gone; /* removed meanwhile */
    }
    snapshots->count = kept;
    return error;
}

int snapshots_take(struct snapshots *snapshots)
{
    return take_all(snapshots, false);
}

int snapshots_take_whole(struct snapshots *snapshots)
{
    return take_all(snapshots, true);
}

void snapshots_free(struct snapshots *snapshots)
{
    for (size_t i = 0; i < snapshots->count; i++)
        snapshot_free(&snapshots->items[i]);
    free(snapshots->items);
    *snapshots = (struct snapshots){0};
}

const char *snapshot_reason(const struct snapshot *snapshot)
{
    static char text[256];
    switch (snapshot->error) {
    case 0:
        return "";
    case -EBADMSG:
        if (!snapshot->opened)
            return "not a queue, or truncated or overwritten";
        if (snapshot->file != NULL)
            return "damaged or cut off, so this is not all of it";
        snprintf(text, sizeof(text), "its content is inconsistent (see '%smonitor check')", say_prefix());
        return text;
    case -ENOENT:
        snprintf(
            text, sizeof(text),
            "its creation or removal was interrupted (start a producer to create it, or run '%smonitor remove')",
            say_prefix());
        return text;
    default:
        return open_error_brief(snapshot->name, snapshot->error);
    }
}
