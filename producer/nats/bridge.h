/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_PRODUCER_NATS_BRIDGE_H
#define SHMQ_PRODUCER_NATS_BRIDGE_H

#include "common/nats/connection.h"
#include "common/nats/counters.h"
#include "producer/nats/durable.h"
#include "producer/nats/hand.h"
#include "producer/nats/header_copy.h"
#include "producer/nats/pull.h"
#include "producer/publisher.h"

/*
 * A place in the stream: everything of the durable up to it is in the queue. With the time at which the broker
 * stored the message, because a stream that lost its end in a disaster uses the numbers of what it lost again.
 */
struct place {
    uint64_t sequence; /* 0: the beginning */
    int64_t stored_ns; /* of the latest message up to it */
};

/* What reads a durable and puts its messages. W, R: its thread. */
struct bridge {
    struct publisher *publisher;
    bool source_headers; /* each message says which one of the stream it is */
    struct connection connection;
    struct counters counters;
    struct durable durable;
    struct pull pull;
    struct hand hand;
    struct header_copy headers;
    struct shmq_cursor resumed; /* as it was in the queue at the start */
    struct place done;
    uint64_t identity;               /* of the durable that .done is of */
    uint64_t next_consumer_sequence; /* of the next delivery, if none is missing */
    bool settled;                    /* no message older than the next delivery is missing */
    int64_t show_ns;                 /* when the queue's observers are to see the counters next */
    int64_t extended_ns;             /* when the broker was last told that messages in hand are in work */
    uint64_t left_out;               /* headers that no message of ours can have */
};

/*
 * Counts the delivery that was expected next. If its message is in the queue, acknowledges and frees it.
 * Return: whether that is all.
 */
bool bridge_count_delivery(struct bridge *bridge, natsMsg *message, const struct delivery *delivery);
/* Goes on according to @result of a step that may need the broker. BRIDGE_AGAIN must not be left. */
enum flow bridge_flow(struct bridge *bridge, enum bridge_result result);

#endif
