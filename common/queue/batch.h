/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_BATCH_H
#define SHMQ_BATCH_H

#include "common/queue/count.h"
#include "common/queue/handle.h"
#include "common/queue/latency.h"

/*
 * A batch in which records are dropped is split into runs of messages, which are handed out one after the other.
 */

/* Splits the batch that was just leased or adopted, of @records, and begins with its first run. */
void batch_split(struct shmq *handle, uint32_t records);

/*
 * Goes on to the next run of a split batch: acknowledges the dropped records before it.
 *
 * Context: everything handed out is acknowledged.
 * Crash:   the seat's progress says how far it came, or the successor steps over the same records.
 * Return:  false if no message is left.
 */
bool batch_next_run(struct shmq *handle);

/* Messages of the present run that are acknowledged; of the batch, if it is not split. */
uint32_t batch_done_of_run(const struct shmq *handle);

/* Payload of the records from @first to @end of the leased batch. */
uint64_t batch_payload_bytes(const struct shmq *handle, uint32_t first, uint32_t end);

/* Counts acknowledged messages in this consumer's seat, and for its histogram. */
static inline void batch_count_delivered(struct shmq *handle, uint64_t messages, uint64_t bytes)
{
    struct seat *s = &handle->seats[handle->consumer.seat];
    count_add(&s->delivered, messages);
    count_add(&s->delivered_bytes, bytes);
    latency_add(handle->consumer.batch.view, messages);
}

/* Whether no message follows the present run. */
bool batch_is_last_run(const struct shmq *handle);

/* The oldest message that a consumer has leased and not acknowledged. */

/* Returns its position. Context: there must be one. */
uint64_t batch_oldest_position(const struct shmq *handle);

/* Describes the message. Return: 0; -EINVAL if none is leased; -EBADMSG if its headers are invalid. */
int batch_oldest(const struct shmq *handle, struct shmq_message *message);

#endif
