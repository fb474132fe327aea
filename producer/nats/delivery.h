/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_PRODUCER_NATS_DELIVERY_H
#define SHMQ_PRODUCER_NATS_DELIVERY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The subject that a message of JetStream is to be acknowledged on: it says which delivery of which message it is.
 */

struct delivery {
    uint64_t stream_sequence; /* of the message in its stream */
    uint64_t
        consumer_sequence; /* of this delivery: each one of the durable, repeated or not, has the next number */
    uint64_t count;        /* deliveries of the message so far, with this one */
    int64_t stored_ns;     /* when the broker stored it, since 1970 */
};

/*
 * Reads $JS.ACK.STREAM.DURABLE.COUNT.STREAM_SEQUENCE.CONSUMER_SEQUENCE.TIME.PENDING, also in the later form that
 * has a domain and an account before STREAM, and perhaps more at its end.
 *
 * @reply  text from the broker
 *
 * Return: false if it is not such a subject; @delivery is then undefined.
 */
bool delivery_parse(const char *reply, struct delivery *delivery);

/*
 * Writes the subject on which a message that was delivered to somebody can be refused.
 *
 * @text              @size bytes
 * @stream_sequence   of the message
 * @consumer_sequence of any delivery that is not acknowledged yet, or of the last one
 *
 * Return: false if it does not fit.
 */
bool delivery_write(char *text, size_t size, const char *stream, const char *durable, uint64_t stream_sequence,
                    uint64_t consumer_sequence);

#endif
