/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_PRODUCER_FRAMER_H
#define SHMQ_PRODUCER_FRAMER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/shmq.h"
#include "producer/options.h"

/* Finds the messages in a buffer. */

enum framer_result {
    FRAMER_MESSAGE,
    FRAMER_MORE,      /* more bytes are needed */
    FRAMER_TOO_LONG,  /* longer than the queue takes; told as early as it can be known */
    FRAMER_TRUNCATED, /* the input ends within a length-prefixed message */
};

struct framer {
    enum framing framing;
    unsigned char delimiter;
    size_t block_bytes;
    size_t max_message;
    size_t searched; /* bytes at the beginning of the message that hold no delimiter */
};

struct framed_message {
    const unsigned char *data;
    size_t length;
    size_t framed; /* bytes of the input that it took */
    enum shmq_frame frame;
};

void framer_init(struct framer *framer, const struct options *options, uint64_t max_message);
/*
 * Looks at the @size bytes at @data, where a message begins; @size is not 0.
 *
 * @at_end  nothing follows them
 */
enum framer_result framer_next(struct framer *framer, const unsigned char *data, size_t size, bool at_end,
                               struct framed_message *message);

#endif
