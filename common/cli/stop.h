/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_CLI_STOP_H
#define SHMQ_CLI_STOP_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Signals, the same in all programs: the first SIGINT or SIGTERM asks for an orderly end, the second ends the
 * program at once (128+n). SIGUSR1 asks for the statistics. SIGPIPE and SIGXFSZ are ignored (EPIPE and EFBIG are
 * reported instead). SIGBUS inside the queue says that somebody truncated it, and exits with EXIT_QUEUE.
 */

/* Installs the handlers, without SA_RESTART. */
void stop_init(void);
/* Not 0 once an orderly end was asked for: the number of the signal. For struct shmq_options.stop. */
extern volatile int stop_requested;
/*
 * From here on, the request for an end also ends the wait that is under way in @queue: the flag alone would come
 * too late for a sleep that is just about to begin. NULL before the handle is closed.
 */
struct shmq;
void stop_interrupts(struct shmq *queue);
/* True once for each SIGUSR1. */
bool stop_statistics_wanted(void);
/* Sleeps until @deadline_ns (CLOCK_MONOTONIC) or until an end or statistics are asked for. False if cut short. */
bool stop_sleep_until(int64_t deadline_ns);
/*
 * Waits until @fd has one of @events (of poll), at the longest until @deadline_ns (negative: for ever).
 * Returns 1, 0 when the time is up, -EINTR when an end or statistics are asked for (also before), -errno.
 */
int stop_wait_fd(int fd, short events, int64_t deadline_ns);
/* Puts every signal back to its default (or to ignored, if it was that at the start), between fork and exec. */
void stop_restore_for_child(void);
/* The monotonic clock in nanoseconds. */
int64_t stop_now_ns(void);

#endif
