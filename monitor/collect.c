/* SPDX-License-Identifier: MIT */
#include "monitor/collect.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cli/bus_guard.h"

static int add(struct snapshots *snapshots, const char *name, int error)
{
    struct snapshot *items = realloc(snapshots->items, (snapshots->count + 1) * sizeof(*items));
    if (items == NULL)
        return -ENOMEM;
    snapshots->items = items;
    struct snapshot *snapshot = &items[snapshots->count++];
    *snapshot = (struct snapshot){.error = error};
    snprintf(snapshot->name, sizeof(snapshot->name), "%s", name);
    return 0;
}

static int add_listed(void *context, const struct shmq_listed *queue)
{
    return add(context, queue->name, queue->error);
}

static int find_all(void *context)
{
    return shmq_list(add_listed, context);
}

static int find(struct snapshots *snapshots, char *const *names, size_t count)
{
    int error = 0;
    if (count == 0)
        return bus_guard_call(find_all, snapshots);
    for (size_t i = 0; i < count && error == 0; i++)
        error = add(snapshots, names[i], 0);
    return error;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct snapshot *)a)->name, ((const struct snapshot *)b)->name);
}

static int take(void *context)
{
    struct snapshot *snapshot = context;
    char name[SHMQ_NAME_MAX + 1];
    memcpy(name, snapshot->name, sizeof(name));
    const int error = snapshot_take(snapshot, name, true);
    snapshot_add_latency(snapshot, name);
    return error;
}

int collect_snapshots(struct snapshots *snapshots, char *const *names, size_t count)
{
    *snapshots = (struct snapshots){0};
    const int error = find(snapshots, names, count);
    size_t kept = 0;
    if (count == 0 && snapshots->count > 1)
        qsort(snapshots->items, snapshots->count, sizeof(*snapshots->items), by_name);
    for (size_t i = 0; i < snapshots->count; i++) {
        struct snapshot *snapshot = &snapshots->items[kept];
        *snapshot = snapshots->items[i];
        if (snapshot->error == 0)
            snapshot->error = bus_guard_call(take, snapshot);
        kept += snapshot->error != -ENOENT || count > 0; /* removed meanwhile */
    }
    snapshots->count = kept;
    return error;
}
