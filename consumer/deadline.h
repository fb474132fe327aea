/* SPDX-License-Identifier: MIT */
#ifndef CONSUMER_DEADLINE_H
#define CONSUMER_DEADLINE_H

#include <stdint.h>

#include "common/cli/stop.h"

/* How long anything waits before it looks after the status line, and at whether it still makes sense. */
#define POLL_NS INT64_C(250000000)
#define POLL_MS 250
/* As long as nothing comes. */
#define POLL_MAX_NS (16 * POLL_NS)
/* The same where nothing wakes us when a child ends. */
#define POLL_WITHOUT_PIDFD_MS 5

/* The moment @ns from now; the end of time where that is beyond it. */
static inline int64_t deadline_after(int64_t ns)
{
    int64_t now = stop_now_ns();

    return ns > INT64_MAX - now ? INT64_MAX : now + ns;
}

#endif
