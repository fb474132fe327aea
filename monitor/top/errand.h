/* SPDX-License-Identifier: MIT */
#ifndef MONITOR_TOP_ERRAND_H
#define MONITOR_TOP_ERRAND_H

#include <stdbool.h>

#include "common/shmq.h"

/*
 * Pauses or resumes a queue, in a thread of its own: it waits up to ten seconds for a process that is making or
 * removing the queue, and that process may be stopped. One at a time.
 */
struct errand {
    int wake; /* a descriptor of an eventfd that is written to when it is done */
    int state;
    bool pause; /* false: resume */
    char name[SHMQ_NAME_MAX + 1];
    int error; /* what became of it: 0; a negative errno */
};

/* Return: 0; -EBUSY: the last one is not done, or its answer not taken; another negative errno. */
int errand_begin(struct errand *errand, const char *name, bool pause);

/* Return: whether it is done; .error is then its result, and another can begin. */
bool errand_is_done(struct errand *errand);

#endif
