/* SPDX-License-Identifier: MIT */
#ifndef SUPERVISOR_SIGNALS_H
#define SUPERVISOR_SIGNALS_H

#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * Signals are unblocked only while the supervisor sleeps in ppoll and stay pending otherwise. So none is missed,
 * and no other code has to expect one.
 */

/* Blocks the signals and installs the handlers. Signals ignored at the start stay ignored, except SIGTERM. */
void signals_init(void);
/* Sleeps until an event or @deadline_ns (negative: no limit). Returns as ppoll. */
int signals_poll(struct pollfd *fds, nfds_t count, int64_t deadline_ns);

/* A stop request: SIGINT, SIGTERM or SIGHUP. */
struct stop_signal {
    int number;    /* 0: none */
    int64_t at_ns; /* when it came */
};

/* Takes the next stop request; false: there is none. */
bool signals_take_stop(struct stop_signal *stop);
/* True once after each SIGUSR1, SIGTSTP or SIGCONT. */
bool signals_take(int number);

/*
 * Sets up a child's signals between clone and exec, in the supervisor's memory. SIGINT, SIGTERM and SIGUSR1 stay
 * blocked until the child has installed its handlers.
 */
void signals_for_child(void);
/* Stops this process, as SIGTSTP would; returns when it is continued. */
void signals_suspend(void);

#endif
