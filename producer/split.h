/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_PRODUCER_SPLIT_H
#define SHMQ_PRODUCER_SPLIT_H

#include "producer/input.h"
#include "producer/options.h"

/*
 * Finds the range of a file that belongs to part I of N. The whole messages in the first @size bytes are divided
 * into N parts of equal size; a message belongs to the part in which it begins, and the last part also has
 * everything that follows. So each message belongs to exactly one part, however long it is and however much the
 * file grows.
 *
 * @fd     a regular file, open for reading
 * @size   at most the file's size; the same for all parts
 * @range  receives .begin, .end and .least
 *
 * Return: 0; -EINTR when a stop was requested; -errno of a read.
 */
int split_range(int fd, uint64_t size, const struct options *options, struct range *range);

#endif
