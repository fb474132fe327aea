/* SPDX-License-Identifier: MIT */
#include "producer/buffered_input.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cli/stop.h"
#include "common/cli/units.h"
#include "producer/framer.h"
#include "producer/source_headers.h"

enum { FIRST_BYTES = 1024 * 1024, READ_BYTES = 128 * 1024 };

struct reader {
    struct publisher *publisher;
    struct input *input;
    const struct options *options;
    struct framer framer;
    unsigned char *buffer;
    size_t size;
    size_t begin; /* of the first message that is not put */
    size_t end;
    size_t framed_end; /* end of the messages that are in the batch or put */
    bool at_end;
    uint64_t index; /* number of the message at begin, from 0 */
    struct iovec batch[PUBLISHER_BATCH];
    size_t batched;
    enum shmq_frame frame; /* of all in the batch */
    struct source_headers headers;
    struct source_blocks blocks;
    struct shmq_outgoing *outgoing; /* the batch, with these; NULL: without */
};

static uint64_t offset_of(const struct reader *reader, size_t at)
{
    return reader->input->offset - (reader->end - at);
}

/* "line 12 (byte 345)"; the number counts from the start of the file, even if reading began in the middle. */
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

enum flow buffered_input_fail_too_long(struct publisher *publisher, const struct input *input,
                                       const struct options *options, uint64_t offset, uint64_t index)
{
    char *what = describe(input, options, offset, index);
    char limit[UNITS_SIZE];
    publisher_count_too_long(publisher);
    enum flow flow =
        publisher_fail(publisher, EXIT_FAILED,
                       "%s: %s is longer than the queue's largest message of %" PRIu64
                       " byte%s, %s (create the queue with a larger --max-message)",
                       input->label, what != NULL ? what : "a message", publisher->max_message,
                       units_plural(publisher->max_message), units_memory(limit, publisher->max_message));
    free(what);
    return flow;
}

static enum flow fail_truncated(const struct reader *reader)
{
    char *what = describe(reader->input, reader->options, offset_of(reader, reader->begin), reader->index);
    enum flow flow =
        publisher_fail(reader->publisher, EXIT_FAILED,
                       "%s: %s is cut short: the input ends at byte %" PRIu64 " (is it length-prefixed?)",
                       reader->input->label, what != NULL ? what : "the last record", reader->input->offset);
    free(what);
    return flow;
}

/* Prepares headers for all messages. */
static enum flow take_headers(struct reader *reader)
{
    if (!reader->options->source_headers)
        return FLOW_CONTINUE;
    reader->outgoing = calloc(PUBLISHER_BATCH, sizeof(*reader->outgoing));
    if (reader->outgoing == NULL || !source_headers_set_file(&reader->headers, reader->input->path) ||
        !source_blocks_reserve(&reader->blocks, &reader->headers, PUBLISHER_BATCH))
        return publisher_fail_memory(reader->publisher);
    return publisher_set_own_headers(reader->publisher, source_headers_longest(&reader->headers));
}

static void free_headers(struct reader *reader)
{
    source_headers_free(&reader->headers);
    source_blocks_free(&reader->blocks);
    free(reader->outgoing);
}

static enum flow put_with_headers(struct reader *reader, size_t *taken)
{
    uint64_t offset = offset_of(reader, reader->begin);
    for (size_t i = 0; i < reader->batched; i++) {
        reader->outgoing[i] = (struct shmq_outgoing){.size = sizeof(struct shmq_outgoing),
                                                     .data = reader->batch[i].iov_base,
                                                     .length = reader->batch[i].iov_len};
        source_blocks_set(&reader->blocks, &reader->headers, i, offset, &reader->outgoing[i]);
        offset += reader->batch[i].iov_len + framer_overhead(reader->frame);
    }
    return publisher_put_outgoing(reader->publisher, reader->outgoing, reader->batched, reader->frame, taken);
}

static enum flow put_batch(struct reader *reader)
{
    if (reader->batched == 0)
        return FLOW_CONTINUE;
    size_t overhead = framer_overhead(reader->frame);
    size_t taken = 0;
    enum flow flow = input_set_mark(reader->input, reader->publisher, offset_of(reader, reader->framed_end),
                                    reader->buffer + reader->framed_end, reader->framed_end);
    if (flow == FLOW_CONTINUE)
        flow = reader->outgoing != NULL
                   ? put_with_headers(reader, &taken)
                   : publisher_put(reader->publisher, reader->batch, reader->batched, reader->frame, &taken);
    for (size_t i = 0; i < taken; i++)
        reader->begin += reader->batch[i].iov_len + overhead;
    reader->index += taken;
    reader->batched = 0;
    return flow;
}

