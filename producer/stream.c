/* SPDX-License-Identifier: MIT */
#include "producer/stream.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/cli/say.h"
#include "common/cli/units.h"

enum { LABEL_BYTES = 256, KEPT_STEP = 256 };

/* The bytes of a stream that are in memory: what was kept, and what was just read. */
struct window {
    unsigned char *data;
    size_t begin;      /* of what is not put */
    size_t framed_end; /* end of the messages that are in the batch or put */
    size_t end;
    bool at_end;
};

bool stream_reader_init(struct stream_reader *reader, struct publisher *publisher, const struct options *options)
{
    *reader = (struct stream_reader){.publisher = publisher, .options = options};
    reader->buffer = malloc(2 * (size_t)STREAM_READ_BYTES);
    if (options->source_headers)
        reader->outgoing = calloc(PUBLISHER_BATCH, sizeof(*reader->outgoing));
    return reader->buffer != NULL && (!options->source_headers || reader->outgoing != NULL);
}

void stream_reader_free(struct stream_reader *reader)
{
    free(reader->buffer);
    free(reader->outgoing);
    source_blocks_free(&reader->blocks);
    reader->buffer = NULL;
    reader->outgoing = NULL;
}

void stream_init(struct stream *stream, const struct stream_reader *reader, int fd, const char *name, pid_t peer)
{
    *stream = (struct stream){.fd = fd, .name = name, .peer = peer};
    framer_init(&stream->framer, reader->options, reader->publisher->max_message);
}

static const char *label(const struct stream *stream, char text[static LABEL_BYTES])
{
    if (stream->peer <= 0)
        return stream->name;
    (void)snprintf(text, LABEL_BYTES, "%s: process %d", stream->name, (int)stream->peer);
    return text;
}

/* ------------------------------------------------------------------ messages that are left out */

static void refuse_too_long(struct stream *stream, struct stream_reader *reader, uint64_t length)
{
    char text[LABEL_BYTES];
    char limit[UNITS_SIZE];
    switch (stream->framer.framing) {
    case FRAMING_LENGTH32:
        stream->skip = STREAM_SKIP_BYTES;
        stream->skip_bytes = length + framer_overhead(SHMQ_FRAME_LENGTH32);
        break;
    case FRAMING_DELIMITER:
        stream->skip = STREAM_SKIP_TO_DELIMITER;
        break;
    case FRAMING_BLOCK:
    case FRAMING_WHOLE:
        stream->skip = STREAM_SKIP_ALL;
    }
    publisher_count_too_long(reader->publisher);
    stream->framer.searched = 0;
    refused_add(&reader->refused,
                "%s: a message is longer than the queue's largest of %s, and is refused (create the queue with a "
                "larger --max-message)",
                label(stream, text), units_memory(limit, reader->publisher->max_message));
}

static void refuse_truncated(struct stream *stream, struct stream_reader *reader)
{
    char text[LABEL_BYTES];
    refused_add(&reader->refused, "%s: the last record is cut short, and is refused (is it length-prefixed?)",
                label(stream, text));
}

static void drop(struct stream *stream, struct window *window, size_t bytes)
{
    window->begin += bytes;
    stream->offset += bytes;
}

/* Drops from the window what belongs to a message that was refused. */
static void skip(struct stream *stream, struct window *window)
{
    const size_t bytes = window->end - window->begin;
    size_t dropped = bytes;
    const unsigned char *found;
    switch (stream->skip) {
    case STREAM_SKIP_NOTHING:
        return;
    case STREAM_SKIP_BYTES:
        dropped = stream->skip_bytes < bytes ? (size_t)stream->skip_bytes : bytes;
        stream->skip_bytes -= dropped;
        if (stream->skip_bytes == 0)
            stream->skip = STREAM_SKIP_NOTHING;
        break;
    case STREAM_SKIP_TO_DELIMITER:
        found = bytes > 0 ? memchr(window->data + window->begin, stream->framer.delimiter, bytes) : NULL;
        if (found == NULL)
            break;
        dropped = (size_t)(found - (window->data + window->begin)) + 1;
        stream->skip = STREAM_SKIP_NOTHING;
        break;
    case STREAM_SKIP_ALL:
        break;
    }
    drop(stream, window, dropped);
    window->framed_end = window->begin;
}

