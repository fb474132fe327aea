/* SPDX-License-Identifier: MIT */
#include "consumer/batch.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/cli/stop.h"

#define BUFFER_BYTES ((size_t)256 * 1024)
/* At this size, copying a message costs more than giving it an iovec of its own. */
#define LARGE_BYTES ((size_t)16 * 1024)
/* Framing before the payload, payload, framing after it. */
#define VECTORS_PER_MESSAGE 3

struct batch_writer *batch_writer_create(int fd, const struct framing *framing)
{
    struct batch_writer *writer = calloc(1, sizeof(*writer));

    if (!writer)
        return NULL;
    writer->fd = fd;
    writer->offset = -1;
    writer->framing = *framing;
    writer->buffer = malloc(BUFFER_BYTES);
    if (!writer->buffer) {
        free(writer);
        return NULL;
    }
    return writer;
}

void batch_writer_destroy(struct batch_writer *writer)
{
    if (!writer)
        return;
    free(writer->buffer);
    free(writer);
}

void batch_writer_limit(struct batch_writer *writer, size_t bytes)
{
    writer->write_limit = bytes;
}

void batch_writer_add_ids(struct batch_writer *writer, const struct shmq *queue)
{
    writer->framing.ids_of = queue;
}

uint64_t batch_size(const struct batch_writer *writer, const struct shmq_message *messages, size_t count)
{
    uint64_t bytes = 0;

    if (writer->framing.kind != FRAMING_SOURCE && !writer->framing.ids_of) {
        static const struct shmq_message empty;

        bytes = count * framing_size(&writer->framing, &empty);
        for (size_t i = 0; i < count; i++)
            bytes += messages[i].length;
        return bytes;
    }
    for (size_t i = 0; i < count; i++)
        bytes += framing_size(&writer->framing, &messages[i]);
    return bytes;
}

uint64_t batch_written(const struct batch_writer *writer)
{
    return writer->written;
}

static bool has_room(const struct batch_writer *writer, const struct shmq_message *message)
{
    size_t copied = message->length < LARGE_BYTES ? message->length : 0;

    if (writer->write_limit > 0 && writer->pending > 0 &&
        writer->pending + framing_size(&writer->framing, message) > writer->write_limit)
        return false;
    return writer->used + copied + FRAMING_OVERHEAD_MAX <= BUFFER_BYTES &&
           writer->vectors_used + VECTORS_PER_MESSAGE <= BATCH_VECTORS;
}

static void add_vector(struct batch_writer *writer, const void *data, size_t length)
{
    struct iovec *vector = &writer->vectors[writer->vectors_used++];

    /* writev only reads from it, so casting away const is safe. */
    vector->iov_base = (void *)(uintptr_t)data;
    vector->iov_len = length;
}

/* Adds the next @length bytes of the buffer to the vectors; extends the last vector where they are contiguous. */
static void add_buffered(struct batch_writer *writer, size_t length)
{
    unsigned char *from = writer->buffer + writer->used;

    if (length == 0)
        return;
    writer->used += length;
    if (writer->vectors_used > 0) {
        struct iovec *last = &writer->vectors[writer->vectors_used - 1];

        if ((unsigned char *)last->iov_base + last->iov_len == from) {
            last->iov_len += length;
            return;
        }
    }
    add_vector(writer, from, length);
}

static void add_message(struct batch_writer *writer, const struct shmq_message *message)
{
    unsigned char *to = writer->buffer + writer->used;
    size_t length = framing_before(&writer->framing, message, to);

    if (writer->write_limit > 0)
        writer->pending += framing_size(&writer->framing, message);
    if (message->length >= LARGE_BYTES) {
        add_buffered(writer, length);
        add_vector(writer, message->data, message->length);
        length = 0;
    } else if (message->length > 0) {
        memcpy(to + length, message->data, message->length);
        length += message->length;
    }
    length += framing_after(&writer->framing, message, writer->buffer + writer->used + length);
    add_buffered(writer, length);
}

/* Counts the messages written completely; @boundary receives the first message boundary at or after
 * writer->written. */
