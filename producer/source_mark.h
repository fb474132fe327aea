/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_PRODUCER_SOURCE_MARK_H
#define SHMQ_PRODUCER_SOURCE_MARK_H

#include <stddef.h>
#include <stdint.h>

/* By what a source is recognised when it is resumed: bytes at one place in it. */

enum { MARK_BYTES = 256 };

struct source_mark {
    uint64_t offset; /* bytes of the source before it; 0: there is no mark */
    uint64_t sum;    /* of the last of these bytes */
    uint64_t bytes;  /* how many they are, MARK_BYTES at the most */
};

/*
 * What is kept with the source in the queue before each batch is put. Where its owner is killed, the source stands
 * between the two: both have to fit, so that no place is left that would not be recognised.
 */
struct source_marks {
    struct source_mark begin; /* where the batch begins */
    struct source_mark end;   /* where it ends */
};

/* A sum of @size bytes, by which other bytes can be told from them; no protection against malice. */
uint64_t source_mark_sum(const void *data, size_t size);
/* The mark at @offset, of which the last @size bytes before it end at @end. */
struct source_mark source_mark_make(uint64_t offset, const void *end, uint64_t size);

#endif
