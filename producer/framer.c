/* SPDX-License-Identifier: MIT */
#include "producer/framer.h"

#include <string.h>

enum { LENGTH_BYTES = 4 };

size_t framer_overhead(enum shmq_frame frame)
{
    return frame == SHMQ_FRAME_DELIMITER ? 1 : frame == SHMQ_FRAME_LENGTH32 ? LENGTH_BYTES : 0;
}

void framer_init(struct framer *framer, const struct options *options, uint64_t max_message)
{
    *framer = (struct framer){
        .framing = options->framing,
        .delimiter = options->delimiter,
        .block_bytes = (size_t)options->block_bytes,
        .max_message = (size_t)max_message,
    };
}

static enum framer_result found(struct framed_message *message, const unsigned char *data, size_t length,
                                size_t framed, enum shmq_frame frame)
{
    *message = (struct framed_message){data, length, framed, frame};
    return FRAMER_MESSAGE;
}

static enum framer_result next_delimited(struct framer *framer, const unsigned char *data, size_t size,
                                         bool at_end, struct framed_message *message)
{
    size_t limit = framer->max_message + 1;
    size_t until = size < limit ? size : limit;
    const unsigned char *end = memchr(data + framer->searched, framer->delimiter, until - framer->searched);
    if (end != NULL) {
        framer->searched = 0;
        size_t length = (size_t)(end - data);
        return found(message, data, length, length + 1, SHMQ_FRAME_DELIMITER);
    }
    if (size > framer->max_message)
        return FRAMER_TOO_LONG;
    if (at_end) {
        framer->searched = 0;
        return found(message, data, size, size, SHMQ_FRAME_NONE);
    }
    framer->searched = size;
    return FRAMER_MORE;
}

static enum framer_result next_prefixed(const struct framer *framer, const unsigned char *data, size_t size,
                                        bool at_end, struct framed_message *message)
{
    enum framer_result incomplete = at_end ? FRAMER_TRUNCATED : FRAMER_MORE;
    if (size < LENGTH_BYTES)
        return incomplete;
    size_t length = (size_t)data[0] << 24 | (size_t)data[1] << 16 | (size_t)data[2] << 8 | data[3];
    message->length = length;
    if (length > framer->max_message)
        return FRAMER_TOO_LONG;
    if (size - LENGTH_BYTES < length)
        return incomplete;
    return found(message, data + LENGTH_BYTES, length, LENGTH_BYTES + length, SHMQ_FRAME_LENGTH32);
}

static enum framer_result next_block(const struct framer *framer, const unsigned char *data, size_t size,
                                     bool at_end, struct framed_message *message)
{
    if (size < framer->block_bytes && !at_end)
        return FRAMER_MORE;
    size_t length = size < framer->block_bytes ? size : framer->block_bytes;
    if (length > framer->max_message)
        return FRAMER_TOO_LONG;
    return found(message, data, length, length, SHMQ_FRAME_NONE);
}

enum framer_result framer_next(struct framer *framer, const unsigned char *data, size_t size, bool at_end,
                               struct framed_message *message)
{
    switch (framer->framing) {
    case FRAMING_DELIMITER:
        return next_delimited(framer, data, size, at_end, message);
    case FRAMING_LENGTH32:
        return next_prefixed(framer, data, size, at_end, message);
    case FRAMING_BLOCK:
        return next_block(framer, data, size, at_end, message);
    case FRAMING_WHOLE:
        break;
    }
    if (size > framer->max_message)
        return FRAMER_TOO_LONG;
    return at_end ? found(message, data, size, size, SHMQ_FRAME_NONE) : FRAMER_MORE;
}
