/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_MONITOR_LIST_ORDER_H
#define SHMQ_MONITOR_LIST_ORDER_H

#include "common/cli/snapshot.h"

/* What --sort sorts a list of queues by: names from A to Z, numbers from the greatest. */
#define LIST_ORDERS "name messages oldest full memory producers consumers owner"
#define LIST_ORDER_SYNONYM "fill=full"
enum list_order {
    LIST_BY_NAME,
    LIST_BY_MESSAGES,
    LIST_BY_OLDEST,
    LIST_BY_FULL,
    LIST_BY_MEMORY,
    LIST_BY_PRODUCERS,
    LIST_BY_CONSUMERS,
    LIST_BY_OWNER, /* by number, from the least */
};

/* Queues of which nothing could be read come last; equal ones are in the order of their names. */
void list_order_sort(struct snapshots *snapshots, enum list_order order);

#endif
