/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_PRODUCER_SOURCE_MARK_H
#define SHMQ_PRODUCER_SOURCE_MARK_H

#include <stddef.h>
#include <stdint.h>

/* A mark identifies a source when it is resumed: a checksum of the bytes before one offset. */

enum { MARK_BYTES = 256 };

struct source_mark {
    uint64_t offset; /* in the source; 0: no mark */
    uint64_t sum;    /* checksum of the bytes before it */
    uint64_t bytes;  /* how many bytes, at most MARK_BYTES */
};

/*
 * Stored with the source in the queue before each batch is put. If the producer is killed, its position is between
 * the two marks; a resumed source must match both.
 */
struct source_marks {
    struct source_mark begin; /* where the batch begins */
    struct source_mark end;   /* where it ends */
};

/* Checksum of @size bytes; not cryptographic. */
uint64_t source_mark_sum(const void *data, size_t size);
/* Makes the mark for @offset; the last @size bytes before it end at @end. */
struct source_mark source_mark_make(uint64_t offset, const void *end, uint64_t size);

#endif
