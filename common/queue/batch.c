/* SPDX-License-Identifier: MIT */
#include "common/queue/batch.h"

#include "common/core/header_block.h"
#include "common/queue/message.h"

/* The first record from @from on that is dropped, or is not. */
static uint32_t find_record(const struct shmq *handle, uint32_t from, bool dropped)
{
    const struct consumer_side *c = &handle->consumer;
    while (from < c->records && record_is_dropped(c->words[from]) != dropped)
        from++;
    return from;
}

static void skip_to(struct shmq *handle, uint32_t first)
{
    struct batch *b = &handle->consumer.batch;
    for (; b->done < first; b->done++) {
        const uint64_t cells = record_cells(handle->consumer.words[b->done]);
        b->next += cells;
        b->payload += cells << CELL_SHIFT;
    }
    b->handed = first;
    if (!handle->consumer.shared_attempts)
        b->attempts = 0;
    if (first < handle->consumer.records)
        atomic_store_explicit(b->progress, progress_pack(b->attempts, first), memory_order_release);
}

bool batch_next_run(struct shmq *handle)
{
    struct batch *b = &handle->consumer.batch;
    const uint32_t first = find_record(handle, b->done, false);
    if (first != b->done)
        skip_to(handle, first);
    b->count = find_record(handle, first, true);
    return first < handle->consumer.records;
}

void batch_split(struct shmq *handle, uint32_t records)
{
    handle->consumer.batch.split = true;
    handle->consumer.records = records;
    (void)batch_next_run(handle);
}

uint32_t batch_done_of_run(const struct shmq *handle)
{
    const struct batch *b = &handle->consumer.batch;
    uint32_t first = b->done;
    if (!b->split)
        return b->done;
    while (first > 0 && !record_is_dropped(handle->consumer.words[first - 1]))
        first--;
    return b->done - first;
}

/* One whose headers have become invalid counts whole. */
static uint64_t payload_bytes(const struct ring *ring, uint64_t position, uint64_t word)
{
    struct header_view view;
    const uint32_t bytes = (uint32_t)word;
    if (!record_has_headers(word) || !header_read(ring_payload(ring, position), bytes, &view))
        return bytes;
    return bytes - view.payload_offset;
}

uint64_t batch_payload_bytes(const struct shmq *handle, uint32_t first, uint32_t end)
{
    const struct batch *b = &handle->consumer.batch;
    const uint64_t *words = handle->consumer.words;
    uint64_t position = b->start;
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < end; i++) {
        if (i >= first && !record_is_dropped(words[i]))
            bytes += payload_bytes(&b->view->ring, position, words[i]);
        position += record_cells(words[i]);
    }
    return bytes;
}

bool batch_is_last_run(const struct shmq *handle)
{
    const struct batch *b = &handle->consumer.batch;
    return !b->split || find_record(handle, b->count, false) == handle->consumer.records;
}

/* The messages handed out but not acknowledged end at next. */
uint64_t batch_oldest_position(const struct shmq *handle)
{
    const struct batch *b = &handle->consumer.batch;
    uint64_t cells = 0;
    if (b->held)
        return b->start;
    for (uint32_t i = b->done; i < b->handed; i++)
        cells += cells_for((uint32_t)handle->consumer.words[i]);
    return b->next - cells;
}

int batch_oldest(const struct shmq *handle, struct shmq_message *message)
{
    const struct batch *b = &handle->consumer.batch;
    if (b->handed == b->done)
        return -EINVAL;
    const uint64_t word = handle->consumer.words[b->done];
    const uint64_t position = batch_oldest_position(handle);
    const struct ring *ring = &b->view->ring;
    const void *at = b->held ? handle->consumer.buffers[b->seat].base : ring_payload(ring, position);
    *message = message_of_record(at, word, ring->lane, position);
    message->attempts = b->attempts;
    message->redelivered = b->redelivered;
    return message_set_headers_apart(message, word) ? 0 : -EBADMSG;
}
