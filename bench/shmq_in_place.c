/* SPDX-License-Identifier: MIT */

/* One message per call without copying: written in reserved room, read from the lease. */

#include "bench/support/queue.h"

static int produce(struct channel *channel, struct source *source, uint64_t count)
{
    struct shmq *queue = queue_of(channel)->queue;
    int error = 0;
    for (uint64_t i = 0; error == 0 && i < count; i++) {
        void *payload;
        error = shmq_reserve(queue, source->size, &payload, SHMQ_FOREVER);
        if (error != 0)
            break;
        payload_write(payload, source->size, source_number(source));
        error = shmq_commit(queue, source->size);
    }
    return error;
}

int main(int argc, char **argv)
{
    static const struct contender contender =
        QUEUE_CONTENDER("shmq_in_place", queue_prepare, produce, queue_lease_each);
    return bench_run(argc, argv, &contender);
}
