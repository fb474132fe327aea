/* SPDX-License-Identifier: MIT */
#ifndef CONSUMER_NATS_REPLY_H
#define CONSUMER_NATS_REPLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The subject to which the server sends its answer to a message: INBOX.BATCH.INDEX. An answer that comes late may
 * be one to a message of an earlier batch, so both numbers count, whole.
 */

enum { REPLY_INBOX_MAX = 128, REPLY_BYTES = REPLY_INBOX_MAX + 48 };

struct reply {
    char text[REPLY_BYTES];
    size_t inbox_length; /* with the dot behind it */
};

/* Return: whether the inbox has a usable length. */
bool reply_init(struct reply *reply, const char *inbox);
/* Return: the subject, valid until the next call. */
const char *reply_compose(struct reply *reply, uint64_t batch, size_t index);
/* Return: whether it is that of the answer to a message of this batch, which has @count. */
bool reply_parse(const struct reply *reply, const char *subject, uint64_t batch, size_t count, size_t *index);

#endif
