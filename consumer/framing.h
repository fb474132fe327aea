/* SPDX-License-Identifier: MIT */
#ifndef CONSUMER_FRAMING_H
#define CONSUMER_FRAMING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/shmq.h"

/*
 * How messages are told apart in a byte stream: PREFIX message DELIMITER, or length message, or the message alone;
 * or each as it was in the source.
 */

enum framing_kind {
    FRAMING_DELIMITER,
    FRAMING_LENGTH32, /* a 32-bit big-endian length before it */
    FRAMING_RAW,
    FRAMING_SOURCE, /* as the message says */
};

#define FRAMING_PREFIX_MAX 4096
/* Bytes that a framing adds to a message, at the most. */
#define FRAMING_OVERHEAD_MAX (FRAMING_PREFIX_MAX + sizeof(uint32_t) + 1)

struct framing {
    enum framing_kind kind;
    unsigned char delimiter;
    const char *prefix; /* never NULL */
    size_t prefix_length;
};

/* Bytes of the framed message. */
uint64_t framing_size(const struct framing *framing, const struct shmq_message *message);
/* Writes what stands before the payload to @to, at most FRAMING_OVERHEAD_MAX bytes; returns how many. */
size_t framing_before(const struct framing *framing, const struct shmq_message *message, unsigned char *to);
/* Writes what stands after it; returns how many bytes. */
size_t framing_after(const struct framing *framing, const struct shmq_message *message, unsigned char *to);

/* A number that stands for the framing; of a prefix, only a hash. */
uint64_t framing_code(const struct framing *framing);
/* Fills in the framing that @code stands for; false if its prefix is neither empty nor that of @known. */
bool framing_of_code(uint64_t code, const struct framing *known, struct framing *framing);

#endif
