/* SPDX-License-Identifier: MIT */
#ifndef SUPPORT_CALLS_H
#define SUPPORT_CALLS_H

#include <stddef.h>

#include "common/shmq.h"

/* A table of the functions that take a handle, with arguments that make sense. */

enum {
    CALLS_OF_PRODUCERS = 1,
    CALLS_OF_CONSUMERS = 2,
    CALLS_OF_ANYBODY = 4,
};

/*
 * Calls each function of these kinds with the handle. Those that wait do so for ever.
 * Return: how many did not return @code; they are printed.
 */
size_t calls_not_returning(int code, struct shmq *handle, unsigned kinds);

#endif
