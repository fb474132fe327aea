/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_NATS_STREAM_H
#define SHMQ_NATS_STREAM_H

#include "common/nats/connection.h"

/* The stream: whether it is there, and whether it can lose messages silently. */

struct stream_traits {
    int64_t created_ns;          /* when it was made, since 1970: another stream of its name has another time */
    int64_t duplicate_window_ns; /* how long the server knows the ids of messages */
    int64_t message_max;         /* bytes of the largest message, headers included; negative: any */
    int64_t replicas;
    bool keeps_last; /* what was stored stays: the last message can be looked up */
};

/*
 * Connects, and checks the stream that the options name; makes it with --make-stream. Waits while no server can be
 * reached.
 *
 * @subject  that the stream has to take if it is made, perhaps with wildcards; NULL: it is not made
 * @traits   receives what it is like
 *
 * Return: BRIDGE_OK, BRIDGE_STOPPED, BRIDGE_GAVE_UP, BRIDGE_FAILED, BRIDGE_REFUSED.
 */
enum bridge_result stream_open(struct connection *connection, const char *subject, struct stream_traits *traits);

/*
 * The same without waiting: there is a connection. A stream that was there before and that seems to be missing is
 * BRIDGE_AGAIN for ten seconds, because servers that start do not know all at once.
 *
 * Return: BRIDGE_OK, BRIDGE_AGAIN, BRIDGE_FAILED, BRIDGE_REFUSED.
 */
enum bridge_result stream_look(struct connection *connection, const char *subject, struct stream_traits *traits);

enum { STREAM_ID_BYTES = 256 };

/*
 * Reads the Nats-Msg-Id of the last message stored under @subject.
 *
 * @id        receives it; "" if there is no such message, or it has no id
 * @in_order  receives whether it was published so that everything before it in its batch is stored
 *
 * Return: BRIDGE_OK, BRIDGE_AGAIN, BRIDGE_FAILED.
 */
enum bridge_result stream_last_id(struct connection *connection, const char *subject,
                                  char id[static STREAM_ID_BYTES], bool *in_order);

/*
 * Judges an error of JetStream's management: a request failed with @status and @code.
 *
 * @what  that failed, in words
 *
 * Return: BRIDGE_AGAIN; BRIDGE_FAILED after reporting it.
 */
enum bridge_result stream_judge(struct connection *connection, const char *what, natsStatus status,
                                jsErrCode code);

#endif
