/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_CLI_WAIT_NOTICE_H
#define SHMQ_CLI_WAIT_NOTICE_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Decides when a program reports that it waits: once for each wait, after a second; and, if the wait takes more
 * than ten seconds, that it goes on. After a reported wait, the next one is reported only if it takes at least
 * twice as long, and more than ten seconds. So a slow trickle is reported once, and repeated reports become ever
 * rarer.
 */

#define WAIT_NOTICE_AFTER_NS INT64_C(1000000000)
#define WAIT_NOTICE_LONG_NS INT64_C(10000000000)

struct wait_notice {
    int64_t after_ns; /* how long a wait lasts before it is reported */
    int64_t since_ns; /* when the reported wait began */
    bool reported;    /* the present wait was reported */
};

void wait_notice_init(struct wait_notice *notice);

/*
 * Returns true once for each wait, when it is time to report it; never with -q.
 *
 * @since_ns  when the wait began, on the clock of stop_now_ns
 */
bool wait_notice_is_due(struct wait_notice *notice, int64_t since_ns);

/* Time until the report is due; 0 or less if it is due now or was made already. */
static inline int64_t wait_notice_left(const struct wait_notice *notice, int64_t since_ns, int64_t now_ns)
{
    return notice->reported ? 0 : since_ns + notice->after_ns - now_ns;
}

/* Ends a reported wait. */
void wait_notice_finish(struct wait_notice *notice);
/* Call this whenever a wait may have ended; it is cheap enough for every message. */
static inline void wait_notice_end(struct wait_notice *notice)
{
    if (notice->reported)
        wait_notice_finish(notice);
}

/* Prints "going on after 12 s" if the wait was long. */
void wait_notice_say_end(int64_t waited_ns);

#endif
