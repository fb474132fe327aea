/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_DOORBELL_H
#define SHMQ_DOORBELL_H

#include <semaphore.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/kernel/name.h"

/* Words of a semaphore after the first one. Only the first word changes while it is in use. */
#define DOORBELL_CONSTANT_WORDS (sizeof(sem_t) / sizeof(uint64_t) - 1)

/*
 * A named semaphore that only ends sleeps: its value says nothing about a ring. Whatever happens to it (it is
 * deleted, set to any value, or created by another user) costs sleepers at most a tick, never a message.
 */
struct doorbell {
    char name[OBJECT_NAME_BYTES];
    sem_t *semaphore; /* NULL: not open yet, or not trusted */
    /*
     * Where it is mapped; an anonymous page while there is no semaphore. Once mapped, the page stays until
     * doorbell_close, so that a signal handler or another thread may post there at any moment. NULL: never mapped.
     */
    _Atomic(sem_t *) place;
    uint64_t constant[DOORBELL_CONSTANT_WORDS]; /* the words that the C library writes only at initialisation */
    dev_t device;                               /* with inode: identifies the mapped file */
    ino_t inode;
    uint32_t generation;              /* the header's bell_generation when it was opened */
    uint32_t failed_generation_plus1; /* in which opening failed last: not tried again in that generation */
    uint32_t missed;                  /* consecutive missed wake-ups */
    bool noisy;                       /* it does not work and could not be replaced: sleep without it */
};

/* The owner, group and mode that the semaphore should have: those of the queue's object. */
struct doorbell_access {
    uid_t owner;
    gid_t group;
    mode_t mode;
};

/*
 * Opens the semaphore; creates it if it is missing; opens it again if it was opened in another @generation.
 * Return: false if that is not possible; a sleep then always lasts until its deadline.
 */
bool doorbell_open(struct doorbell *bell, const struct doorbell_access *access, uint32_t generation);
void doorbell_close(struct doorbell *bell);
/* Ends up to @times sleeps, if the semaphore is intact. Context: one system call for each sleeper. */
void doorbell_ring(const struct doorbell *bell, uint32_t times);
/* The same, at the place where the bell is mapped at this moment. Context: any thread, signal handlers. */
void doorbell_ring_anywhere(const struct doorbell *bell, uint32_t times);
/*
 * Whether all words except value and number of sleepers are as the C library initialised them. The C library kills
 * a process that uses a semaphore with other words. True also if none is open.
 */
bool doorbell_is_intact(const struct doorbell *bell);
/* Whether a sleep on it ends only by a ring, and a ring does end it. Drains a bounded number of rings if noisy. */
bool doorbell_can_be_heard(struct doorbell *bell, uint32_t plausible);
/* Sleeps until rung, a signal, or @deadline_ns on the monotonic clock. Return: true if rung. */
bool doorbell_sleep(const struct doorbell *bell, int64_t deadline_ns);
/*
 * Removes rings beyond @plausible, for which no sleeper can be waiting.
 * Context: takes bounded time. Return: false if there are far too many, because some process has set the value;
 * the value is then left as it is.
 */
bool doorbell_drain(const struct doorbell *bell, uint32_t plausible);

/*
 * Replaces the open semaphore by a new one, unless the name leads to another one already. The caller holds the
 * lock for replacing it.
 *
 * Crash:  leaves the old one, none, or the new one; nothing else in /dev/shm.
 * Return: false if that is not permitted or not possible.
 */
bool doorbell_replace(const struct doorbell *bell, const struct doorbell_access *access);
/* Unlinks the semaphore, unless the name leads to another one. */
void doorbell_unlink(const struct doorbell *bell);

#endif