/* ------------------------------------------------------------------ putting */

static enum flow put_with_headers(const struct stream *stream, struct stream_reader *reader, size_t *taken)
{
    uint64_t offset = stream->offset;
    for (size_t i = 0; i < reader->batched; i++) {
        const struct iovec *message = &reader->batch[i];
        reader->outgoing[i] = (struct shmq_outgoing){
            .size = sizeof(struct shmq_outgoing), .data = message->iov_base, .length = message->iov_len};
        source_blocks_set(&reader->blocks, &stream->headers, i, offset, &reader->outgoing[i]);
        offset += message->iov_len + framer_overhead(reader->frame);
    }
    return publisher_put_outgoing(reader->publisher, reader->outgoing, reader->batched, reader->frame, taken);
}

static enum flow put_batch(struct stream *stream, struct stream_reader *reader, struct window *window)
{
    enum flow flow;
    size_t taken = 0;
    if (reader->batched == 0)
        return FLOW_CONTINUE;
    if (reader->outgoing != NULL)
        flow = put_with_headers(stream, reader, &taken);
    else
        flow = publisher_put(reader->publisher, reader->batch, reader->batched, reader->frame, &taken);
    for (size_t i = 0; i < taken; i++)
        drop(stream, window, reader->batch[i].iov_len + framer_overhead(reader->frame));
    reader->batched = 0;
    return flow;
}

static enum flow add_to_batch(struct stream *stream, struct stream_reader *reader, struct window *window,
                              const struct framed_message *message)
{
    if (reader->batched == PUBLISHER_BATCH || (reader->batched > 0 && reader->frame != message->frame)) {
        enum flow flow = put_batch(stream, reader, window);
        if (flow != FLOW_CONTINUE)
            return flow;
    }
    reader->frame = message->frame;
    reader->batch[reader->batched++] = (struct iovec){(void *)(uintptr_t)message->data, message->length};
    window->framed_end += message->framed;
    return FLOW_CONTINUE;
}

/* Puts the whole messages up to one that is refused. */
static enum flow put_until_refused(struct stream *stream, struct stream_reader *reader, struct window *window,
                                   enum framer_result *result, size_t *length)
{
    *result = FRAMER_MORE;
    while (window->framed_end < window->end) {
        struct framed_message message;
        *result = framer_next(&stream->framer, window->data + window->framed_end, window->end - window->framed_end,
                              window->at_end, &message);
        *length = message.length;
        if (*result != FRAMER_MESSAGE)
            break;
        enum flow flow = add_to_batch(stream, reader, window, &message);
        if (flow != FLOW_CONTINUE)
            return flow;
    }
    return put_batch(stream, reader, window);
}

static enum flow put_messages(struct stream *stream, struct stream_reader *reader, struct window *window)
{
    for (;;) {
        enum framer_result result;
        size_t length = 0;
        skip(stream, window);
        enum flow flow = put_until_refused(stream, reader, window, &result, &length);
        if (flow != FLOW_CONTINUE)
            return flow;
        if (result == FRAMER_TOO_LONG) {
            refuse_too_long(stream, reader, length);
            continue;
        }
        if (result == FRAMER_TRUNCATED) {
            refuse_truncated(stream, reader);
            drop(stream, window, window->end - window->begin);
        }
        return FLOW_CONTINUE;
    }
}

/* ------------------------------------------------------------------ reading */

