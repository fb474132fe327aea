/* SPDX-License-Identifier: MIT */
#ifndef CONSUMER_NATS_PUBLICATION_H
#define CONSUMER_NATS_PUBLICATION_H

#include <nats/nats.h>
#include <stdbool.h>

#include "common/shmq.h"

/* Messages of the queue as messages of NATS. */

enum { PUBLICATION_SUBJECT_BYTES = 256 };

struct publication {
    const char *pattern; /* of the subject, with {lane} */
    char subject[PUBLICATION_SUBJECT_BYTES];
    uint32_t lane; /* whose subject it is */
    bool composed;
    char *block; /* a header block, cut into names and values */
};

/* Return: 0; -ENOMEM. */
int publication_init(struct publication *publication, const char *pattern);
void publication_free(struct publication *publication);

/* The subject of a lane's messages, valid until the next call. */
const char *publication_subject(struct publication *publication, uint32_t lane);
/* The subjects of all lanes, with a wildcard. */
void publication_wildcard(const char *pattern, char subject[static PUBLICATION_SUBJECT_BYTES]);

/* Bytes that the server counts: payload and headers. */
size_t publication_length(const struct shmq_message *message, const char *id, const char *expected);

/*
 * Publishes a message. Its own headers go along, but not those that would be orders to the server ("Nats-...").
 *
 * @reply     subject for the answer
 * @id        by which the server recognises that it has the message already
 * @expected  id of the message that must be the stream's last; "": whichever; the message is sent alone then;
 *            NULL: whichever, and its order does not matter
 */
natsStatus publication_send(struct publication *publication, natsConnection *nats,
                            const struct shmq_message *message, const char *reply, const char *id,
                            const char *expected);

#endif
