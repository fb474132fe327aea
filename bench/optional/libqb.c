/* SPDX-License-Identifier: MIT */

/*
 * libqb's ring buffer, shared by two processes. Its reader can sleep until there is data. It has no way to wait
 * for room, so a writer that finds it full yields the processor and tries again.
 */

#include <errno.h>
#include <qb/qbrb.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "bench/support/harness.h"

struct libqb_channel {
    struct channel channel;
    qb_ringbuffer_t *ring;
    unsigned char *buffer;
};

static inline struct libqb_channel *mine_of(struct channel *channel)
{
    return (struct libqb_channel *)channel;
}

static int prepare(struct channel *channel)
{
    char name[64];
    (void)snprintf(name, sizeof(name), "shmq-bench.%ld.%u", (long)getpid(), channel->index);
    mine_of(channel)->ring =
        qb_rb_open(name, channel->plan->capacity_bytes, QB_RB_FLAG_CREATE | QB_RB_FLAG_SHARED_PROCESS, 0);
    return mine_of(channel)->ring != NULL ? 0 : -errno;
}

static int open_receiver(struct channel *channel, unsigned number)
{
    (void)number;
    mine_of(channel)->buffer = aligned_alloc(64, (channel->plan->size + 63) & ~(size_t)63);
    return mine_of(channel)->buffer != NULL ? 0 : -ENOMEM;
}

static void close_receiver(struct channel *channel)
{
    free(mine_of(channel)->buffer);
}

/* The creator removes it. */
static void clean_up(struct channel *channel)
{
    if (mine_of(channel)->ring != NULL)
        qb_rb_close(mine_of(channel)->ring);
}

static int send_each(struct channel *channel, struct source *source, uint64_t count)
{
    qb_ringbuffer_t *ring = mine_of(channel)->ring;
    for (uint64_t i = 0; i < count; i++) {
        const void *message = source_take(source);
        ssize_t written;
        while ((written = qb_rb_chunk_write(ring, message, source->size)) == -EAGAIN)
            (void)sched_yield();
        if (written < 0)
            return (int)written;
    }
    return 0;
}

static int receive_each(struct channel *channel, struct checker *checker, uint64_t count)
{
    const struct libqb_channel mine = *mine_of(channel);
    for (uint64_t i = 0; i < count; i++) {
        const ssize_t got = qb_rb_chunk_read(mine.ring, mine.buffer, checker->size, -1);
        if (got < 0)
            return (int)got;
        checker_take(checker, mine.buffer, (size_t)got);
    }
    return 0;
}

int main(int argc, char **argv)
{
    static const struct contender contender = {
        .name = "libqb",
        .loads = LOAD_STREAM | LOAD_ROUND_TRIP,
        .unbounded = true, /* it rounds up to pages and adds some room */
        .channel_bytes = sizeof(struct libqb_channel),
        .prepare = prepare,
        .open_receiver = open_receiver,
        .send = send_each,
        .receive = receive_each,
        .close_receiver = close_receiver,
        .clean_up = clean_up,
    };
    return bench_run(argc, argv, &contender);
}
