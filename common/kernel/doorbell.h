/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_DOORBELL_H
#define SHMQ_DOORBELL_H

#include <semaphore.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/kernel/name.h"

/* Words of a semaphore behind its first one, which is all that changes while it is in use. */
#define DOORBELL_CONSTANT_WORDS (sizeof(sem_t) / sizeof(uint64_t) - 1)

/*
 * A named semaphore that ends sleeps and says nothing else: its value is never the truth about a ring. Whatever
 * happens to it (deleted, set to any value, made by a stranger) costs sleepers their tick, never a message.
 */
struct doorbell {
    char name[OBJECT_NAME_BYTES];
    sem_t *semaphore; /* NULL: not open (yet, or it may not be trusted) */
    /*
     * Where it is mapped; a bare page while there is none. Once mapped, the page stays until doorbell_close, so
     * that a signal handler or another thread may post there at any moment. NULL: never mapped.
     */
    _Atomic(sem_t *) place;
    uint64_t constant[DOORBELL_CONSTANT_WORDS]; /* what the C library writes there once, when it is made */
    dev_t device;                               /* with inode: of the file that is mapped */
    ino_t inode;
    uint32_t generation;              /* of the header's bell_generation when it was opened */
    uint32_t failed_generation_plus1; /* at which opening failed last: not tried again until it changes */
    uint32_t missed;                  /* wake-ups that did not come, since one did */
    bool noisy;                       /* its value ends every sleep, and it could not be replaced */
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
/* Ends @times sleeps, if it is intact. Context: one system call for each that sleeps. */
void doorbell_ring(const struct doorbell *bell, uint32_t times);
/* The same wherever the owner's bell is mapped at this moment. Context: any thread, signal handlers. */
void doorbell_ring_anywhere(const struct doorbell *bell, uint32_t times);
/*
 * Whether everything but its value and its number of sleepers is as the C library made it, which ends the process
 * that uses another one. True also where none is open.
 */
bool doorbell_is_intact(const struct doorbell *bell);
/* Whether sleeping on it can end by a ring, and only by one. Takes some rings out of a noisy one, a bounded
 * number. */
bool doorbell_can_be_heard(struct doorbell *bell, uint32_t plausible);
/* Sleeps until rung, a signal, or @deadline_ns on the monotonic clock. Return: true if rung. */
bool doorbell_sleep(const struct doorbell *bell, int64_t deadline_ns);
/*
 * Takes out rings beyond @plausible, of which nobody is waiting for any.
 * Context: bounded. Return: false if there are far too many, a value that somebody has set: it is left as it is.
 */
bool doorbell_drain(const struct doorbell *bell, uint32_t plausible);

/*
 * Puts a new semaphore in the place of the one that is open, unless the name means another one already. The caller
 * holds a lock that others who replace it respect.
 *
 * Crash:  leaves the old one, none, or the new one; nothing else in /dev/shm.
 * Return: false where that is not permitted, or not possible.
 */
bool doorbell_replace(const struct doorbell *bell, const struct doorbell_access *access);
/* Takes its name away again, unless the name means another one. */
void doorbell_unlink(const struct doorbell *bell);

#endif
