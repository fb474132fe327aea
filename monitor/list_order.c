/* SPDX-License-Identifier: MIT */
#include "monitor/list_order.h"

#include <stdlib.h>
#include <string.h>

/* How full the lanes in use are, in parts of a million. */
static int64_t fill(const struct shmq_stat *stat)
{
    const double share = stat->room_bytes > 0 ? (double)stat->used_bytes / (double)stat->room_bytes : 0;
    return stat->fill_percent >= 100 ? INT64_C(1000000) : (int64_t)(share * 1e6);
}

/* Greater numbers come first. */
static int64_t key(const struct snapshot *snapshot, enum list_order order)
{
    const struct shmq_stat *stat = &snapshot->stat;
    if (!snapshot->opened)
        return INT64_MIN;
    switch (order) {
    case LIST_BY_NAME:
        break;
    case LIST_BY_MESSAGES:
        return (int64_t)stat->messages;
    case LIST_BY_OLDEST:
        return stat->messages > 0 ? stat->oldest_ns : -1;
    case LIST_BY_FULL:
        return fill(stat);
    case LIST_BY_MEMORY:
        return (int64_t)stat->reserved_bytes;
    case LIST_BY_PRODUCERS:
        return stat->producers;
    case LIST_BY_CONSUMERS:
        return stat->consumers;
    case LIST_BY_OWNER:
        return -(int64_t)stat->owner;
    }
    return 0;
}

static int compare(const void *a, const void *b, void *context)
{
    const enum list_order *order = context;
    const struct snapshot *first = a;
    const struct snapshot *second = b;
    const int64_t keys[2] = {key(first, *order), key(second, *order)};
    if (keys[0] != keys[1] && *order != LIST_BY_NAME)
        return keys[0] > keys[1] ? -1 : 1;
    return strcmp(first->name, second->name);
}

void list_order_sort(struct snapshots *snapshots, enum list_order order)
{
    if (snapshots->count > 1)
        qsort_r(snapshots->items, snapshots->count, sizeof(*snapshots->items), compare, &order);
}
