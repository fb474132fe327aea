/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_CLI_RANDOM_H
#define SHMQ_CLI_RANDOM_H

#include <stdint.h>

/* Random numbers that are the same for the same seed (SplitMix64). */
struct generator {
    uint64_t state;
};

/* A seed from the system. */
uint64_t generator_any_seed(void);
void generator_init(struct generator *generator, uint64_t seed);
/* A number from @min to @max, evenly spread. */
uint64_t generator_between(struct generator *generator, uint64_t min, uint64_t max);

#endif
