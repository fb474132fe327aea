/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_MESSAGE_H
#define SHMQ_MESSAGE_H

#include "common/core/header_block.h"
#include "common/core/ring.h"
#include "common/shmq.h"

/* Turns a record of a lane into the message that a consumer gets. */

/* A message that consists of the record @at, as its descriptor @word says; headers are not separated yet. */
static inline struct shmq_message message_of_record(const void *at, uint64_t word, uint32_t lane,
                                                    uint64_t position)
{
    const struct record_head head = record_unpack(word);
    return (struct shmq_message){.data = at,
                                 .length = head.length,
                                 .position = position,
                                 .lane = lane,
                                 .frame = head.frame,
                                 .delimiter = head.delimiter};
}

/*
 * Separates the headers, if there are any, from the payload. On entry, .data is the start of the record and
 * .length the length in its descriptor @word.
 *
 * Return: false if the header block is invalid.
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

#endif
