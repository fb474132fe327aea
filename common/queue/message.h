/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_MESSAGE_H
#define SHMQ_MESSAGE_H

#include "common/core/header_block.h"
#include "common/core/ring.h"
#include "common/shmq.h"

/* What a consumer gets to see of a record. */

/*
 * Completes a message of which .data is where the record begins and .length what its descriptor @word says: where
 * there are headers, they are set apart.
 * Return: false where the header block makes no sense.
 */
static inline bool message_set_headers_apart(struct shmq_message *message, uint64_t word)
{
    struct header_view view;
    if (__builtin_expect(!record_has_headers(word), 1))
        return true;
    if (!header_read(message->data, message->length, &view))
        return false;
    message->data = (const unsigned char *)message->data + view.payload_offset;
    message->length -= view.payload_offset;
    message->frame = view.frame;
    message->delimiter = view.delimiter;
    message->headers_length = view.text_bytes;
    return true;
}

/* Bytes of payload of the record @at. One that makes no sense has none. */
static inline uint64_t message_payload_bytes(const void *at, uint64_t word)
{
    struct shmq_message message = {.data = at, .length = (uint32_t)word};
    return message_set_headers_apart(&message, word) ? message.length : 0;
}

#endif
