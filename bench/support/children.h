/* SPDX-License-Identifier: MIT */
#ifndef BENCH_CHILDREN_H
#define BENCH_CHILDREN_H

#include <stdbool.h>
#include <sys/types.h>

/* The processes of a measurement. None outlives the parent, and a failure of one ends them all. */

#define CHILDREN_MAX 1024

struct children {
    unsigned count;
    pid_t pids[CHILDREN_MAX]; /* 0: has ended */
};

/* Call it before the first fork: blocks SIGCHLD and the terminating signals, which are then waited for. */
void children_begin(void);

/*
 * Forks a child.
 *
 * @cpu   processor to run on; negative: any
 * @body  what the child does; its return value is the child's exit status
 *
 * Return: 0; negative errno.
 */
int children_start(struct children *children, int cpu, int (*body)(void *context, unsigned number), void *context);

/* Waits for all children, at most the given time. Returns 0 or the exit status to end with. */
int children_await(struct children *children, double seconds);

/* Waits for @ns or until a child ends. Returns 0 if all is well, else the exit status to end with. */
int children_watch(struct children *children, long ns);

/* Kills all and waits for them. */
void children_kill(struct children *children);

#endif
