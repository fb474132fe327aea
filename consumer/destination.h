/* SPDX-License-Identifier: MIT */
#ifndef CONSUMER_DESTINATION_H
#define CONSUMER_DESTINATION_H

#include "common/cli/wait_notice.h"
#include "consumer/sinks/sink.h"

/* A queue that messages are forwarded to. */

/* What a message grows by at the most, when it gets its id as a header. */
#define DESTINATION_ADDED_BYTES 128

struct destination {
    struct forward_queue queue;
    const char *source;  /* name of the consumer's own queue */
    struct shmq *handle; /* of that queue */
    struct shmq_mover *mover;
    struct wait_notice notice;
    int64_t waiting_since_ns;   /* 0: it does not wait */
    int error;                  /* why it waits */
    uint64_t max_message_bytes; /* of the queue */
    uint64_t dropped;           /* messages that it had no room for */
    size_t done;                /* of the messages that are being delivered */
};

/* How a put ended. */
enum destination_result {
    DESTINATION_DONE,
    DESTINATION_FULL,     /* no room or no free lane, or another process is about to go on: try again */
    DESTINATION_TOO_LONG, /* for this queue: the message at .done */
    DESTINATION_FAILED,   /* already reported */
    DESTINATION_UNFIT,    /* the queue cannot be used; already reported */
};

void destination_init(struct destination *destination, const struct forward_queue *queue, const char *source);

/*
 * Opens the queue; makes it like the consumer's own if it is missing. Takes a lane there.
 *
 * Context: .handle is set.
 * Return: DESTINATION_DONE, also if there is no free lane and it drops; DESTINATION_FULL if there is none, to be
 * tried again; DESTINATION_FAILED, DESTINATION_UNFIT.
 */
enum destination_result destination_open(struct destination *destination);
/* Lets go of its lanes; they stay unfinished unless destination_finish was called. */
void destination_close(struct destination *destination);

/* Puts messages from .done on, up to @count. What there is no room for is dropped, if that is wanted. */
enum destination_result destination_put(struct destination *destination, struct totals *totals,
                                        const struct shmq_message *messages, size_t count, int64_t timeout_ns);

/* While nothing comes: whether the queue is still there, and the lane ours. */
enum destination_result destination_check(struct destination *destination);

/* Its stream from here is complete. Not if --count ends in the middle of what a dead consumer has put. */
enum destination_result destination_finish(struct destination *destination);

/* It is full: says so, if it has been for long. */
void destination_say_wait(struct destination *destination);
/* It has taken something. */
void destination_end_wait(struct destination *destination);

#endif
