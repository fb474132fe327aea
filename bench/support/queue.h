/* SPDX-License-Identifier: MIT */
#ifndef BENCH_QUEUE_H
#define BENCH_QUEUE_H

#include "bench/support/harness.h"
#include "common/shmq.h"

/* Shared by the contenders that use shmq: a queue with default sizes, unless the plan says otherwise. */

struct queue_channel {
    struct channel channel;
    char name[SHMQ_NAME_MAX + 1];
    struct shmq *queue;       /* the open handle of this process's side */
    unsigned char *buffer;    /* the consumer's, of one message */
    struct shmq **bystanders; /* in the parent: producers that put nothing */
};

static inline struct queue_channel *queue_of(struct channel *channel)
{
    return (struct queue_channel *)channel;
}

/* Creates a queue named after this process. */
int queue_prepare(struct channel *channel);
int queue_open_producer(struct channel *channel, unsigned number);
int queue_open_consumer(struct channel *channel, unsigned number);
void queue_close_producer(struct channel *channel);
void queue_close_consumer(struct channel *channel);
void queue_clean_up(struct channel *channel);

/* One message per call, copied in and out. */
int queue_put_each(struct channel *channel, struct source *source, uint64_t count);
int queue_get_each(struct channel *channel, struct checker *checker, uint64_t count);
/* One message per call, in place. */
int queue_lease_each(struct channel *channel, struct checker *checker, uint64_t count);

#define QUEUE_CONTENDER(title, make_ready, put, get)                                                              \
    {                                                                                                             \
        .name = (title), .loads = LOAD_STREAM | LOAD_ROUND_TRIP | LOAD_MANY,                                      \
        .channel_bytes = sizeof(struct queue_channel), .prepare = (make_ready),                                   \
        .open_sender = queue_open_producer, .open_receiver = queue_open_consumer, .send = (put),                  \
        .receive = (get), .close_sender = queue_close_producer, .close_receiver = queue_close_consumer,           \
        .clean_up = queue_clean_up                                                                                \
    }

#endif
