/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_PRODUCER_NATS_HAND_H
#define SHMQ_PRODUCER_NATS_HAND_H

#include <nats/nats.h>
#include <stdbool.h>
#include <stddef.h>

#include "producer/nats/delivery.h"

/* Messages that the broker has delivered and that are not in the queue yet, in the order of their stream. */

struct received {
    natsMsg *message;
    struct delivery delivery;
    int64_t came_ns; /* when it was taken, on the clock of stop_now_ns */
};

struct hand {
    struct received *list;
    size_t first;
    size_t count;
    size_t size; /* allocated */
};

void hand_free(struct hand *hand);
/* Destroys all messages: the broker delivers them again. */
void hand_clear(struct hand *hand);

/*
 * Takes a message over. One that is there already, by its place in the stream, is destroyed.
 *
 * @is_new  receives whether it was not there
 *
 * Return: false: out of memory; the message is destroyed.
 */
bool hand_add(struct hand *hand, natsMsg *message, const struct delivery *delivery, int64_t now_ns, bool *is_new);

static inline const struct received *hand_at(const struct hand *hand, size_t index)
{
    return &hand->list[hand->first + index];
}

/* Whether the message at this place in the stream is in hand. */
bool hand_has(const struct hand *hand, uint64_t stream_sequence);

/* Destroys the first message. */
void hand_drop_first(struct hand *hand);

#endif
