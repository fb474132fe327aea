/* SPDX-License-Identifier: MIT */

/* Boost.Interprocess message_queue. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "bench/optional/boost_queue.h"
#include "bench/support/harness.h"

struct boost_channel {
    struct channel channel;
    char name[64];
    void *queue;
    unsigned char *buffer;
};

static inline struct boost_channel *mine_of(struct channel *channel)
{
    return (struct boost_channel *)channel;
}

static int prepare(struct channel *channel)
{
    struct boost_channel *mine = mine_of(channel);
    (void)snprintf(mine->name, sizeof(mine->name), "shmq-bench.%ld.%u", (long)getpid(), channel->index);
    void *queue = boost_queue_create(mine->name, plan_messages(channel->plan), channel->plan->size);
    if (queue == NULL)
        return -ENOMEM;
    boost_queue_close(queue);
    return 0;
}

static int open_either(struct channel *channel, unsigned number)
{
    (void)number;
    mine_of(channel)->queue = boost_queue_open(mine_of(channel)->name);
    return mine_of(channel)->queue != NULL ? 0 : -EIO;
}

static int open_receiver(struct channel *channel, unsigned number)
{
    mine_of(channel)->buffer = aligned_alloc(64, (channel->plan->size + 63) & ~(size_t)63);
    return mine_of(channel)->buffer != NULL ? open_either(channel, number) : -ENOMEM;
}

static void close_either(struct channel *channel)
{
    boost_queue_close(mine_of(channel)->queue);
}

static void clean_up(struct channel *channel)
{
    boost_queue_remove(mine_of(channel)->name);
}

static int send_each(struct channel *channel, struct source *source, uint64_t count)
{
    void *queue = mine_of(channel)->queue;
    for (uint64_t i = 0; i < count; i++)
        if (boost_queue_send(queue, source_take(source), source->size) != 0)
            return -EIO;
    return 0;
}

static int receive_each(struct channel *channel, struct checker *checker, uint64_t count)
{
    const struct boost_channel mine = *mine_of(channel);
    for (uint64_t i = 0; i < count; i++) {
        size_t length;
        if (boost_queue_receive(mine.queue, mine.buffer, checker->size, &length) != 0)
            return -EIO;
        checker_take(checker, mine.buffer, length);
    }
    return 0;
}

int main(int argc, char **argv)
{
    static const struct contender contender = {
        .name = "boost",
        .loads = LOAD_STREAM | LOAD_ROUND_TRIP | LOAD_MANY,
        .channel_bytes = sizeof(struct boost_channel),
        .prepare = prepare,
        .open_sender = open_either,
        .open_receiver = open_receiver,
        .send = send_each,
        .receive = receive_each,
        .close_sender = close_either,
        .close_receiver = close_either,
        .clean_up = clean_up,
    };
    return bench_run(argc, argv, &contender);
}
