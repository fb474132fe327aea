/* SPDX-License-Identifier: MIT */
#ifndef CONSUMER_DEADLINE_H
#define CONSUMER_DEADLINE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/cli/stop.h"

/* Longest wait before the status line is updated and the sink is checked. */
#define POLL_NS INT64_C(250000000)
#define POLL_MS 250
/* Upper limit to which the wait grows while no message arrives. */
#define POLL_MAX_NS (16 * POLL_NS)
/* Interval for noticing a child's end where the kernel has no pidfds. */
#define POLL_WITHOUT_PIDFD_MS 5

/* The time @ns after @from_ns, capped at INT64_MAX. */
static inline int64_t time_after(int64_t from_ns, int64_t ns)
{
    return ns > INT64_MAX - from_ns ? INT64_MAX : from_ns + ns;
}

/* The time @ns from now, capped at INT64_MAX. */
static inline int64_t deadline_after(int64_t ns)
{
    return time_after(stop_now_ns(), ns);
}

/* Whether a request to stop came so long ago that nothing is waited for any more. */
static inline bool grace_is_over(int64_t grace_ns)
{
    return stop_requested && stop_now_ns() >= time_after(stop_requested_at_ns(), grace_ns);
}

#endif
