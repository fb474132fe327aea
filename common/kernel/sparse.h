/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_SPARSE_H
#define SHMQ_SPARSE_H

#include <stdint.h>

/* Files with holes: what is all zero neither takes room nor is copied. */

#define SPARSE_PIECE_BYTES (UINT64_C(1) << 20) /* read at once */

/* Where the next data begins at or after @offset; @end if there is none before it. */
uint64_t sparse_next_data(int fd, uint64_t offset, uint64_t end);
/* Return: how many bytes could be read before the file's end, or before an error. */
uint64_t sparse_read(int fd, void *to, uint64_t bytes, uint64_t offset);
/* Writes all of it. Return: 0; -ENOSPC, -EFBIG, other system errors. */
int sparse_write(int fd, const void *from, uint64_t bytes, uint64_t offset);
/*
 * Copies from @offset up to @end, to the same place in a file that has a hole there.
 *
 * @done  receives where reading ended: @end, or where the file ends or cannot be read
 *
 * Return: 0; -ENOMEM; -ENOSPC, -EFBIG, other system errors of writing.
 */
int sparse_copy(int from, int to, uint64_t offset, uint64_t end, uint64_t *done);

#endif