/* Makes room for STREAM_READ_BYTES after what was kept. */
static bool open_window(struct stream *stream, struct stream_reader *reader, struct window *window)
{
    *window = (struct window){.data = reader->buffer, .end = stream->kept_bytes};
    if (stream->kept_bytes <= STREAM_READ_BYTES) {
        if (stream->kept_bytes > 0)
            memcpy(reader->buffer, stream->kept, stream->kept_bytes);
        return true;
    }
    if (stream->kept_size - stream->kept_bytes < STREAM_READ_BYTES) {
        const size_t size = stream->kept_size + stream->kept_size / 2 + STREAM_READ_BYTES;
        unsigned char *larger = realloc(stream->kept, size);
        if (larger == NULL)
            return false;
        stream->kept = larger;
        stream->kept_size = size;
    }
    window->data = stream->kept;
    return true;
}

/* Makes what is kept fit @bytes, without a copy of what is in it. */
static bool resize(struct stream *stream, size_t bytes)
{
    const size_t wanted = (bytes + KEPT_STEP - 1) / KEPT_STEP * KEPT_STEP;
    if (wanted <= stream->kept_size && wanted >= stream->kept_size / 4)
        return true;
    unsigned char *fitting = realloc(stream->kept, wanted);
    if (fitting == NULL)
        return wanted <= stream->kept_size;
    stream->kept = fitting;
    stream->kept_size = wanted;
    return true;
}

/* Keeps what is not put. */
static bool close_window(struct stream *stream, struct stream_reader *reader, const struct window *window)
{
    const size_t bytes = window->end - window->begin;
    const bool is_shared = window->data == reader->buffer;
    if (bytes == 0) {
        free(stream->kept);
        stream->kept = NULL;
        stream->kept_bytes = stream->kept_size = 0;
        return true;
    }
    if (!is_shared)
        memmove(stream->kept, stream->kept + window->begin, bytes);
    if (!resize(stream, bytes))
        return false;
    if (is_shared)
        memcpy(stream->kept, reader->buffer + window->begin, bytes);
    stream->kept_bytes = bytes;
    return true;
}

static enum stream_state read_once(const struct stream *stream, struct window *window)
{
    char text[LABEL_BYTES];
    ssize_t got;
    do {
        got = read(stream->fd, window->data + window->end, STREAM_READ_BYTES);
    } while (got < 0 && errno == EINTR);
    if (got > 0) {
        window->end += (size_t)got;
        return STREAM_OPEN;
    }
    if (got < 0 && errno == EAGAIN)
        return STREAM_DRY;
    if (got < 0)
        say_error("%s: cannot be read: %s", label(stream, text), strerrordesc_np(errno));
    return STREAM_ENDED;
}

static bool prepare(struct stream *stream, struct stream_reader *reader, struct window *window)
{
    return source_blocks_reserve(&reader->blocks, &stream->headers, PUBLISHER_BATCH) &&
           open_window(stream, reader, window);
}

static enum flow put_window(struct stream *stream, struct stream_reader *reader, struct window *window)
{
    enum flow flow = put_messages(stream, reader, window);
    if (!close_window(stream, reader, window))
        return publisher_fail_memory(reader->publisher);
    return flow;
}

enum flow stream_read(struct stream *stream, struct stream_reader *reader, bool cut, enum stream_state *state)
{
    struct window window;
    if (!prepare(stream, reader, &window))
        return publisher_fail_memory(reader->publisher);
    *state = read_once(stream, &window);
    if (*state == STREAM_DRY)
        return FLOW_CONTINUE;
    window.at_end = *state == STREAM_ENDED && !cut;
    return put_window(stream, reader, &window);
}

enum flow stream_put_rest(struct stream *stream, struct stream_reader *reader)
{
    struct window window;
    if (stream->kept_bytes == 0)
        return FLOW_CONTINUE;
    if (!prepare(stream, reader, &window))
        return publisher_fail_memory(reader->publisher);
    window.at_end = true;
    return put_window(stream, reader, &window);
}

void stream_close(struct stream *stream)
{
    if (stream->fd >= 0)
        close(stream->fd);
    free(stream->kept);
    source_headers_free(&stream->headers);
    *stream = (struct stream){.fd = -1};
}
