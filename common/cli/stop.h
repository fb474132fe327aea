/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_CLI_STOP_H
#define SHMQ_CLI_STOP_H

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
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
/* 0 until a shutdown is requested; then the number of the signal, STOP_BY_PROGRAM, or both (bitwise or). */
#define STOP_BY_PROGRAM 0x100
extern volatile atomic_int stop_requested;
/* The same for struct shmq_options.stop. */
static inline const volatile int *stop_flag(void)
{
    return (const volatile int *)&stop_requested;
}
/* Whether a signal requested it. */
static inline bool stop_was_signalled(void)
{
    return (stop_requested & ~STOP_BY_PROGRAM) != 0;
}
/* When the shutdown was requested, on the clock of stop_now_ns; 0 before. */
int64_t stop_requested_at_ns(void);
/* Requests a shutdown without a signal. A signal that comes later is still the first. Context: any thread. */
void stop_request(void);
/*
 * From now on, a shutdown request also interrupts a wait in @queue: the flag alone would come too late for a sleep
 * that is just about to begin. Detach a queue before closing its handle.
 *
 * Context: any thread.
 */
struct shmq;
void stop_attach(struct shmq *queue);
/* When this returns, no signal handler uses the handle any more. */
void stop_detach(struct shmq *queue);
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
/*
 * Makes a shutdown request end the waits of all threads, not only of the one that the signal happens to reach.
 * Call this before the first stop_start_thread. Return: 0; a negative errno.
 */
int stop_prepare_threads(void);
/*
 * Starts a thread that takes none of the signals above: the thread that calls this goes on taking them.
 * Return: 0; a negative errno.
 */
int stop_start_thread(pthread_t *thread, void *(*run)(void *context), void *context);
/* A descriptor that is readable once a shutdown was requested, for polling; -1 before stop_prepare_threads. */
int stop_descriptor(void);
/* Resets every signal to its default, or to ignored if it was so at program start. Call between fork and exec. */
void stop_restore_for_child(void);
/* Takes the signals above out of the mask of a thread, so that it can be a child's mask. */
void stop_admit(sigset_t *mask);
/* The monotonic clock in nanoseconds. */
int64_t stop_now_ns(void);

#endif
