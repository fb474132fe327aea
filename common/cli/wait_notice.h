/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_CLI_WAIT_NOTICE_H
#define SHMQ_CLI_WAIT_NOTICE_H

#include <stdbool.h>
#include <stdint.h>

/*
 * When a program says that it waits: once for each wait, after a second; and, if the wait took more than ten, that
 * it goes on. After a wait that was told of, only one at least twice as long (and more than ten seconds) is news:
 * a slow trickle says it once, and what says it again and again does so ever more rarely.
 */

#define WAIT_NOTICE_AFTER_NS INT64_C(1000000000)
#define WAIT_NOTICE_LONG_NS INT64_C(10000000000)

struct wait_notice {
    int64_t after_ns; /* how long a wait lasts before it is told of */
    int64_t since_ns; /* when the wait that was told of began */
    bool told;        /* of the present wait */
};

void wait_notice_init(struct wait_notice *notice);

/*
 * True if it is time to say what the program waits for, once for each wait; never with -q.
 *
 * @since_ns  when the wait began, on the clock of stop_now_ns
 */
bool wait_notice_is_due(struct wait_notice *notice, int64_t since_ns);

/* How long until it is time; 0 or less where nothing is to be said any more, or at once. */
static inline int64_t wait_notice_left(const struct wait_notice *notice, int64_t since_ns, int64_t now_ns)
{
    return notice->told ? 0 : since_ns + notice->after_ns - now_ns;
}

/* The wait is over. */
void wait_notice_finish(struct wait_notice *notice);
/* Cheap enough for every message. */
static inline void wait_notice_end(struct wait_notice *notice)
{
    if (notice->told)
        wait_notice_finish(notice);
}

/* Says "going on after 12 s", if that is long. */
void wait_notice_say_end(int64_t waited_ns);

#endif
