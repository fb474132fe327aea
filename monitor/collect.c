/* SPDX-License-Identifier: MIT */
#include "monitor/collect.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int find_named(struct snapshots *snapshots, char *const *names, size_t count)
{
    *snapshots = (struct snapshots){.items = calloc(count, sizeof(*snapshots->items))};
    if (snapshots->items == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++)
        snprintf(snapshots->items[i].name, sizeof(snapshots->items[i].name), "%s", names[i]);
    snapshots->count = count;
    return 0;
}

static void take(struct snapshot *snapshot)
{
    char name[SHMQ_NAME_MAX + 1];
    memcpy(name, snapshot->name, sizeof(name));
    (void)snapshot_take(snapshot, name, true);
    snapshot_add_latency(snapshot, name);
}

int collect_snapshots(struct snapshots *snapshots, char *const *names, size_t count)
{
    const int error = count > 0 ? find_named(snapshots, names, count) : snapshots_find(snapshots);
    size_t kept = 0;
    for (size_t i = 0; i < snapshots->count; i++) {
        struct snapshot *snapshot = &snapshots->items[kept];
        *snapshot = snapshots->items[i];
        const bool found = snapshot->error != 0;
        if (!found)
            take(snapshot);
        kept += found || snapshot->error != -ENOENT || count > 0; /* otherwise removed meanwhile */
    }
    snapshots->count = kept;
    return error;
}
