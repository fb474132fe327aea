/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_MONITOR_OUTPUT_H
#define SHMQ_MONITOR_OUTPUT_H

#include "monitor/snapshot.h"

/* The formats of list and show, on stdout. */

void output_list_table(const struct snapshots *snapshots);
void output_show_table(const struct snapshot *snapshot);

void output_list_json(const struct snapshots *snapshots);
void output_show_json(const struct snapshot *snapshot);

/* @details  with lanes and seats, as far as the snapshots have them */
void output_prometheus(const struct snapshots *snapshots, bool details);

/* Makes sure that all has been written. Returns the exit status; a failure is reported. */
int output_finish(void);

#endif
