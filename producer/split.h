/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_PRODUCER_SPLIT_H
#define SHMQ_PRODUCER_SPLIT_H

#include "producer/input.h"
#include "producer/options.h"

/*
 * Finds the bytes of a file that belong to part I of N: the messages that begin in [size (I-1)/N, size I/N).
 * So each message belongs to exactly one part, however long it is.
 *
 * @fd    a regular file, open for reading
 * @size  its size, the same for all parts
 *
 * Returns 0 or -errno of a read.
 */
int split_range(int fd, uint64_t size, const struct options *options, struct range *range);

#endif
