/* SPDX-License-Identifier: MIT */
#ifndef SUPERVISOR_SIGNALS_H
#define SUPERVISOR_SIGNALS_H

#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * The supervisor blocks its signals except while it sleeps in ppoll. A signal that arrives in between stays
 * pending until the next sleep, so none is lost, and no other code is interrupted.
 */

/* Blocks the signals and installs their handlers. Leaves signals ignored that were ignored at the start, except
 * SIGTERM. */
void signals_init(void);
/* Sleeps until a descriptor is ready, a signal arrives or @deadline_ns has come (negative: no limit). Returns what
 * ppoll returns. */
int signals_poll(struct pollfd *fds, nfds_t count, int64_t deadline_ns);

/* A stop request: SIGINT, SIGTERM or SIGHUP. */
struct stop_signal {
    int number;    /* 0: none */
    int64_t at_ns; /* when the signal arrived */
};

/* Moves the next stop request to @stop. Returns false if there is none. */
bool signals_take_stop(struct stop_signal *stop);
/* Whether signal @number, SIGUSR1, SIGTSTP or SIGCONT, has arrived since the last call. */
bool signals_take(int number);

/*
 * Sets up the signals of a child. Call it between clone and exec, when the child still runs in the supervisor's
 * memory. SIGINT, SIGTERM and SIGUSR1 stay blocked until the child's program has installed its handlers.
 */
void signals_for_child(void);
/* Stops this process, as SIGTSTP would. Returns after SIGCONT. */
void signals_suspend(void);

#endif
