/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_DOORBELL_H
#define SHMQ_DOORBELL_H

#include <semaphore.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/name.h"

/*
 * A named semaphore that ends sleeps and says nothing else: its value is never the truth about a ring. Whatever
 * happens to it (deleted, set to any value, made by a stranger) costs sleepers their tick, never a message.
 */
struct doorbell {
    char name[OBJECT_NAME_BYTES];
    sem_t *semaphore;                 /* NULL: not open (yet, or it may not be trusted) */
    uint32_t generation;              /* of the header's bell_generation when it was opened */
    uint32_t failed_generation_plus1; /* at which opening failed last: not tried again until it changes */
};

/* Who may own the semaphore, and how a new one is made: as the queue's object is. */
struct doorbell_access {
    uid_t owner;
    gid_t group;
    mode_t mode;
};

/*
 * Opens the semaphore, makes it if it is missing, or opens it again if it was opened in another @generation.
 * Return: false where it cannot be had; then sleeping on it sleeps for the whole time.
 */
bool doorbell_open(struct doorbell *bell, const struct doorbell_access *access, uint32_t generation);
void doorbell_close(struct doorbell *bell);
/* Ends @times sleeps. Context: one system call for each that sleeps. */
void doorbell_ring(const struct doorbell *bell, uint32_t times);
/* Sleeps until rung, a signal, or @deadline_ns on the monotonic clock. Return: true if rung. */
bool doorbell_sleep(const struct doorbell *bell, int64_t deadline_ns);
/* Takes out rings that nobody is waiting for, if there are more than @plausible. */
void doorbell_drain(const struct doorbell *bell, uint32_t plausible);

#endif
