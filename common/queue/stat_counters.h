/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_STAT_COUNTERS_H
#define SHMQ_STAT_COUNTERS_H

#include "common/queue/handle.h"

/*
 * The counters of lanes and seats, and the ages of what was seen last, as in the structs of shmq.h.
 *
 * Each number is read once and stands for itself: nothing is computed of two counters that may have been read at
 * different moments. Ages are never negative, whatever the shared memory says.
 */

/* @stat: .alive is right already. */
void stat_counters_lane(const struct shmq *handle, const struct lane_control *control,
                        struct shmq_lane_stat *stat);
/* @stat: .leased is right already. */
void stat_counters_seat(const struct shmq *handle, const struct seat *seat, struct shmq_seat_stat *stat);

/* Adds those of a lane, as filled by stat_counters_lane, and of a seat, to the queue's. */
void stat_counters_add_lane(struct shmq_stat *stat, const struct shmq_lane_stat *lane);
void stat_counters_add_seat(struct shmq_stat *stat, const struct seat *seat);
/* What the header counts, and what it says of the queue's creation. */
void stat_counters_header(const struct shmq *handle, struct shmq_stat *stat);

#endif
