/* SPDX-License-Identifier: MIT */
#ifndef SUPPORT_TRACED_H
#define SUPPORT_TRACED_H

#include <stdbool.h>
#include <sys/types.h>

/*
 * A child that is stopped at the n-th stop of its system calls, each entry and each exit being one: before an
 * entry's call has done anything, after an exit's call has done everything.
 */
struct traced {
    pid_t pid;
    int status; /* as waitpid gave it, when it ended before that stop */
};

/* Whether tracing is permitted here. */
bool traced_possible(void);
/* Starts a child that runs @run and exits with what that returns. Return: false if it ended before stop number
 * @stop. */
bool traced_start(struct traced *traced, int (*run)(void *context), void *context, unsigned stop);
/* SIGKILL where it stands. */
void traced_kill(struct traced *traced);
/* Lets it go on, untraced. */
void traced_let_go(struct traced *traced);
/* Waits for its end; returns the exit status. */
int traced_collect(struct traced *traced);

#endif