static size_t whole_messages(const struct batch_writer *writer, uint64_t *boundary)
{
    uint64_t end = 0;
    size_t whole = 0;

    while (whole < writer->count && end < writer->written) {
        uint64_t next = end + framing_size(&writer->framing, &writer->messages[whole]);

        if (next > writer->written) {
            *boundary = next;
            return whole;
        }
        end = next;
        whole++;
    }
    *boundary = end;
    return whole;
}

/* Truncates the vectors from @first on to @bytes in total. */
static void cut_vectors(struct batch_writer *writer, size_t first, uint64_t bytes)
{
    size_t i = first;

    for (; i < writer->vectors_used && bytes > 0; i++) {
        if (writer->vectors[i].iov_len > bytes)
            writer->vectors[i].iov_len = (size_t)bytes;
        bytes -= writer->vectors[i].iov_len;
    }
    writer->vectors_used = i;
}

/* Removes @bytes from the front of the vectors; returns the index of the first that is not empty. */
static size_t skip_written(struct batch_writer *writer, size_t first, size_t bytes)
{
    writer->written += bytes;
    while (first < writer->vectors_used && bytes >= writer->vectors[first].iov_len)
        bytes -= writer->vectors[first++].iov_len;
    if (bytes > 0) {
        writer->vectors[first].iov_base = (unsigned char *)writer->vectors[first].iov_base + bytes;
        writer->vectors[first].iov_len -= bytes;
    }
    return first;
}

/* Another process may have made the shared description non-blocking. */
static int wait_writable(int fd)
{
    struct pollfd wait = {.fd = fd, .events = POLLOUT};

    return poll(&wait, 1, -1) < 0 && errno != EINTR ? -errno : 0;
}

static ssize_t write_vectors(const struct batch_writer *writer, size_t first)
{
    const struct iovec *vectors = writer->vectors + first;
    int count = (int)(writer->vectors_used - first);

    if (writer->offset < 0)
        return writev(writer->fd, vectors, count);
    return pwritev(writer->fd, vectors, count, writer->offset + (off_t)writer->written);
}

static int flush(struct batch_writer *writer)
{
    bool cut = false;
    size_t first = 0;
    int result = 0;

    while (first < writer->vectors_used) {
        ssize_t bytes = write_vectors(writer, first);

        if (bytes >= 0)
            first = skip_written(writer, first, (size_t)bytes);
        else if (errno == EAGAIN)
            result = wait_writable(writer->fd);
        else if (errno != EINTR)
            result = -errno;
        if (result < 0)
            break;
        if (first < writer->vectors_used && stop_requested && !cut) {
            uint64_t boundary = 0;

            whole_messages(writer, &boundary);
            cut_vectors(writer, first, boundary - writer->written);
            cut = true;
        }
    }
    writer->used = 0;
    writer->pending = 0;
    writer->vectors_used = 0;
    return result < 0 ? result : cut ? -EINTR : 0;
}

int batch_write(struct batch_writer *writer, const struct shmq_message *messages, size_t count, size_t *done)
{
    uint64_t boundary;
    int result = 0;

    writer->messages = messages;
    writer->count = count;
    writer->written = 0;
    for (size_t i = 0; i < count && result == 0; i++) {
        if (writer->framing.kind == FRAMING_LENGTH32 && messages[i].length > UINT32_MAX) {
            result = flush(writer);
            result = result < 0 ? result : -EMSGSIZE;
            break;
        }
        if (!has_room(writer, &messages[i]))
            result = flush(writer);
        if (result == 0)
            add_message(writer, &messages[i]);
    }
    if (result == 0)
        result = flush(writer);
    *done = result == 0 ? count : whole_messages(writer, &boundary);
    return result;
}

int batch_write_at(struct batch_writer *writer, int fd, uint64_t offset, const struct shmq_message *messages,
                   size_t count, size_t *done)
{
    writer->fd = fd;
    writer->offset = (int64_t)offset;
    return batch_write(writer, messages, count, done);
}
