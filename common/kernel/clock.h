/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_CLOCK_H
#define SHMQ_CLOCK_H

#include <stdint.h>
#include <time.h>

/* The monotonic clock in nanoseconds; it is not affected when the wall clock is set. */
static inline int64_t clock_now_ns(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* The same with a resolution of a few milliseconds; costs only a few nanoseconds. */
static inline int64_t clock_coarse_ns(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* Since 1970; it jumps when the clock is set. */
static inline int64_t clock_wall_ns(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static inline struct timespec clock_timespec(int64_t ns)
{
    return (struct timespec){.tv_sec = (time_t)(ns / 1000000000), .tv_nsec = (long)(ns % 1000000000)};
}

/* When a timeout that starts at @now_ns expires; INT64_MAX for a negative timeout. */
static inline int64_t clock_deadline_from(int64_t now_ns, int64_t timeout_ns)
{
    return timeout_ns < 0 || timeout_ns > INT64_MAX - now_ns ? INT64_MAX : now_ns + timeout_ns;
}

/* When a timeout that starts now expires; INT64_MAX for a negative timeout. */
static inline int64_t clock_deadline(int64_t timeout_ns)
{
    return clock_deadline_from(clock_now_ns(), timeout_ns);
}

/* What is left of a timeout that expires at @deadline_ns, at least 0; one that never expires stays as it is. */
static inline int64_t clock_time_left(int64_t timeout_ns, int64_t deadline_ns)
{
    if (timeout_ns <= 0)
        return timeout_ns;
    const int64_t left = deadline_ns - clock_now_ns();
    return left > 0 ? left : 0;
}

/* Sleeps until @deadline_ns or a signal. */
static inline void clock_sleep_until(int64_t deadline_ns)
{
    const struct timespec deadline = clock_timespec(deadline_ns);
    (void)clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &deadline, NULL);
}

#endif
