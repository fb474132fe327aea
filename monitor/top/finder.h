/* SPDX-License-Identifier: MIT */
#ifndef MONITOR_TOP_FINDER_H
#define MONITOR_TOP_FINDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/shmq.h"

/*
 * Does what may take long, in a thread of its own: finds queues and opens them, and pauses or resumes one. All of
 * this waits up to ten seconds for a process that is making or removing a queue, and that process may be stopped.
 */
struct finder;

enum found_kind {
    FOUND_QUEUE,  /* a name is there, with a handle or with the reason why there is none */
    FOUND_SAME,   /* a name is there, and its handle was handed over before */
    FOUND_ALL,    /* a round is complete: what was not found in it is not there */
    FOUND_ANSWER, /* to finder_ask */
};

struct found {
    enum found_kind kind;
    char name[SHMQ_NAME_MAX + 1];
    struct shmq *handle; /* now the receiver's */
    int error;
    uint64_t round;
    bool pause; /* of an answer */
};

/*
 * Starts the thread.
 *
 * @wake  a descriptor of an eventfd that is written to whenever something was found
 *
 * Return: 0; a negative errno.
 */
int finder_start(struct finder **finder, int wake);

/* Takes one thing that was found. Return: false if there is nothing more. */
bool finder_take(struct finder *finder, struct found *found);

/* The receiver has a handle of that queue already. Return: false without memory. */
bool finder_know(struct finder *finder, const char *name);

/* The handle of that queue is closed: it is opened again as soon as there is one. */
void finder_forget(struct finder *finder, const char *name);

/* Has the queue paused or resumed; the answer is found later. Return: false while another question is open. */
bool finder_ask(struct finder *finder, const char *name, bool pause);

/* Ends the thread, or leaves it behind if it waits for something: the program is about to exit. */
void finder_stop(struct finder *finder);

#endif
