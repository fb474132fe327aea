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

/* Writes "ID<tab>" to @to, SHMQ_ID_SIZE bytes; returns how many. */
static size_t write_id(const struct framing *framing, const struct shmq_message *message, unsigned char *to)
{
    char id[SHMQ_ID_SIZE];
    size_t length;

    if (!framing->ids_of)
        return 0;
    shmq_message_id(framing->ids_of, message, id);
    length = strlen(id);
    memcpy(to, id, length);
    to[length] = '\t'; /* in place of its NUL */
    return length + 1;
}

uint64_t framing_size(const struct framing *framing, const struct shmq_message *message)
{
    enum framing_kind kind = kind_of(framing, message);
    unsigned char id[SHMQ_ID_SIZE];
    uint64_t size = framing->prefix_length + write_id(framing, message, id) + message->length;

    if (kind == FRAMING_LENGTH32)
        size += sizeof(uint32_t);
    else if (kind == FRAMING_DELIMITER)
        size += 1;
    return size;
}

size_t framing_before(const struct framing *framing, const struct shmq_message *message, unsigned char *to)
{
    if (kind_of(framing, message) == FRAMING_LENGTH32) {
        size_t id_bytes = write_id(framing, message, to + sizeof(uint32_t));
        uint64_t length = id_bytes + message->length;

        to[0] = (unsigned char)(length >> 24);
        to[1] = (unsigned char)(length >> 16);
        to[2] = (unsigned char)(length >> 8);
        to[3] = (unsigned char)length;
        return sizeof(uint32_t) + id_bytes;
    }
    if (framing->prefix_length > 0)
        memcpy(to, framing->prefix, framing->prefix_length);
    return framing->prefix_length + write_id(framing, message, to + framing->prefix_length);
}

size_t framing_after(const struct framing *framing, const struct shmq_message *message, unsigned char *to)
{
    if (kind_of(framing, message) != FRAMING_DELIMITER)
        return 0;
    *to = framing->kind == FRAMING_SOURCE ? message->delimiter : framing->delimiter;
    return 1;
}

/* From the lowest bit: kind, delimiter, hash of the prefix (0: none). */
#define CODE_DELIMITER_SHIFT 8
#define CODE_PREFIX_SHIFT 16

static uint64_t prefix_hash(const struct framing *framing)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);

    if (framing->prefix_length == 0)
        return 0;
    for (size_t i = 0; i < framing->prefix_length; i++)
        hash = (hash ^ (unsigned char)framing->prefix[i]) * UINT64_C(0x100000001b3);
    hash = (hash ^ hash >> 48) & (UINT64_MAX >> CODE_PREFIX_SHIFT);
    return hash == 0 ? 1 : hash;
}

uint64_t framing_code(const struct framing *framing)
{
    uint64_t delimiter = framing->kind == FRAMING_DELIMITER ? framing->delimiter : 0;

    return (uint64_t)framing->kind | delimiter << CODE_DELIMITER_SHIFT | prefix_hash(framing) << CODE_PREFIX_SHIFT;
}

bool framing_of_code(uint64_t code, const struct framing *known, struct framing *framing)
{
    const uint64_t kind = code & 0xff;
    const uint64_t hash = code >> CODE_PREFIX_SHIFT;

    if (kind > FRAMING_RAW)
        return false;
    *framing = (struct framing){
        .kind = (enum framing_kind)kind, .delimiter = (code >> CODE_DELIMITER_SHIFT) & 0xff, .prefix = ""};
    if (hash == 0)
        return true;
    framing->prefix = known->prefix;
    framing->prefix_length = known->prefix_length;
    return hash == prefix_hash(known);
}
