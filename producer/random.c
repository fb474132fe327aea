/* SPDX-License-Identifier: MIT */
#include "producer/random.h"

#include <stdio.h>

#include "common/cli/random.h"

enum { LOWEST = 1, HIGHEST = 100, DIGITS = 4 };

enum flow random_run(struct publisher *publisher, uint64_t seed)
{
    char texts[PUBLISHER_BATCH][DIGITS];
    struct iovec batch[PUBLISHER_BATCH];
    struct generator generator;
    generator_init(&generator, seed);
    /* With --rate or --delay, generate each message only when it is due. */
    size_t count = pace_is_set(&publisher->pace) ? 1 : PUBLISHER_BATCH;
    enum flow flow = FLOW_CONTINUE;
    while (flow == FLOW_CONTINUE) {
        for (size_t i = 0; i < count; i++) {
            unsigned number = (unsigned)generator_between(&generator, LOWEST, HIGHEST);
            int length = snprintf(texts[i], DIGITS, "%u", number % (HIGHEST + 1));
            batch[i] = (struct iovec){texts[i], (size_t)length};
        }
        size_t taken;
        flow = publisher_put(publisher, batch, count, SHMQ_FRAME_DELIMITER, &taken);
    }
    return flow;
}
