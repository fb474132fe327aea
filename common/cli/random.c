/* SPDX-License-Identifier: MIT */
#include "common/cli/random.h"

#include <sys/random.h>
#include <time.h>
#include <unistd.h>

uint64_t generator_any_seed(void)
{
    uint64_t seed;
    if (getrandom(&seed, sizeof(seed), GRND_NONBLOCK) == (ssize_t)sizeof(seed))
        return seed;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000003 + (uint64_t)now.tv_nsec + ((uint64_t)getpid() << 40);
}

void generator_init(struct generator *generator, uint64_t seed)
{
    generator->state = seed;
}

static uint64_t next(struct generator *generator)
{
    uint64_t mixed = generator->state += UINT64_C(0x9e3779b97f4a7c15);
    mixed = (mixed ^ (mixed >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    mixed = (mixed ^ (mixed >> 27)) * UINT64_C(0x94d049bb133111eb);
    return mixed ^ (mixed >> 31);
}

uint64_t generator_between(struct generator *generator, uint64_t min, uint64_t max)
{
    uint64_t range = max - min + 1;
    if (range == 0)
        return next(generator);
    /* Reject numbers above the last whole multiple of the range: they would favour small results. */
    uint64_t limit = UINT64_MAX - (UINT64_MAX % range + 1) % range;
    uint64_t number;
    do {
        number = next(generator);
    } while (number > limit);
    return min + number % range;
}
