/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_CLI_STOP_H
#define SHMQ_CLI_STOP_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Signal handling, the same in all programs. The first SIGINT or SIGTERM requests an orderly shutdown, the second
 * kills the program at once (128+n). The same signal again within STOP_REPEAT_NS is still the first request:
 * timeout(1) signals its child and then the child's whole group. SIGUSR1 requests statistics. SIGPIPE and SIGXFSZ
 * are ignored (EPIPE and EFBIG are reported instead). SIGBUS means that somebody truncated the queue: the program
 * says so and exits with EXIT_QUEUE.
 */

#define STOP_REPEAT_NS INT64_C(100000000)

/* Installs the handlers, without SA_RESTART. */
void stop_init(void);
/* The number of the signal that requested a shutdown, 0 before. For struct shmq_options.stop. */
extern volatile int stop_requested;
/* When the shutdown was requested, on the clock of stop_now_ns; 0 before. */
int64_t stop_requested_at_ns(void);
/*
 * From now on, a shutdown request also interrupts a wait in @queue: the flag alone would come too late for a sleep
 * that is just about to begin. Pass NULL before closing the handle.
 */
struct shmq;
void stop_interrupts(struct shmq *queue);
/* True once after each SIGUSR1. */
bool stop_statistics_wanted(void);
/*
 * Sleeps until @deadline_ns (CLOCK_MONOTONIC), or until a shutdown or statistics are requested: then it returns
 * false.
 */
bool stop_sleep_until(int64_t deadline_ns);
/*
 * Waits until @fd has one of @events (of poll), but not beyond @deadline_ns (negative: no limit).
 * Returns 1; 0 on timeout; -EINTR if a shutdown or statistics are requested, or were before the call; -errno.
 */
int stop_wait_fd(int fd, short events, int64_t deadline_ns);
/* Resets every signal to its default, or to ignored if it was so at program start. Call between fork and exec. */
void stop_restore_for_child(void);
/* The monotonic clock in nanoseconds. */
int64_t stop_now_ns(void);

#endif
