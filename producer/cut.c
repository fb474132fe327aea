/* SPDX-License-Identifier: MIT */
#include "producer/cut.h"

#include <string.h>

enum { LENGTH_BYTES = 4 };

void cutter_init(struct cutter *cutter, const struct options *options, uint64_t max_message)
{
    *cutter = (struct cutter){
        .framing = options->framing,
        .delimiter = options->delimiter,
        .block_bytes = (size_t)options->block_bytes,
        .max_message = (size_t)max_message,
    };
}

static enum cut found(struct cut_message *message, const unsigned char *data, size_t length, size_t framed,
                      enum shmq_frame frame)
{
    *message = (struct cut_message){data, length, framed, frame};
    return CUT_MESSAGE;
}

static enum cut next_delimited(struct cutter *cutter, const unsigned char *data, size_t size, bool at_end,
                               struct cut_message *message)
{
    size_t limit = cutter->max_message + 1;
    size_t until = size < limit ? size : limit;
    const unsigned char *end = memchr(data + cutter->searched, cutter->delimiter, until - cutter->searched);
    if (end != NULL) {
        cutter->searched = 0;
        size_t length = (size_t)(end - data);
        return found(message, data, length, length + 1, SHMQ_FRAME_DELIMITER);
    }
    if (size > cutter->max_message)
        return CUT_TOO_LONG;
    if (at_end) {
        cutter->searched = 0;
        return found(message, data, size, size, SHMQ_FRAME_NONE);
    }
    cutter->searched = size;
    return CUT_MORE;
}

static enum cut next_prefixed(const struct cutter *cutter, const unsigned char *data, size_t size, bool at_end,
                              struct cut_message *message)
{
    enum cut incomplete = at_end ? CUT_TRUNCATED : CUT_MORE;
    if (size < LENGTH_BYTES)
        return incomplete;
    size_t length = (size_t)data[0] << 24 | (size_t)data[1] << 16 | (size_t)data[2] << 8 | data[3];
    message->length = length;
    if (length > cutter->max_message)
        return CUT_TOO_LONG;
    if (size - LENGTH_BYTES < length)
        return incomplete;
    return found(message, data + LENGTH_BYTES, length, LENGTH_BYTES + length, SHMQ_FRAME_LENGTH32);
}

static enum cut next_block(const struct cutter *cutter, const unsigned char *data, size_t size, bool at_end,
                           struct cut_message *message)
{
    if (size < cutter->block_bytes && !at_end)
        return CUT_MORE;
    size_t length = size < cutter->block_bytes ? size : cutter->block_bytes;
    return found(message, data, length, length, SHMQ_FRAME_NONE);
}

enum cut cutter_next(struct cutter *cutter, const unsigned char *data, size_t size, bool at_end,
                     struct cut_message *message)
{
    switch (cutter->framing) {
    case FRAMING_DELIMITER:
        return next_delimited(cutter, data, size, at_end, message);
    case FRAMING_LENGTH32:
        return next_prefixed(cutter, data, size, at_end, message);
    case FRAMING_BLOCK:
        return next_block(cutter, data, size, at_end, message);
    case FRAMING_WHOLE:
        break;
    }
    if (size > cutter->max_message)
        return CUT_TOO_LONG;
    return at_end ? found(message, data, size, size, SHMQ_FRAME_NONE) : CUT_MORE;
}
