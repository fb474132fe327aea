/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_PRODUCER_REFUSED_H
#define SHMQ_PRODUCER_REFUSED_H

#include <stdint.h>

/* Messages that a source cannot put and goes on without. Each is counted; the user is told, but not flooded. */

struct refused {
    uint64_t count;
    uint64_t told; /* count when the user was last told */
};

/* Counts a message and reports it: each of the first ten, then one at each doubling. */
void refused_add(struct refused *refused, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* At the end: reports the total if refused_add has not. */
void refused_report(struct refused *refused);

#endif
