/* SPDX-License-Identifier: MIT */
#ifndef CONSUMER_FORWARD_LIST_H
#define CONSUMER_FORWARD_LIST_H

#include <stdbool.h>
#include <stddef.h>

#include "common/shmq.h"

/* The queues of --forward. */

enum { FORWARD_MAX = 64 };

struct forward_queue {
    char name[SHMQ_NAME_MAX + 1];
    bool drops; /* --forward-full drop: what it has no room for */
};

struct forward_list {
    struct forward_queue queues[FORWARD_MAX];
    size_t count;
};

/* Adds "QUEUE[,QUEUE...]". Return: NULL; what is wrong with it. */
const char *forward_list_read(struct forward_list *list, const char *text);

/* Finds a queue by its name; NULL: it is not among them. */
struct forward_queue *forward_list_find(struct forward_list *list, const char *name);

#endif
