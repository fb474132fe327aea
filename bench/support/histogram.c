/* SPDX-License-Identifier: MIT */
#include "bench/support/histogram.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>

/* Below HISTOGRAM_STEPS, each number has its own bucket; above, the leading bits select the bucket. */
static uint32_t place(uint64_t ns)
{
    const uint32_t top = 63 - (uint32_t)__builtin_clzll(ns | 1);
    if (top < 6)
        return (uint32_t)ns;
    const uint32_t shift = top - 6;
    const uint32_t where = (shift + 1) * HISTOGRAM_STEPS + (uint32_t)(ns >> shift) - HISTOGRAM_STEPS;
    const uint32_t last = HISTOGRAM_STEPS * HISTOGRAM_DOUBLINGS - 1;
    return where < last ? where : last;
}

/* The middle of a bucket's range. */
static int64_t worth(uint32_t where)
{
    if (where < HISTOGRAM_STEPS)
        return where;
    const uint32_t shift = where / HISTOGRAM_STEPS - 1;
    const uint64_t least = (uint64_t)(where % HISTOGRAM_STEPS + HISTOGRAM_STEPS) << shift;
    return (int64_t)(least + ((UINT64_C(1) << shift) >> 1));
}

void histogram_add(struct histogram *histogram, int64_t ns)
{
    if (ns > histogram->most_ns)
        histogram->most_ns = ns;
    histogram->counts[place(ns > 0 ? (uint64_t)ns : 0)]++;
    histogram->total++;
}

int64_t histogram_at(const struct histogram *histogram, double share)
{
    const double wanted = share * (double)histogram->total;
    uint64_t seen = 0;
    for (uint32_t i = 0; i < HISTOGRAM_STEPS * HISTOGRAM_DOUBLINGS; i++) {
        seen += histogram->counts[i];
        if (seen > 0 && (double)seen >= wanted)
            return worth(i) < histogram->most_ns ? worth(i) : histogram->most_ns;
    }
    return histogram->most_ns;
}

int histogram_write(const struct histogram *histogram, const char *file)
{
    FILE *out = fopen(file, "w");
    if (out == NULL)
        return -errno;
    for (uint32_t i = 0; i < HISTOGRAM_STEPS * HISTOGRAM_DOUBLINGS; i++)
        if (histogram->counts[i] != 0)
            (void)fprintf(out, "%" PRId64 ",%" PRIu32 "\n", worth(i), histogram->counts[i]);
    return fclose(out) == 0 ? 0 : -errno;
}
