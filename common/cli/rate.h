/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_CLI_RATE_H
#define SHMQ_CLI_RATE_H

#include <stddef.h>
#include <stdint.h>

/*
 * When the next of at most so many events a second may happen. The times are computed from the start of a
 * schedule, so that delays do not accumulate. Somebody who is late catches up, but only a little: then a new
 * schedule starts.
 */
struct rate {
    double per_second;
    int64_t catch_up_ns; /* how far behind its schedule it may be */
    int64_t started_ns;  /* of the schedule; 0 before the first event */
    uint64_t taken;      /* events since then */
};

/* Returns how many of @wanted events may happen at @now_ns; if 0, @due_ns receives when the next one may. */
size_t rate_allow(struct rate *rate, size_t wanted, int64_t now_ns, int64_t *due_ns);
/* Records that @count events happened, allowed or not. */
void rate_take(struct rate *rate, size_t count, int64_t now_ns);

#endif
