/* SPDX-License-Identifier: MIT */
#include "monitor/metrics/watch.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cli/bus_guard.h"
#include "common/cli/stop.h"

/* Return: the place of @name, or where it would stand. */
static size_t place_of(const struct watch *watch, const char *name)
{
    size_t low = 0;
    size_t high = watch->count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (strcmp(watch->items[middle]->snapshot.name, name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct watched *watch_find(const struct watch *watch, const char *name)
{
    const size_t place = place_of(watch, name);
    const bool there = place < watch->count && strcmp(watch->items[place]->snapshot.name, name) == 0;
    return there ? watch->items[place] : NULL;
}

static struct watched *add(struct watch *watch, const char *name)
{
    const size_t place = place_of(watch, name);
    if (watch->count == watch->room) {
        const size_t room = watch->room * 2 + 16;
        struct watched **more = realloc(watch->items, room * sizeof(struct watched *));
        if (more == NULL)
            return NULL;
        watch->items = more;
        watch->room = room;
    }
    struct watched *item = calloc(1, sizeof(*item));
    if (item == NULL)
        return NULL;
    snprintf(item->snapshot.name, sizeof(item->snapshot.name), "%s", name);
    memmove(&watch->items[place + 1], &watch->items[place], (watch->count - place) * sizeof(struct watched *));
    watch->items[place] = item;
    watch->count++;
    return item;
}

static int close_guarded(void *context)
{
    return shmq_close(context);
}

static void close_handle(struct watched *item)
{
    if (item->handle != NULL)
        (void)bus_guard_call(close_guarded, item->handle);
    item->handle = NULL;
}

static void set_error(struct watched *item, int error)
{
    char name[SHMQ_NAME_MAX + 1];
    memcpy(name, item->snapshot.name, sizeof(name));
    snapshot_free(&item->snapshot);
    item->snapshot = (struct snapshot){.error = error};
    memcpy(item->snapshot.name, name, sizeof(name));
}

static void forget(struct watch *watch, const char *name)
{
    const size_t place = place_of(watch, name);
    if (watch_find(watch, name) == NULL)
        return;
    struct watched *item = watch->items[place];
    close_handle(item);
    snapshot_free(&item->snapshot);
    rates_free(&item->rates);
    free(item);
    watch->count--;
    memmove(&watch->items[place], &watch->items[place + 1], (watch->count - place) * sizeof(struct watched *));
}

static void take_finding(struct watch *watch, const struct finding *finding)
{
    if (finding->gone) {
        forget(watch, finding->name);
        return;
    }
    struct watched *item = watch_find(watch, finding->name);
    if (item == NULL)
        item = add(watch, finding->name);
    if (item == NULL) {
        (void)shmq_close(finding->handle);
        finder_lost(watch->finder, finding->name);
        return;
    }
    close_handle(item);
    item->handle = finding->handle;
    item->missing = finding->missing;
    memcpy(item->owner, finding->owner, sizeof(item->owner));
    set_error(item, finding->error);
}

/* One look at a queue, which may be cut short where its memory is gone. */
struct look {
    struct snapshot *snapshot;
    struct shmq *handle;
    const char *name;
    bool details;
    volatile bool ended;
};

static int look_at(void *context)
{
    struct look *look = context;
    const int error = snapshot_of(look->snapshot, look->handle, look->name, look->details);
    look->ended = true;
    return error;
}

static void take_rates(struct watched *item, bool details, int64_t now_ns)
{
    const struct snapshot *seen = &item->snapshot;
    if (!rates_add(&item->rates, &seen->stat, now_ns) || !details)
        return;
    for (uint32_t i = 0; i < seen->lane_count; i++)
        rates_add_lane(&item->rates, &seen->lanes[i], now_ns);
    for (uint32_t i = 0; i < seen->seat_count; i++)
        rates_add_seat(&item->rates, &seen->seats[i], now_ns);
}

static void look(struct watch *watch, struct watched *item, bool details, int64_t now_ns)
{
    char name[SHMQ_NAME_MAX + 1];
    struct look what = {&item->snapshot, item->handle, name, details, false};
    if (item->handle == NULL)
        return;
    memcpy(name, item->snapshot.name, sizeof(name));
    snapshot_free(&item->snapshot);
    const int error = bus_guard_call(look_at, &what);
    memcpy(item->snapshot.name, name, sizeof(name));
    if (!what.ended) {
        close_handle(item);
        set_error(item, error);
        finder_lost(watch->finder, name);
    } else if (error == 0) {
        take_rates(item, details, now_ns);
    }
}

static int take_latency(void *context)
{
    const struct watched *item = context;
    return shmq_latency(item->handle, UINT32_MAX, item->snapshot.latency);
}

void watch_add_latency(struct watched *item)
{
    struct snapshot *seen = &item->snapshot;
    if (item->handle == NULL || !seen->stat.has_latency || seen->latency != NULL)
        return;
    seen->latency = calloc(SHMQ_LATENCY_BUCKETS, sizeof(*seen->latency));
    if (seen->latency == NULL || bus_guard_call(take_latency, item) == 0)
        return;
    free(seen->latency);
    seen->latency = NULL;
}

void watch_look(struct watch *watch, bool details)
{
    struct finding *finding = finder_take(watch->finder);
    while (finding != NULL) {
        struct finding *next = finding->next;
        take_finding(watch, finding);
        free(finding);
        finding = next;
    }
    const int64_t now_ns = stop_now_ns();
    for (size_t i = 0; i < watch->count; i++)
        look(watch, watch->items[i], details, now_ns);
    watch->looks++;
    watch->looked_ns = now_ns;
    watch->details = details;
}

void watch_free(struct watch *watch)
{
    while (watch->count > 0) {
        char name[SHMQ_NAME_MAX + 1];
        memcpy(name, watch->items[watch->count - 1]->snapshot.name, sizeof(name));
        forget(watch, name);
    }
    free(watch->items);
    watch->items = NULL;
}
