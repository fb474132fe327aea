/* SPDX-License-Identifier: MIT */
#ifndef SUPERVISOR_SIGNALS_H
#define SUPERVISOR_SIGNALS_H

#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * Signals are let in while the supervisor sleeps, and nowhere else: between two sleeps they wait, so that none is
 * missed and none has to be expected in the middle of something.
 */

/* Blocks them and installs the handlers; one that was ignored when the program started stays so, but for TERM. */
void signals_init(void);
/* Sleeps until something happens or @deadline_ns has come (negative: for ever). Return: as ppoll. */
int signals_poll(struct pollfd *fds, nfds_t count, int64_t deadline_ns);

/* A signal that asks for an end: SIGINT, SIGTERM, SIGHUP. */
struct stop_signal {
    int number;    /* 0: none */
    int64_t at_ns; /* when it came */
};

/* The next of them that was not told yet; false: there is none. */
bool signals_take_stop(struct stop_signal *stop);
/* True once for each SIGUSR1, SIGTSTP, SIGCONT. */
bool signals_take(int number);

/* Between clone and exec, in the supervisor's memory: what a child is to start with. SIGINT, SIGTERM and SIGUSR1
 * wait until its handlers are there. */
void signals_for_child(void);
/* Stops this process as SIGTSTP would have; returns when it is continued. */
void signals_suspend(void);

#endif
