/* SPDX-License-Identifier: MIT */
#ifndef BENCH_CHILDREN_H
#define BENCH_CHILDREN_H

#include <stdbool.h>
#include <sys/types.h>

/* The processes of a measurement. None outlives the parent, and a failure of one ends all. */

#define CHILDREN_MAX 1024

struct children {
    unsigned count;
    pid_t pids[CHILDREN_MAX]; /* 0: has ended */
};

/* Before the first fork: from now on, the end of a child and the signals that end a program are waited for. */
void children_begin(void);

/*
 * Forks.
 *
 * @cpu   to run on; negative: any
 * @body  what the child does; its return value is the child's exit status
 *
 * Return: 0; negative errno.
 */
int children_start(struct children *children, int cpu, int (*body)(void *context, unsigned number), void *context);

/* Waits for all, at most so long. Return: 0; the exit status to end with. */
int children_await(struct children *children, double seconds);

/* Waits for a short while, or until something happens. Return: 0 if all goes well; the exit status to end with. */
int children_watch(struct children *children, long ns);

/* Kills all and waits for them. */
void children_kill(struct children *children);

#endif
