/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_PRODUCER_NATS_HEADER_COPY_H
#define SHMQ_PRODUCER_NATS_HEADER_COPY_H

#include <nats/nats.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Header blocks that are made of the headers of messages, one behind the other. */
struct header_copy {
    char *text;
    size_t used;
    size_t size; /* allocated */
};

/* Forgets all blocks; keeps the memory. */
void header_copy_clear(struct header_copy *copy);
void header_copy_free(struct header_copy *copy);

/*
 * Adds the block of a message, in the order of the names. Left out are Nats-Expected-... and Shmq-Order, which
 * were for the broker, and names that no header of ours can have. In a value, what would end its line becomes a
 * blank. A Nats-Msg-Id that is an id of ours becomes Shmq-Id, if the message has none.
 *
 * @sequence  of the message in its stream, for --source-headers: Shmq-Subject and Shmq-Sequence stand first,
 * instead of those that it has; 0: they do not
 * @begin     receives where the block begins in .text, which may move with the next call
 * @length    receives its bytes; 0: no headers
 * @left_out  is raised by the number of headers with such a name
 *
 * Return: false: out of memory.
 */
bool header_copy_add(struct header_copy *copy, natsMsg *message, uint64_t sequence, size_t *begin, size_t *length,
                     uint64_t *left_out);

/* Whether @text is the id of a message of a queue: QUEUE-LANE-POSITION. */
bool header_copy_is_id(const char *text);

#endif
