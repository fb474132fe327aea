/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_MONITOR_HOMES_H
#define SHMQ_MONITOR_HOMES_H

#include <stddef.h>
#include <stdint.h>

#include "common/shmq.h"

/* The queues that messages are moved back to. */

struct home {
    char name[SHMQ_NAME_MAX + 1];
    struct shmq_mover *mover;
    int error;      /* why it takes no messages; 0: it does */
    uint64_t left;  /* messages yet to be moved there */
    uint64_t moved; /* messages moved there */
};

struct homes {
    struct home *items;
    size_t count;
};

/*
 * Finds a home by its name, which need not be terminated, or adds it.
 *
 * @index  receives its place in items
 *
 * Return: 0; -ENOMEM.
 */
int homes_find(struct homes *homes, const char *name, size_t length, size_t *index);

/* Opens movers for the messages of @consumer, and finds out which homes cannot take any: see .error. */
void homes_open(struct homes *homes, struct shmq *consumer);
void homes_close(struct homes *homes);

#endif
