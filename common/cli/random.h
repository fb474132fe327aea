/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_CLI_RANDOM_H
#define SHMQ_CLI_RANDOM_H

#include <stdint.h>

/* Reproducible random numbers: the same seed gives the same sequence (SplitMix64). */
struct generator {
    uint64_t state;
};

/* A seed from the system's random source. */
uint64_t generator_any_seed(void);
void generator_init(struct generator *generator, uint64_t seed);
/* A uniformly distributed number between @min and @max, both included. */
uint64_t generator_between(struct generator *generator, uint64_t min, uint64_t max);

#endif
