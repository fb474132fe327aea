/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_PRODUCER_SIBLINGS_H
#define SHMQ_PRODUCER_SIBLINGS_H

#include <stdbool.h>
#include <stddef.h>

#include "producer/file_identity.h"

/* The regular files of folders, among which those are that a rotation has renamed or copied. */

struct sibling {
    char *path;
    struct file_facts facts;
};

enum { SIBLINGS_TRIES = 20 }; /* how often to look again because files were renamed meanwhile */

struct siblings {
    struct sibling *list;
    size_t count;
    size_t room;
};

/*
 * Adds the files of a folder; one that cannot be read has none. None is left out because it is renamed meanwhile.
 *
 * Return: false: out of memory.
 */
bool siblings_add(struct siblings *siblings, const char *folder);
void siblings_free(struct siblings *siblings);
/* Orders them by when they were created, or else by when they were last written to. */
void siblings_sort(struct siblings *siblings);

/*
 * Whether a rotation of the file @base may have given its content the name @name: "app.log.1",
 * "app.log-20240131.gz" or "app-20240131.log" of "app.log". Both without their folders.
 */
bool sibling_is_rotated(const char *name, const char *base);
/* The same, and certainly nothing else, not even compressed: what was added to the name is a number or a time. */
bool sibling_is_rotated_plainly(const char *name, const char *base);

#endif
