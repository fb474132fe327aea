/* SPDX-License-Identifier: MIT */
#include "producer/stream.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cli/stop.h"
#include "common/cli/units.h"
#include "producer/framer.h"

enum { FIRST_BYTES = 1024 * 1024, READ_BYTES = 128 * 1024 };

struct stream {
    struct publisher *publisher;
    struct input *input;
    const struct options *options;
    struct framer framer;
    unsigned char *buffer;
    size_t size;
    size_t begin; /* of what is not put yet */
    size_t end;
    size_t cut; /* of what is not cut yet */
    bool at_end;
    uint64_t index; /* of the message at begin, from 0 */
    struct iovec batch[PUBLISHER_BATCH];
    size_t batched;
    enum shmq_frame frame; /* of all in the batch */
};

static uint64_t offset_of(const struct stream *stream, size_t at)
{
    return stream->input->offset - (stream->end - at);
}

/* "line 12 (byte 345)": the number is that in the file, also where reading began in the middle. */
static char *describe(const struct input *input, const struct options *options, uint64_t offset, uint64_t index)
{
    bool delimited = options->framing == FRAMING_DELIMITER;
    const char *kind = delimited && options->delimiter == '\n' ? "line"
                       : options->framing == FRAMING_LENGTH32  ? "record"
                       : options->framing == FRAMING_BLOCK     ? "block"
                                                               : "message";
    bool known = input->begin == 0;
    if (!known && delimited)
        known = input_count_before(input, offset, options->delimiter, &index);
    char *text = NULL;
    int length = known ? asprintf(&text, "%s %" PRIu64 " (byte %" PRIu64 ")", kind, index + 1, offset)
                       : asprintf(&text, "the %s at byte %" PRIu64, kind, offset);
    return length < 0 ? NULL : text;
}

enum flow stream_fail_too_long(struct publisher *publisher, const struct input *input,
                               const struct options *options, uint64_t offset, uint64_t index)
{
    char *what = describe(input, options, offset, index);
    char limit[UNITS_SIZE];
    enum flow flow = publisher_fail(publisher, EXIT_FAILED,
                                    "%s: %s is longer than the queue's longest message of %" PRIu64
                                    " bytes, %s (make the queue with a larger --max-message)",
                                    input->label, what != NULL ? what : "a message", publisher->max_message,
                                    units_memory(limit, publisher->max_message));
    free(what);
    return flow;
}

static enum flow fail_truncated(const struct stream *stream)
{
    char *what = describe(stream->input, stream->options, offset_of(stream, stream->begin), stream->index);
    enum flow flow =
        publisher_fail(stream->publisher, EXIT_FAILED,
                       "%s: %s is cut short: the input ends at byte %" PRIu64 " (is it length-prefixed?)",
                       stream->input->label, what != NULL ? what : "the last record", stream->input->offset);
    free(what);
    return flow;
}

static enum flow put_batch(struct stream *stream)
{
    if (stream->batched == 0)
        return FLOW_ON;
    size_t framing = stream->frame == SHMQ_FRAME_DELIMITER ? 1 : stream->frame == SHMQ_FRAME_LENGTH32 ? 4 : 0;
    size_t taken = 0;
    enum flow flow = input_mark(stream->input, stream->publisher, offset_of(stream, stream->cut),
                                stream->buffer + stream->cut, stream->cut);
    if (flow == FLOW_ON)
        flow = publisher_put(stream->publisher, stream->batch, stream->batched, stream->frame, &taken);
    for (size_t i = 0; i < taken; i++)
        stream->begin += stream->batch[i].iov_len + framing;
    stream->index += taken;
    stream->batched = 0;
    return flow;
}

static enum flow add_to_batch(struct stream *stream, const struct cut_message *message)
{
    if (stream->batched == PUBLISHER_BATCH || (stream->batched > 0 && stream->frame != message->frame)) {
        enum flow flow = put_batch(stream);
        if (flow != FLOW_ON)
            return flow;
    }
    stream->frame = message->frame;
    stream->batch[stream->batched++] = (struct iovec){(void *)(uintptr_t)message->data, message->length};
    stream->cut += message->framed;
    return FLOW_ON;
}

