/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_LATENCY_SPAN_H
#define SHMQ_LATENCY_SPAN_H

#include "common/core/ring.h"

/*
 * Messages of a lane that one consumer has acknowledged, perhaps with others between them that it has not. Each is
 * counted with the time since its own put, as far as marks tell: where they say the same of the first and the last
 * message, the rest needs no look at them; otherwise the span is halved, until the times differ by no more than
 * the clock's tick or the width of a bucket. So the looks are bounded by the time in which the messages were put.
 */
struct latency_span {
    const struct ring *ring;
    uint64_t from; /* positions: where the first may begin, where the last ends at the latest */
    uint64_t to;
    uint64_t count;        /* messages */
    int64_t put_ns;        /* when the first was put; all times are of the coarse clock */
    int64_t began_ns;      /* they were acknowledged one by one from then on */
    int64_t acked_ns;      /* until then; equal: all at once */
    int64_t tick_ns;       /* of the clock */
    const uint64_t *words; /* descriptors of all that is between from and to; NULL: not known */
    shared_u64 *buckets;   /* to count in */
};

/* Counts them. Return: when the last was put. */
int64_t latency_span_count(const struct latency_span *span);

/* The bucket of a time. */
uint32_t latency_bucket(int64_t ns);

#endif
