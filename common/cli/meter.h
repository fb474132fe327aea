/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_CLI_METER_H
#define SHMQ_CLI_METER_H

#include <stdint.h>

enum { METER_SAMPLES = 5 };

#define METER_SPAN_NS INT64_C(5000000000) /* how far back a rate reaches, unless there is nothing nearer */

/* The rate of a counter that is read now and then, averaged over the last few readings. All zero: no reading yet.
 */
struct meter {
    struct {
        uint64_t count;
        int64_t at_ns;
    } samples[METER_SAMPLES]; /* a ring */
    uint32_t used;
    uint32_t newest;
};

/*
 * Adds a reading. A counter that went back, or further than any queue can, was reset: the meter starts anew. A
 * reading of a time that was read already is ignored.
 *
 * Return: how many were counted since the reading before; 0 for the first one.
 */
uint64_t meter_add(struct meter *meter, uint64_t count, int64_t now_ns);

/* Return: per second; never negative; 0 before the second reading. */
double meter_rate(const struct meter *meter);

#endif
