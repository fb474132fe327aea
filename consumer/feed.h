/* SPDX-License-Identifier: MIT */
#ifndef CONSUMER_FEED_H
#define CONSUMER_FEED_H

#include <limits.h>
#include <sys/uio.h>

#include "consumer/framing.h"

/*
 * Writes framed messages to a pipe without blocking, in pieces. A piece of several messages has at most PIPE_BUF
 * bytes, and such a write is atomic: if this process is killed, the reader finds whole messages only. A message
 * that is longer is a piece of its own.
 */

enum { FEED_VECTORS = 3 }; /* framing before the payload, payload, framing after it */

struct feed {
    struct framing framing;
    size_t messages; /* of the piece */
    size_t used;     /* bytes of the buffer */
    struct iovec vectors[FEED_VECTORS];
    size_t first; /* vector that is not yet written */
    size_t vectors_used;
    unsigned char buffer[PIPE_BUF + FRAMING_OVERHEAD_MAX];
};

void feed_init(struct feed *feed, const struct framing *framing);
/* Forgets a piece that cannot be written. */
void feed_reset(struct feed *feed);

static inline bool feed_is_empty(const struct feed *feed)
{
    return feed->messages == 0;
}

/*
 * Adds a message to a piece of which nothing is written yet. It has to stay where it is until it is written.
 * False if there is no room: write the piece first.
 */
bool feed_add(struct feed *feed, const struct shmq_message *message);

/*
 * Writes as much of the piece as the pipe takes.
 *
 * @sent  receives the piece's messages, if it is written completely
 *
 * Return: 0: written; -EAGAIN: the pipe is full; another negative errno.
 */
int feed_write(struct feed *feed, int fd, size_t *sent);

/* Bytes of the piece that are not written yet. */
uint64_t feed_unwritten(const struct feed *feed);

/* Why a message cannot be given to a reader that has to tell it from the others: it contains the delimiter that is
 * to end it. NULL: it can be. */
const char *feed_objection(const struct feed *feed, const struct shmq_message *message);

#endif
