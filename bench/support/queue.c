/* SPDX-License-Identifier: MIT */
#include "bench/support/queue.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Attaches live producers that put nothing to all lanes but one. */
static int add_bystanders(struct queue_channel *mine, unsigned lanes)
{
    mine->bystanders = calloc(lanes, sizeof(struct shmq *));
    int error = mine->bystanders != NULL ? 0 : -ENOMEM;
    for (unsigned i = 0; error == 0 && i + 1 < lanes; i++)
        error = shmq_open(&mine->bystanders[i], mine->name, SHMQ_PRODUCER, NULL);
    return error;
}

int queue_prepare(struct channel *channel)
{
    struct queue_channel *mine = queue_of(channel);
    const struct plan *plan = channel->plan;
    const struct shmq_options options = {
        SHMQ_OPTIONS_DEFAULTS,
        .capacity_bytes = plan->capacity_bytes == PLAN_CAPACITY_BYTES ? 0 : plan->capacity_bytes,
        .lanes = plan->lanes,
        .seats = plan->seats,
    };
    (void)snprintf(mine->name, sizeof(mine->name), "bench.%ld.%u", (long)getpid(), channel->index);
    const int error = shmq_create(mine->name, &options);
    return error == 0 && plan->lanes > 1 ? add_bystanders(mine, plan->lanes) : error;
}

int queue_open_producer(struct channel *channel, unsigned number)
{
    (void)number;
    return shmq_open(&queue_of(channel)->queue, queue_of(channel)->name, SHMQ_PRODUCER, NULL);
}

int queue_open_consumer(struct channel *channel, unsigned number)
{
    struct queue_channel *mine = queue_of(channel);
    (void)number;
    mine->buffer = aligned_alloc(64, (channel->plan->size + 63) & ~(size_t)63);
    return mine->buffer != NULL ? shmq_open(&mine->queue, mine->name, SHMQ_CONSUMER, NULL) : -ENOMEM;
}

void queue_close_producer(struct channel *channel)
{
    (void)shmq_close(queue_of(channel)->queue);
}

void queue_close_consumer(struct channel *channel)
{
    (void)shmq_close(queue_of(channel)->queue);
    free(queue_of(channel)->buffer);
}

void queue_clean_up(struct channel *channel)
{
    struct queue_channel *mine = queue_of(channel);
    for (unsigned i = 0; mine->bystanders != NULL && i < channel->plan->lanes; i++)
        (void)shmq_close(mine->bystanders[i]);
    free(mine->bystanders);
    (void)shmq_remove(mine->name, true);
}

int queue_put_each(struct channel *channel, struct source *source, uint64_t count)
{
    struct shmq *queue = queue_of(channel)->queue;
    int error = 0;
    for (uint64_t i = 0; error == 0 && i < count; i++)
        error = shmq_put(queue, source_take(source), source->size, SHMQ_FOREVER);
    return error;
}

int queue_get_each(struct channel *channel, struct checker *checker, uint64_t count)
{
    struct queue_channel *mine = queue_of(channel);
    for (uint64_t i = 0; i < count; i++) {
        size_t length;
        const int error = shmq_get(mine->queue, mine->buffer, checker->size, &length, SHMQ_FOREVER);
        if (error != 0)
            return error;
        checker_take(checker, mine->buffer, length);
    }
    return 0;
}

int queue_lease_each(struct channel *channel, struct checker *checker, uint64_t count)
{
    struct shmq *queue = queue_of(channel)->queue;
    int error = 0;
    for (uint64_t i = 0; error == 0 && i < count; i++) {
        struct shmq_message message;
        error = shmq_lease(queue, &message, SHMQ_FOREVER);
        if (error != 0)
            break;
        checker_take(checker, message.data, message.length);
        error = shmq_acknowledge(queue, 1);
    }
    return error;
}
