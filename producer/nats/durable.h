/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_PRODUCER_NATS_DURABLE_H
#define SHMQ_PRODUCER_NATS_DURABLE_H

#include "common/nats/connection.h"
#include "producer/nats/hand.h"
#include "producer/options.h"

/* The durable consumer that the bridge reads: what the broker knows of it. */

enum { DURABLE_SUBJECT_BYTES = 640 };

struct durable {
    const char *stream;
    const char *name;
    bool make;                /* if it is missing */
    int64_t missing_since_ns; /* since when it, which was there, seems to be missing; 0: it does not */
    bool found;               /* in this run */
    char request_subject[DURABLE_SUBJECT_BYTES]; /* for messages */
    uint64_t identity;                           /* of the durable and this incarnation of its stream; never 0 */
    int64_t ack_wait_ns; /* how long the broker waits at most before it delivers a message again */
    uint64_t batch;      /* messages of a request, as far as the durable allows */
    uint64_t window;     /* messages that may be asked for or in hand */
    int64_t expires_ns;  /* of a request */
    uint64_t max_bytes;  /* likewise */
    bool filtered;       /* it does not deliver all of its stream */
};

/* How far the durable is. Sequences are those of the last message, or delivery, of which it holds. */
struct durable_state {
    uint64_t floor;             /* stream sequence: everything up to it is acknowledged */
    uint64_t delivered;         /* stream sequence */
    uint64_t consumer_sequence; /* delivered */
    uint64_t unacknowledged;    /* delivered messages */
    uint64_t waiting;           /* requests for messages */
};

void durable_init(struct durable *durable, const struct options *options);

/*
 * Looks the stream and the durable up, and checks that they can be read without losing anything. Makes the durable
 * if that was asked for.
 *
 * If it was there before, and seems to be missing, this is BRIDGE_AGAIN for ten seconds, because servers that
 * start do not know all at once.
 *
 * Return: BRIDGE_OK, BRIDGE_AGAIN, BRIDGE_FAILED, BRIDGE_REFUSED.
 */
enum bridge_result durable_open(struct durable *durable, struct connection *connection);

/* Return: BRIDGE_OK, BRIDGE_AGAIN, BRIDGE_FAILED. */
enum bridge_result durable_look(struct durable *durable, struct connection *connection,
                                struct durable_state *state);

/* Whether the broker can be asked to deliver at once what it has delivered and what is not acknowledged. */
bool durable_can_recall(const struct durable_state *state);

/*
 * Asks it: refuses every delivery that may wait for an acknowledgement, the messages in @hand excepted. The broker
 * ignores the refusal of others. When this returns BRIDGE_OK, it has taken the refusals: it delivers these
 * messages before all others, in the order of their stream.
 *
 * Return: BRIDGE_OK, BRIDGE_AGAIN.
 */
enum bridge_result durable_recall(const struct durable *durable, struct connection *connection,
                                  const struct durable_state *state, const struct hand *hand);

#endif
