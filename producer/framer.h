/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_PRODUCER_FRAMER_H
#define SHMQ_PRODUCER_FRAMER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/shmq.h"
#include "producer/options.h"

/* Splits a buffer into messages. */

enum framer_result {
    FRAMER_MESSAGE,
    FRAMER_MORE,      /* more bytes are needed */
    FRAMER_TOO_LONG,  /* longer than the queue's largest message; detected as early as possible */
    FRAMER_TRUNCATED, /* the input ends within a length-prefixed message */
};

struct framer {
    enum framing_kind framing;
    unsigned char delimiter;
    size_t block_bytes;
    size_t max_message;
    size_t searched; /* leading bytes of the current message already searched for a delimiter */
};

struct framed_message {
    const unsigned char *data;
    size_t length;
    size_t framed; /* its size in the input, framing included */
    enum shmq_frame frame;
};

/* How many bytes a framing adds to a message. */
size_t framer_overhead(enum shmq_frame frame);

void framer_init(struct framer *framer, const struct options *options, uint64_t max_message);
/*
 * Finds the first message in the @size bytes at @data, which begin with a message; @size is not 0.
 *
 * @at_end  the input ends after these bytes
 */
enum framer_result framer_next(struct framer *framer, const unsigned char *data, size_t size, bool at_end,
                               struct framed_message *message);

#endif
