/* SPDX-License-Identifier: MIT */
#include "producer/follow_reader.h"

#include <stdlib.h>
#include <string.h>

#include "common/cli/stop.h"
#include "producer/buffered_input.h"

void follow_reader_init(struct follow_reader *reader, struct publisher *publisher, const struct options *options,
                        struct follow_store *store)
{
    reader->publisher = publisher;
    reader->options = options;
    reader->store = store;
}

void follow_reader_free(struct follow_reader *reader)
{
    free(reader->buffer);
    reader->buffer = NULL;
    source_headers_free(&reader->headers);
    source_blocks_free(&reader->blocks);
}

/* ------------------------------------------------------------------ putting */

/*
 * The place of the last message overrides the record of its file. So that record must say how far the file has
 * come before the place moves to another file.
 */
static enum flow save_last(struct follow_reader *reader, struct followed_file *file)
{
    struct followed_file *last = reader->last;
    if (last == file)
        return FLOW_CONTINUE;
    reader->last = file;
    if (last == NULL)
        return FLOW_CONTINUE;
    const struct follow_record record = followed_file_record(last);
    return follow_store_save(reader->store, last->slot, &record);
}

/* The more of its first bytes a record knows, the surer a file is recognised. */
static enum flow learn_head(struct follow_reader *reader, struct followed_file *file)
{
    const uint64_t known = file->identity.head_length;
    if (!reader->store->resumable || known == FILE_HEAD_BYTES || file->offset < 2 * known || file->offset == 0)
        return FLOW_CONTINUE;
    if (!file_identity_read_head(&file->identity, file->fd, file->offset))
        return FLOW_CONTINUE; /* truncated meanwhile: the next read will see it */
    const struct follow_record record = followed_file_record(file);
    return follow_store_save(reader->store, file->slot, &record);
}

/* The place after message @i of the batch, whose end is at @offset. */
static const struct shmq_cursor *place_of(struct follow_reader *reader, const struct followed_file *file, size_t i,
                                          uint64_t offset)
{
    const size_t marked = file_mark_bytes(offset);
    const struct follow_place place = {file->sequence, offset, file_sum(reader->ends[i] - marked, marked),
                                       reader->messages + i + 1};
    if (!reader->store->resumable)
        return NULL;
    reader->cursors[i] = follow_place_cursor(&place);
    return &reader->cursors[i];
}

/* Puts the batch with the place after each message and with its headers, as far as they are wanted. */
static enum flow put_outgoing(struct follow_reader *reader, struct followed_file *file, size_t *taken)
{
    const unsigned char *begin = reader->ends[0] - reader->payloads[0].iov_len - framer_overhead(reader->frame);
    enum flow flow = reader->store->resumable ? save_last(reader, file) : FLOW_CONTINUE;
    uint64_t offset = file->offset;
    for (size_t i = 0; i < reader->batched; i++) {
        const uint64_t end = file->offset + (uint64_t)(reader->ends[i] - begin);
        reader->outgoing[i] = (struct shmq_outgoing){.size = sizeof(struct shmq_outgoing),
                                                     .data = reader->payloads[i].iov_base,
                                                     .length = reader->payloads[i].iov_len,
                                                     .cursor = place_of(reader, file, i, end)};
        source_blocks_set(&reader->blocks, &reader->headers, i, offset, &reader->outgoing[i]);
        offset = end;
    }
    *taken = 0;
    if (flow != FLOW_CONTINUE)
        return flow;
    return publisher_put_outgoing(reader->publisher, reader->outgoing, reader->batched, reader->frame, taken);
}

static enum flow put_batch(struct follow_reader *reader, struct followed_file *file)
{
    size_t taken = 0;
    if (reader->batched == 0)
        return FLOW_CONTINUE;
    const unsigned char *begin = reader->ends[0] - reader->payloads[0].iov_len - framer_overhead(reader->frame);
    enum flow flow =
        reader->store->resumable || reader->options->source_headers
            ? put_outgoing(reader, file, &taken)
            : publisher_put(reader->publisher, reader->payloads, reader->batched, reader->frame, &taken);
    if (taken > 0) {
        const unsigned char *end = reader->ends[taken - 1];
        followed_file_advance(file, end, (size_t)(end - begin));
        reader->messages += taken;
    }
    reader->batched = 0;
    return flow == FLOW_CONTINUE ? learn_head(reader, file) : flow;
}

static enum flow add_to_batch(struct follow_reader *reader, struct followed_file *file,
                              const struct framed_message *message, const unsigned char *end)
{
    enum flow flow = FLOW_CONTINUE;
    if (reader->batched == PUBLISHER_BATCH || (reader->batched > 0 && reader->frame != message->frame))
        flow = put_batch(reader, file);
    reader->frame = message->frame;
    reader->ends[reader->batched] = end;
    reader->payloads[reader->batched++] = (struct iovec){(void *)(uintptr_t)message->data, message->length};
    return flow;
}

