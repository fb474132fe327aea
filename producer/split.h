/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_PRODUCER_SPLIT_H
#define SHMQ_PRODUCER_SPLIT_H

#include "producer/input.h"
#include "producer/options.h"

/*
 * Finds the bytes of a file that belong to part I of N: of the whole messages in its first @size bytes, those that
 * begin in the I-th of N equal parts of them; the last part has all that follows, too. So each message belongs to
 * exactly one part, however long it is, and however the file grows.
 *
 * @fd     a regular file, open for reading
 * @size   no more than its size, the same for all parts
 * @range  receives where it begins, where it ends, and where it ends at the least
 *
 * Returns 0, -EINTR if an end was asked for meanwhile, or -errno of a read.
 */
int split_range(int fd, uint64_t size, const struct options *options, struct range *range);

#endif
