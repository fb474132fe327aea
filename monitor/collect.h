/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_MONITOR_COLLECT_H
#define SHMQ_MONITOR_COLLECT_H

#include "common/cli/snapshot.h"

/*
 * Takes snapshots of queues, with lanes and seats, in which a queue that cannot be read is one with an error, even
 * one that somebody truncates meanwhile. Needs bus_guard_init.
 *
 * @names  of @count queues, which need not exist; 0: of all queues of this host, sorted by name
 *
 * Return: 0; a negative errno if not all queues could be found. @snapshots has to be freed in any case.
 */
int collect_snapshots(struct snapshots *snapshots, char *const *names, size_t count);

#endif