/* ------------------------------------------------------------------ reading */

static enum flow fail_too_long(const struct follow_reader *reader, const struct followed_file *file)
{
    const struct input input = {
        .path = file->path, .label = file->path, .fd = file->fd, .regular = true, .begin = UINT64_MAX};
    return buffered_input_fail_too_long(reader->publisher, &input, reader->options, file->offset, 0);
}

/*
 * A file that a writer without O_APPEND goes on writing to after a truncation begins with a hole: zeros that
 * nobody wrote.
 *
 * Return: how many there are at the beginning of @data.
 */
static size_t skip_hole(const struct follow_reader *reader, struct followed_file *file,
                        const struct followed_data *data)
{
    size_t zeros = 0;
    if (!file->after_cut || reader->options->framing != FRAMING_DELIMITER || reader->options->delimiter == '\0')
        return 0;
    while (zeros < data->length && data->bytes[zeros] == 0)
        zeros++;
    file->after_cut = zeros == data->length;
    if (zeros > 0)
        followed_file_advance(file, data->bytes + zeros, zeros);
    return zeros;
}

/* The headers name the file as it was found, wherever it was renamed to. */
static enum flow take_headers(struct follow_reader *reader, const struct followed_file *file)
{
    if (!reader->options->source_headers)
        return FLOW_CONTINUE;
    const char *path = file->first_path != NULL ? file->first_path : file->path;
    if (!source_headers_set_file(&reader->headers, path) ||
        !source_blocks_reserve(&reader->blocks, &reader->headers, PUBLISHER_BATCH))
        return publisher_fail_memory(reader->publisher);
    return publisher_set_own_headers(reader->publisher, source_headers_longest(&reader->headers));
}

static enum flow put_messages(struct follow_reader *reader, struct followed_file *file,
                              const struct followed_data *data, bool rest)
{
    enum framer_result result = FRAMER_MORE;
    enum flow flow = take_headers(reader, file);
    const size_t begin = skip_hole(reader, file, data);
    size_t at = begin;
    framer_init(&reader->framer, reader->options, reader->publisher->max_message);
    while (at < data->length && flow == FLOW_CONTINUE) {
        struct framed_message message;
        result = framer_next(&reader->framer, data->bytes + at, data->length - at, rest, &message);
        if (result != FRAMER_MESSAGE)
            break;
        at += message.framed;
        flow = add_to_batch(reader, file, &message, data->bytes + at);
    }
    if (flow == FLOW_CONTINUE)
        flow = put_batch(reader, file);
    reader->batched = 0;
    if (flow == FLOW_CONTINUE && result == FRAMER_TOO_LONG)
        flow = fail_too_long(reader, file);
    if (at > begin || begin > 0)
        file->chunk_bytes = FOLLOWED_CHUNK_BYTES;
    else if (!data->ended)
        file->chunk_bytes *= 2; /* within a long message */
    return flow;
}

static enum flow make_room(struct follow_reader *reader, const struct followed_file *file)
{
    const size_t bytes = FILE_MARK_BYTES + file->chunk_bytes;
    if (reader->buffer_bytes >= bytes)
        return FLOW_CONTINUE;
    unsigned char *larger = realloc(reader->buffer, bytes);
    if (larger == NULL)
        return publisher_fail_memory(reader->publisher);
    reader->buffer = larger;
    reader->buffer_bytes = bytes;
    return FLOW_CONTINUE;
}

/* Compares what was read with what was seen before. Return: whether the file ends there. */
static bool notice_size(struct followed_file *file, const struct followed_data *data, struct follow_step *step)
{
    struct file_facts facts;
    const uint64_t end = file->offset + data->length;
    if (end > file->size) {
        file->size = end;
        file->grown_ns = stop_now_ns();
    } else if (data->ended && end < file->size) {
        if (file_facts_of_open(file->fd, &facts) == 0 && facts.size >= file->size)
            return false; /* a short read, as network file systems have them */
        step->missed = file->size - end;
        file->size = end;
    }
    return data->ended;
}

enum flow follow_reader_read(struct follow_reader *reader, struct followed_file *file, bool rest,
                             struct follow_step *step)
{
    struct followed_data data;
    const uint64_t size = file->size;
    *step = (struct follow_step){0};
    enum flow flow = make_room(reader, file);
    if (flow != FLOW_CONTINUE)
        return flow;
    step->error = followed_file_read(file, reader->buffer, &data);
    if (step->error != 0)
        return FLOW_CONTINUE;
    file->readable = !notice_size(file, &data, step);
    file->drained = file->drained || !file->readable;
    if (step->missed > 0 && file->offset == 0) {
        file->readable = true;
        return FLOW_CONTINUE;
    }
    return put_messages(reader, file, &data, rest && !file->readable && file->size <= size);
}

void follow_reader_forget(struct follow_reader *reader, const struct followed_file *file)
{
    if (reader->last == file)
        reader->last = NULL;
}
