/* SPDX-License-Identifier: MIT */
#ifndef CONSUMER_FRAMING_H
#define CONSUMER_FRAMING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/shmq.h"

/*
 * How messages are delimited in the output: PREFIX message DELIMITER, length message, the message alone, or each
 * as it was framed in its source.
 */

enum framing_kind {
    FRAMING_DELIMITER,
    FRAMING_LENGTH32, /* preceded by a 32-bit big-endian length */
    FRAMING_RAW,
    FRAMING_SOURCE, /* as the message's frame field says */
};

#define FRAMING_PREFIX_MAX 4096
/* Maximum number of bytes that a framing adds to a message. */
#define FRAMING_OVERHEAD_MAX (FRAMING_PREFIX_MAX + sizeof(uint32_t) + SHMQ_ID_SIZE + 1)

struct framing {
    enum framing_kind kind;
    unsigned char delimiter;
    const char *prefix; /* never NULL */
    size_t prefix_length;
    const struct shmq *ids_of; /* the queue, to write each message's id and a tab before it; NULL: do not */
};

/* Size of the framed message in bytes. */
uint64_t framing_size(const struct framing *framing, const struct shmq_message *message);
/* Writes the framing before the payload to @to, at most FRAMING_OVERHEAD_MAX bytes; returns how many. */
size_t framing_before(const struct framing *framing, const struct shmq_message *message, unsigned char *to);
/* Writes the framing after the payload to @to; returns how many bytes. */
size_t framing_after(const struct framing *framing, const struct shmq_message *message, unsigned char *to);

/* Encodes the framing as a number, which holds only a hash of the prefix. */
uint64_t framing_code(const struct framing *framing);
/* Decodes @code into @framing; returns false if its prefix is neither empty nor that of @known. */
bool framing_of_code(uint64_t code, const struct framing *known, struct framing *framing);

#endif
