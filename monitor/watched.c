/* SPDX-License-Identifier: MIT */
#include "monitor/watched.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cli/bus_guard.h"

struct look {
    struct watched *watched;
    struct snapshot *snapshot;
    bool details;
    volatile bool done;
};

/* What a truncated queue raises comes back as an error. */
static int look(void *context)
{
    struct look *look = context;
    const int error = snapshot_of(look->snapshot, look->watched->handle, look->watched->name, look->details);
    look->done = true;
    return error;
}

static int close_handle(void *context)
{
    return shmq_close(context);
}

void watched_drop(struct watched *watched, int error)
{
    if (watched->handle != NULL)
        (void)bus_guard_call(close_handle, watched->handle);
    watched->handle = NULL;
    watched->snapshot.error = error;
}

struct watched *watched_new(const char *name)
{
    struct watched *watched = calloc(1, sizeof(*watched));
    if (watched == NULL)
        return NULL;
    snprintf(watched->name, sizeof(watched->name), "%s", name);
    snprintf(watched->snapshot.name, sizeof(watched->snapshot.name), "%s", name);
    watched->snapshot.error = -ENOENT;
    return watched;
}

void watched_free(struct watched *watched)
{
    watched_drop(watched, 0);
    snapshot_free(&watched->snapshot);
    rates_free(&watched->rates);
    free(watched);
}

void watched_found(struct watched *watched, const struct finding *finding)
{
    watched_drop(watched, finding->gone ? -ESTALE : finding->error);
    watched->gone = finding->gone;
    watched->missing = finding->missing;
    if (finding->gone)
        return;
    memcpy(watched->owner, finding->owner, sizeof(watched->owner));
    watched->handle = finding->handle;
    if (finding->handle == NULL) {
        /* What was seen of another queue of that name is no longer true. */
        snapshot_free(&watched->snapshot);
        watched->snapshot = (struct snapshot){.stat = SHMQ_STAT_INIT, .error = finding->error};
        memcpy(watched->snapshot.name, watched->name, sizeof(watched->name));
    }
}

static void add_rates(struct watched *watched, int64_t now_ns)
{
    const struct snapshot *snapshot = &watched->snapshot;
    if (!rates_add(&watched->rates, &snapshot->stat, now_ns))
        return;
    for (uint32_t i = 0; i < snapshot->lane_count; i++)
        rates_add_lane(&watched->rates, &snapshot->lanes[i], now_ns);
    for (uint32_t i = 0; i < snapshot->seat_count; i++)
        rates_add_seat(&watched->rates, &snapshot->seats[i], now_ns);
}

bool watched_look(struct watched *watched, bool details, int64_t now_ns)
{
    struct snapshot snapshot = {.stat = SHMQ_STAT_INIT};
    struct look question = {.watched = watched, .snapshot = &snapshot, .details = details};
    if (watched->handle == NULL)
        return false;
    (void)bus_guard_call(look, &question);
    if (!question.done) {
        snapshot_free(&snapshot);
        watched_drop(watched, -EBADMSG);
        watched->snapshot.opened = false; /* that is, it cannot be read at all */
        return false;
    }
    snapshot_free(&watched->snapshot);
    watched->snapshot = snapshot;
    if (snapshot.stat.removed) {
        watched_drop(watched, -ESTALE);
        return false;
    }
    if (snapshot.error == 0)
        add_rates(watched, now_ns);
    return true;
}

static int take_latency(void *context)
{
    const struct watched *watched = context;
    return shmq_latency(watched->handle, UINT32_MAX, watched->snapshot.latency);
}

void watched_add_latency(struct watched *watched)
{
    struct snapshot *seen = &watched->snapshot;
    if (watched->handle == NULL || !seen->stat.has_latency || seen->latency != NULL)
        return;
    seen->latency = calloc(SHMQ_LATENCY_BUCKETS, sizeof(*seen->latency));
    if (seen->latency == NULL || bus_guard_call(take_latency, watched) == 0)
        return;
    free(seen->latency);
    seen->latency = NULL;
}

bool watched_is_removed(const struct watched *watched)
{
    return watched->handle == NULL && watched->snapshot.error == -ESTALE;
}