/* Puts every whole message in the buffer. */
static enum flow drain(struct stream *stream)
{
    enum cut cut = CUT_MORE;
    while (stream->cut < stream->end) {
        struct cut_message message;
        cut = framer_next(&stream->framer, stream->buffer + stream->cut, stream->end - stream->cut, stream->at_end,
                          &message);
        if (cut != CUT_MESSAGE)
            break;
        enum flow flow = add_to_batch(stream, &message);
        if (flow != FLOW_ON)
            return flow;
    }
    enum flow flow = put_batch(stream);
    if (flow != FLOW_ON)
        return flow;
    if (cut == CUT_TOO_LONG)
        return stream_fail_too_long(stream->publisher, stream->input, stream->options,
                                    offset_of(stream, stream->begin), stream->index);
    return cut == CUT_TRUNCATED ? fail_truncated(stream) : FLOW_ON;
}

/* Sees to it that something can be read behind the message that is begun. */
static enum flow make_room(struct stream *stream)
{
    if (stream->begin > 0) {
        memmove(stream->buffer, stream->buffer + stream->begin, stream->end - stream->begin);
        stream->end -= stream->begin;
        stream->cut = stream->begin = 0;
    }
    if (stream->size - stream->end >= READ_BYTES)
        return FLOW_ON;
    unsigned char *larger = realloc(stream->buffer, stream->size * 2);
    if (larger == NULL)
        return publisher_fail(stream->publisher, EXIT_FAILED, "%s: no memory for a message of more than %zu bytes",
                              stream->input->label, stream->size);
    stream->buffer = larger;
    stream->size *= 2;
    return FLOW_ON;
}

static enum flow fill(struct stream *stream)
{
    enum flow flow = make_room(stream);
    if (flow != FLOW_ON)
        return flow;
    size_t wanted = stream->size - stream->end;
    /* A cache's worth at a time, unless a long message is under way. */
    if (wanted > READ_BYTES && stream->end < READ_BYTES)
        wanted = READ_BYTES;
    size_t got;
    flow = input_read(stream->input, stream->publisher, stream->buffer + stream->end, wanted, &got);
    if (flow != FLOW_ON)
        return flow;
    stream->end += got;
    stream->at_end = got == 0;
    return FLOW_ON;
}

static enum flow run(struct stream *stream)
{
    for (;;) {
        enum flow flow = fill(stream);
        if (flow == FLOW_ON)
            flow = drain(stream);
        if (flow != FLOW_ON || stream->at_end)
            return flow;
    }
}

/* An empty input is an empty message where each input is one. */
static enum flow put_empty(struct stream *stream)
{
    const struct iovec empty = {NULL, 0};
    size_t taken;
    return publisher_put(stream->publisher, &empty, 1, SHMQ_FRAME_NONE, &taken);
}

enum flow stream_run(struct publisher *publisher, struct input *input, const struct options *options,
                     uint64_t *unused)
{
    struct stream *stream = calloc(1, sizeof(*stream));
    unsigned char *buffer = malloc(FIRST_BYTES);
    enum flow flow;
    *unused = input->offset;
    if (stream == NULL || buffer == NULL) {
        flow = publisher_fail(publisher, EXIT_FAILED, "out of memory");
        free(buffer);
        goto out;
    }
    stream->publisher = publisher;
    stream->input = input;
    stream->options = options;
    stream->buffer = buffer;
    stream->size = FIRST_BYTES;
    framer_init(&stream->framer, options, publisher->max_message);
    flow = run(stream);
    if (flow == FLOW_ON && options->framing == FRAMING_WHOLE && input->offset == input->begin)
        flow = put_empty(stream);
    *unused = offset_of(stream, stream->begin);
    free(stream->buffer);
out:
    free(stream);
    return flow;
}
