/* SPDX-License-Identifier: MIT */
#include "consumer/framing.h"

#include <string.h>

static enum framing_kind kind_of(const struct framing *framing, const struct shmq_message *message)
{
    if (framing->kind != FRAMING_SOURCE)
        return framing->kind;
    switch (message->frame) {
    case SHMQ_FRAME_DELIMITER:
        return FRAMING_DELIMITER;
    case SHMQ_FRAME_LENGTH32:
        return FRAMING_LENGTH32;
    default:
        return FRAMING_RAW;
    }
}

uint64_t framing_size(const struct framing *framing, const struct shmq_message *message)
{
    enum framing_kind kind = kind_of(framing, message);
    uint64_t size = framing->prefix_length + message->length;

    if (kind == FRAMING_LENGTH32)
        size += sizeof(uint32_t);
    else if (kind == FRAMING_DELIMITER)
        size += 1;
    return size;
}

size_t framing_before(const struct framing *framing, const struct shmq_message *message, unsigned char *to)
{
    if (kind_of(framing, message) == FRAMING_LENGTH32) {
        to[0] = (unsigned char)(message->length >> 24);
        to[1] = (unsigned char)(message->length >> 16);
        to[2] = (unsigned char)(message->length >> 8);
        to[3] = (unsigned char)message->length;
        return sizeof(uint32_t);
    }
    if (framing->prefix_length > 0)
        memcpy(to, framing->prefix, framing->prefix_length);
    return framing->prefix_length;
}

size_t framing_after(const struct framing *framing, const struct shmq_message *message, unsigned char *to)
{
    if (kind_of(framing, message) != FRAMING_DELIMITER)
        return 0;
    *to = framing->kind == FRAMING_SOURCE ? message->delimiter : framing->delimiter;
    return 1;
}
