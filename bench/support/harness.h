/* SPDX-License-Identifier: MIT */
#ifndef BENCH_HARNESS_H
#define BENCH_HARNESS_H

#include <stddef.h>
#include <stdint.h>

#include "bench/support/payload.h"

/*
 * One contender: a way to bring messages from one process to another. Each is a program of its own, so that one
 * that needs a library of its own needs nothing of the others; bench/bench.sh runs them in turn and compares.
 *
 *   NAME [--size BYTES] [--seconds S] [--messages N] [--cpus PRODUCER,CONSUMER] [--header]
 *
 * The harness forks producer and consumer, pins them, lets them get ready, has them warm up (every page of the
 * ring touched twice), and measures from the producer's first message to the consumer's last.
 * Output: one CSV line on stdout. Exit status: 0; 1 if anything failed, or a message was wrong; 2 usage.
 */
struct contender {
    const char *name;
    /* Before the fork; what is made here is shared by both. */
    int (*prepare)(size_t size);
    /* In the one process and in the other. */
    int (*open_producer)(size_t size);
    int (*open_consumer)(size_t size);
    /* Called several times: sends, or receives, the next @count messages. */
    int (*produce)(struct source *source, uint64_t count);
    int (*consume)(struct checker *checker, uint64_t count);
    void (*close_producer)(void);
    void (*close_consumer)(void);
    /* After both have ended, however they did. */
    void (*clean_up)(void);
};
/* Each function is optional but produce and consume; the int ones return 0 or a negative errno. */

int bench_run(int argc, char **argv, const struct contender *contender);

/* The monotonic clock in nanoseconds. */
int64_t bench_now_ns(void);

/* Runs this thread on one processor only. Return: 0; negative errno. */
int bench_pin(int cpu);

/* "PROGRAM: WHAT: why" on stderr. Return: 1, for main to return. */
int bench_failed(const char *what, int error);

static inline void bench_relax(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ __volatile__("yield");
#endif
}

#endif