static enum flow add_to_batch(struct reader *reader, const struct framed_message *message)
{
    if (reader->batched == PUBLISHER_BATCH || (reader->batched > 0 && reader->frame != message->frame)) {
        enum flow flow = put_batch(reader);
        if (flow != FLOW_CONTINUE)
            return flow;
    }
    reader->frame = message->frame;
    reader->batch[reader->batched++] = (struct iovec){(void *)(uintptr_t)message->data, message->length};
    reader->framed_end += message->framed;
    return FLOW_CONTINUE;
}

/* Puts all whole messages in the buffer. */
static enum flow drain(struct reader *reader)
{
    enum framer_result result = FRAMER_MORE;
    while (reader->framed_end < reader->end) {
        struct framed_message message;
        result = framer_next(&reader->framer, reader->buffer + reader->framed_end,
                             reader->end - reader->framed_end, reader->at_end, &message);
        if (result != FRAMER_MESSAGE)
            break;
        enum flow flow = add_to_batch(reader, &message);
        if (flow != FLOW_CONTINUE)
            return flow;
    }
    enum flow flow = put_batch(reader);
    if (flow != FLOW_CONTINUE)
        return flow;
    if (result == FRAMER_TOO_LONG)
        return buffered_input_fail_too_long(reader->publisher, reader->input, reader->options,
                                            offset_of(reader, reader->begin), reader->index);
    return result == FRAMER_TRUNCATED ? fail_truncated(reader) : FLOW_CONTINUE;
}

/* Makes room in the buffer for at least READ_BYTES. */
static enum flow make_room(struct reader *reader)
{
    if (reader->begin > 0) {
        memmove(reader->buffer, reader->buffer + reader->begin, reader->end - reader->begin);
        reader->end -= reader->begin;
        reader->framed_end = reader->begin = 0;
    }
    if (reader->size - reader->end >= READ_BYTES)
        return FLOW_CONTINUE;
    unsigned char *larger = realloc(reader->buffer, reader->size * 2);
    if (larger == NULL)
        return publisher_fail(reader->publisher, EXIT_FAILED, "%s: no memory for a message of more than %zu bytes",
                              reader->input->label, reader->size);
    reader->buffer = larger;
    reader->size *= 2;
    return FLOW_CONTINUE;
}

static enum flow fill(struct reader *reader)
{
    enum flow flow = make_room(reader);
    if (flow != FLOW_CONTINUE)
        return flow;
    size_t wanted = reader->size - reader->end;
    /* Read no more than fits into the cache, except within a long message. */
    if (wanted > READ_BYTES && reader->end < READ_BYTES)
        wanted = READ_BYTES;
    size_t got;
    flow = input_read(reader->input, reader->publisher, reader->buffer + reader->end, wanted, &got);
    if (flow != FLOW_CONTINUE)
        return flow;
    reader->end += got;
    reader->at_end = got == 0;
    return FLOW_CONTINUE;
}

static enum flow run(struct reader *reader)
{
    for (;;) {
        enum flow flow = fill(reader);
        if (flow == FLOW_CONTINUE)
            flow = drain(reader);
        if (flow != FLOW_CONTINUE || reader->at_end)
            return flow;
    }
}

/* With --whole, an empty input is an empty message. */
static enum flow put_empty(struct reader *reader)
{
    size_t taken;
    reader->batch[0] = (struct iovec){NULL, 0};
    reader->batched = 1;
    reader->frame = SHMQ_FRAME_NONE;
    return reader->outgoing != NULL ? put_with_headers(reader, &taken)
                                    : publisher_put(reader->publisher, reader->batch, 1, SHMQ_FRAME_NONE, &taken);
}

enum flow buffered_input_run(struct publisher *publisher, struct input *input, const struct options *options,
                             uint64_t *unused)
{
    struct reader *reader = calloc(1, sizeof(*reader));
    unsigned char *buffer = malloc(FIRST_BYTES);
    enum flow flow;
    *unused = input->offset;
    if (reader == NULL || buffer == NULL) {
        flow = publisher_fail_memory(publisher);
        free(buffer);
        goto out;
    }
    reader->publisher = publisher;
    reader->input = input;
    reader->options = options;
    reader->buffer = buffer;
    reader->size = FIRST_BYTES;
    flow = take_headers(reader);
    framer_init(&reader->framer, options, publisher->max_message);
    if (flow == FLOW_CONTINUE)
        flow = run(reader);
    if (flow == FLOW_CONTINUE && options->framing == FRAMING_WHOLE && input->offset == input->begin)
        flow = put_empty(reader);
    *unused = offset_of(reader, reader->begin);
    free(reader->buffer);
    free_headers(reader);
out:
    free(reader);
    return flow;
}
