/* SPDX-License-Identifier: MIT */

/* Many messages per call: copied in, read in place, acknowledged together. */

#include "bench/support/queue.h"

#define BATCH 256

static int produce(struct channel *channel, struct source *source, uint64_t count)
{
    struct shmq *queue = queue_of(channel)->queue;
    int error = 0;
    while (error == 0 && count > 0) {
        const struct iovec *messages;
        const uint32_t taken = source_take_many(source, count, &messages);
        error = shmq_put_many(queue, messages, taken, NULL, SHMQ_FOREVER);
        count -= taken;
    }
    return error;
}

static int consume(struct channel *channel, struct checker *checker, uint64_t count)
{
    static struct shmq_message messages[BATCH];
    struct shmq *queue = queue_of(channel)->queue;
    int error = 0;
    while (error == 0 && count > 0) {
        size_t taken;
        error = shmq_lease_many(queue, messages, count < BATCH ? count : BATCH, &taken, SHMQ_FOREVER);
        if (error != 0)
            break;
        for (size_t i = 0; i < taken; i++)
            checker_take(checker, messages[i].data, messages[i].length);
        error = shmq_acknowledge(queue, taken);
        count -= taken;
    }
    return error;
}

int main(int argc, char **argv)
{
    static const struct contender contender = QUEUE_CONTENDER("shmq_batch", queue_prepare, produce, consume);
    return bench_run(argc, argv, &contender);
}
