/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_MISSING_H
#define SHMQ_MISSING_H

#include "common/queue/handle.h"

enum { MISSING_BYTES = 256 };

/*
 * Describes what a copy in a file lacks because the file ends too early, or cannot be read to its end: "the file
 * ends at byte 4096 of 1130496: without all seats, seat buffers, lane 0 and the events".
 *
 * Return: @text; "" if nothing is missing.
 */
const char *missing_describe(const struct shmq *handle, char text[static MISSING_BYTES]);

#endif
