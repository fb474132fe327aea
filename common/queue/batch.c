/* SPDX-License-Identifier: MIT */
#include "common/queue/batch.h"

#include "common/queue/message.h"

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
