/* SPDX-License-Identifier: MIT */

/*
 * A reference for large messages: one process copies each message into a ring of the usual size and reads it there
 * at once. It waits for no other process; but two processes could share the work.
 */

#include <errno.h>
#include <stdlib.h>

#include "bench/support/harness.h"

struct memcpy_channel {
    struct channel channel;
    unsigned char *bytes;
};

static int prepare(struct channel *channel)
{
    unsigned char **bytes = &((struct memcpy_channel *)channel)->bytes;
    *bytes = aligned_alloc(64, channel->plan->capacity_bytes);
    return *bytes != NULL ? 0 : -ENOMEM;
}

static int alone(struct channel *channel, struct source *source, struct checker *checker, uint64_t count)
{
    unsigned char *bytes = ((struct memcpy_channel *)channel)->bytes;
    const size_t stride = (source->size + 63) & ~(size_t)63;
    const size_t end = plan_messages(channel->plan) * stride;
    size_t at = 0;
    for (uint64_t i = 0; i < count; i++) {
        memcpy(bytes + at, source_take(source), source->size);
        checker_take(checker, bytes + at, checker->size);
        at = at + stride < end ? at + stride : 0;
    }
    return 0;
}

static void clean_up(struct channel *channel)
{
    free(((struct memcpy_channel *)channel)->bytes);
}

int main(int argc, char **argv)
{
    static const struct contender contender = {
        .name = "memcpy",
        .loads = LOAD_STREAM,
        .unbounded = true,
        .channel_bytes = sizeof(struct memcpy_channel),
        .prepare = prepare,
        .alone = alone,
        .clean_up = clean_up,
    };
    return bench_run(argc, argv, &contender);
}
