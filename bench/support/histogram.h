/* SPDX-License-Identifier: MIT */
#ifndef BENCH_HISTOGRAM_H
#define BENCH_HISTOGRAM_H

#include <stdint.h>

/* Counts times with a resolution of 1/64, so that the results of several runs can be merged. */

#define HISTOGRAM_STEPS 64u /* buckets for each power of two */
#define HISTOGRAM_DOUBLINGS 40u

struct histogram {
    uint64_t total;
    int64_t most_ns;
    uint32_t counts[HISTOGRAM_STEPS * HISTOGRAM_DOUBLINGS];
};

void histogram_add(struct histogram *histogram, int64_t ns);

/* The time, in nanoseconds, that the fraction @share of all trips does not exceed. */
int64_t histogram_at(const struct histogram *histogram, double share);

/* Writes lines "nanoseconds,count". Returns 0 or a negative errno. */
int histogram_write(const struct histogram *histogram, const char *file);

#endif
