/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_CLI_RATES_H
#define SHMQ_CLI_RATES_H

#include <stdbool.h>
#include <stdint.h>

#include "common/cli/meter.h"
#include "common/shmq.h"

/*
 * What a queue did lately, from repeated looks at its counters: rates in and out, and how full it was, with a
 * history of two minutes.
 */

#define RATES_INTERVAL_NS INT64_C(500000000) /* between two points of the history */

enum { RATES_POINTS = 240 };

struct rates_point {
    bool known; /* false: nobody looked at that time */
    float in;   /* messages a second */
    float out;
    float fill; /* percent, 0 to 100 */
};

/* All zero: no look yet. rates_free frees what it holds. */
struct rates {
    uint64_t queue_id; /* another queue of the same name starts anew */
    int64_t at_ns;     /* of the last look; 0: none yet */
    struct meter in;
    struct meter out;
    struct rates_point points[RATES_POINTS]; /* a ring */
    uint32_t used;
    uint32_t newest;
    uint64_t pushed;     /* points so far, also those that are overwritten */
    struct meter *lanes; /* NULL before the first one is added */
    struct meter *seats;
    uint32_t lane_count;
    uint32_t seat_count;
};

/*
 * Adds a look at the queue. The first one only begins to count. Where looks were missed, the points between get
 * the average; where more than two seconds were missed, they are unknown.
 *
 * @now_ns  on the monotonic clock, not 0
 *
 * Return: false, with nothing done, less than half an interval after the last one.
 */
bool rates_add(struct rates *rates, const struct shmq_stat *stat, int64_t now_ns);
/* Add a look at a lane or seat of the queue that was added last; at most one per call of rates_add is needed. */
void rates_add_lane(struct rates *rates, const struct shmq_lane_stat *lane, int64_t now_ns);
void rates_add_seat(struct rates *rates, const struct shmq_seat_stat *seat, int64_t now_ns);

/* Messages a second, over the last two seconds or so; never negative. */
double rates_in(const struct rates *rates);
double rates_out(const struct rates *rates);
/* Those that a lane's producer put, and those that a seat's consumer acknowledged. */
double rates_of_lane(const struct rates *rates, uint32_t lane);
double rates_of_seat(const struct rates *rates, uint32_t seat);

/* Return: the point @ago intervals before the newest one; an unknown one before the first. */
struct rates_point rates_at(const struct rates *rates, uint32_t ago);

void rates_free(struct rates *rates);

#endif
