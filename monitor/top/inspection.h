/* SPDX-License-Identifier: MIT */
#ifndef MONITOR_TOP_INSPECTION_H
#define MONITOR_TOP_INSPECTION_H

#include <stdbool.h>
#include <stdint.h>

#include "common/cli/latency_window.h"
#include "common/shmq.h"

/* What only the page of a queue shows: the time from put to acknowledgement, and the last events. */

enum { INSPECTION_EVENTS = 32, INSPECTION_PERCENTILES = 4 };

extern const char *const inspection_percentile_names[INSPECTION_PERCENTILES]; /* "p50"... "max" */

/* All zero: nothing was seen yet. */
struct inspection {
    uint64_t queue_id;
    int latency_error; /* 0; -ENODATA: the queue was made without; another negative errno */
    bool measured;     /* some message was measured */
    int64_t window_ns; /* the percentiles are of this last time; 0: of all that was ever measured */
    uint64_t percentiles_ms[INSPECTION_PERCENTILES];
    int64_t latency_at_ns; /* of the last look at the times; 0: none */
    struct latency_window window;
    struct shmq_event events[INSPECTION_EVENTS]; /* a ring of the last ones */
    uint32_t event_count;
    uint32_t newest;
    uint64_t next_event;
};

/*
 * Looks anew, at the times only every two seconds.
 *
 * Return: true; false if the queue's memory is gone: the handle can only be closed.
 */
bool inspection_look(struct inspection *inspection, struct shmq *queue, uint64_t queue_id, int64_t now_ns);

/* Return: the event @ago before the newest; NULL if there is none. */
const struct shmq_event *inspection_event(const struct inspection *inspection, uint32_t ago);

#endif
