/* SPDX-License-Identifier: MIT */
#ifndef CONSUMER_ENVIRONMENT_H
#define CONSUMER_ENVIRONMENT_H

#include <stddef.h>

/*
 * The environment of a command: this process's own without the variables that describe a message, then those that
 * describe the present one. It is built apart, because setenv keeps every value that a variable ever had.
 */

struct environment {
    char **entries;   /* for execve: "NAME=value", then NULL */
    size_t inherited; /* of them, from the first; not ours to free */
    size_t count;
    size_t room;
};

/* Return: 0; -ENOMEM. */
int environment_init(struct environment *environment);
void environment_free(struct environment *environment);

/* Drops the variables of the previous message. */
void environment_reset(struct environment *environment);
/* Adds "NAME=value". Return: 0; -ENOMEM. */
int environment_add(struct environment *environment, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/*
 * Adds SHMQ_HEADER_NAME for each header of a block: its name in capitals, with _ for all but letters and digits.
 * Of several that would have the same name, the first counts.
 *
 * Return: 0; -ENOMEM.
 */
int environment_add_headers(struct environment *environment, const char *headers, size_t bytes);

#endif
