/* SPDX-License-Identifier: MIT */
#ifndef CONSUMER_DEAD_LETTERS_H
#define CONSUMER_DEAD_LETTERS_H

#include "common/cli/headers.h"
#include "common/cli/wait_notice.h"
#include "consumer/sinks/sink.h"

/* The dead-letter queue: messages that were given up are moved there, with their history as headers. */

struct dead_letters {
    const struct consumer_options *options;
    struct totals *totals;
    struct shmq *handle;       /* the consumer's */
    struct shmq_mover *mover;  /* NULL: there are no dead letters */
    struct shmq_options sizes; /* of the queue, if it has to be made */
    char *headers;             /* SHMQ_HEADERS_MAX bytes */
    struct wait_notice notice;
    int64_t waiting_since_ns; /* 0: it does not wait */
};

/*
 * Prepares to move messages of @handle. If the dead-letter queue exists, checks that it can take any of them. If
 * not, it is made when it is needed: like the other queue, but its largest message is greater by
 * HEADERS_HISTORY_BYTES.
 *
 * Return: SINK_OK, also with --dead-letter none; SINK_FAILED, SINK_UNFIT.
 */
enum sink_result dead_letters_begin(struct dead_letters *letters, const struct consumer_options *options,
                                    struct totals *totals, struct shmq *handle);
void dead_letters_end(struct dead_letters *letters);

static inline bool dead_letters_are_kept(const struct dead_letters *letters)
{
    return letters->mover != NULL;
}

/*
 * Moves the oldest message held. While there is no room, waits: that is back-pressure.
 *
 * Return: SINK_MOVED; SINK_STOPPED, SINK_FAILED, SINK_UNFIT: the message is still held.
 */
enum sink_result dead_letters_move(struct dead_letters *letters, const struct shmq_message *message,
                                   const struct history *history);

#endif
