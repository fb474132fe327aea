/* SPDX-License-Identifier: MIT */
#ifndef BENCH_HISTOGRAM_H
#define BENCH_HISTOGRAM_H

#include <stdint.h>

/* How often which time was seen, to a part in 64: so that results of several runs can be put together. */

#define HISTOGRAM_STEPS 64u /* of each doubling */
#define HISTOGRAM_DOUBLINGS 40u

struct histogram {
    uint64_t total;
    int64_t most_ns;
    uint32_t counts[HISTOGRAM_STEPS * HISTOGRAM_DOUBLINGS];
};

void histogram_add(struct histogram *histogram, int64_t ns);

/* Nanoseconds that the part @share of all took at most. */
int64_t histogram_at(const struct histogram *histogram, double share);

/* Writes "nanoseconds,count" lines. Return: 0; negative errno. */
int histogram_write(const struct histogram *histogram, const char *file);

#endif
