/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "common/core/copy.h"
#include "common/core/header_block.h"
#include "common/core/marks.h"
#include "common/kernel/clock.h"
#include "common/queue/batch.h"
#include "common/queue/message_id.h"
#include "common/queue/mover.h"
#include "common/queue/put.h"

/*
 * Copies messages of a batch to another queue, in portions. The messages stay leased here, so the same batch can
 * be copied to several queues before it is acknowledged. The cursor of a portion's last message becomes valid with
 * the store that publishes the portion. So whoever goes on after a death finds which messages were put; those that
 * are not acknowledged are put by nobody else.
 */

#define ID_HEADER "Shmq-Id"
#define LINE_BEGIN ID_HEADER ": "
/* "Shmq-Id: QUEUE-LANE-POSITION\n" */
#define LINE_BYTES_MAX (sizeof(LINE_BEGIN) - 1 + MESSAGE_ID_BATCH_BYTES + MESSAGE_ID_POSITION_BYTES + 1)

/* Payloads, and the room for them, come from another processor's cache or from memory, so they are prefetched: as
 * far ahead as measured best, with messages of 64 bytes. */
#define MESSAGES_AHEAD 12u
#define ROOM_AHEAD 16u /* cells */

/* Messages on their way. */
struct transfer {
    struct shmq *to;
    const struct shmq_mover *mover;
    const struct shmq_message *messages;
    size_t count;
    size_t put;
    size_t line_begin_bytes;
    char line[LINE_BYTES_MAX]; /* its beginning is the same for all */
};

/* The layout of a copy: the message's own headers, its id if they lack it, the payload. */
struct plan {
    const struct shmq_message *message;
    const char *headers;
    size_t headers_bytes;
    size_t line_bytes; /* of the transfer's line; 0: the message has its id already */
    uint64_t payload_offset;
    uint64_t bytes;
    uint64_t cells;
};

static void begin_line(struct transfer *transfer)
{
    const struct shmq *from = transfer->mover->consumer;
    const size_t name = sizeof(LINE_BEGIN) - 1;
    memcpy(transfer->line, LINE_BEGIN, name);
    transfer->line_begin_bytes =
        name + message_id_write_batch(transfer->line + name, from->object.queue_id, transfer->messages->lane);
}

/* Return: its bytes. */
static size_t end_line(struct transfer *transfer, uint64_t position)
{
    size_t bytes = transfer->line_begin_bytes;
    bytes += message_id_write_position(transfer->line + bytes, position);
    transfer->line[bytes++] = '\n';
    return bytes;
}

/* Whether the message at @index can follow the one before it. */
static bool is_next(const struct transfer *transfer, size_t index)
{
    const struct shmq_message *m = &transfer->messages[index];
    return m->lane == transfer->messages->lane && m->frame <= SHMQ_FRAME_LENGTH32 &&
           (index == 0 || m->position > m[-1].position) && (m->data != NULL || m->length == 0);
}

/* Return: 0; -EINVAL; -EMSGSIZE. */
static int make_plan(struct transfer *transfer, size_t index, struct plan *plan)
{
    const uint64_t largest = transfer->to->producer.ring.ring.max_message_bytes;
    const struct shmq_message *m = &transfer->messages[index];
    size_t value_bytes;
    if (!is_next(transfer, index))
        return -EINVAL;
    *plan = (struct plan){.message = m};
    plan->headers = shmq_message_headers(m, &plan->headers_bytes);
    if (plan->headers == NULL ||
        shmq_header_value(plan->headers, plan->headers_bytes, ID_HEADER, &value_bytes) == NULL)
        plan->line_bytes = end_line(transfer, m->position);
    const uint64_t text_bytes = plan->headers_bytes + plan->line_bytes;
    plan->payload_offset = header_payload_offset(text_bytes, m->length);
    if (text_bytes > SHMQ_HEADERS_MAX || m->length > largest || plan->payload_offset > largest - m->length)
        return -EMSGSIZE;
    plan->bytes = plan->payload_offset + m->length;
    plan->cells = cells_for(plan->bytes);
    return 0;
}

/* Most copies have no other header, and a block of one cell. Copying as much as fits there takes no call. */
#define LINE_PIECE (CELL_BYTES - sizeof(struct header_prefix))
_Static_assert(LINE_PIECE <= LINE_BYTES_MAX, "a line can be copied in one piece");

static inline void copy_headers(char *text, const struct transfer *transfer, const struct plan *plan)
{
    if (plan->headers_bytes == 0 && plan->line_bytes <= LINE_PIECE) {
        memcpy(text, transfer->line, LINE_PIECE);
        return;
    }
    if (plan->headers_bytes > 0)
        memcpy(text, plan->headers, plan->headers_bytes);
    memcpy(text + plan->headers_bytes, transfer->line, plan->line_bytes);
}

static inline void copy_payload(unsigned char *at, const struct shmq_message *message)
{
    if (message->length - 1 < CELL_BYTES)
        copy_short(at, message->data, message->length);
    else if (message->length > 0)
        memcpy(at, message->data, message->length);
}

/* Context: there is room for it. */
static inline void append(const struct transfer *transfer, const struct plan *plan)
{
    struct ring_producer *p = &transfer->to->producer.ring;
    const struct shmq_message *m = plan->message;
    const uint32_t text_bytes = (uint32_t)(plan->headers_bytes + plan->line_bytes);
    unsigned char *at = ring_payload(&p->ring, p->next);
    copy_headers(header_write_prefix(at, text_bytes, plan->payload_offset, m->frame, m->delimiter), transfer,
                 plan);
    copy_payload(at + plan->payload_offset, m);
    ring_prefetch_room(&p->ring, p->next + ROOM_AHEAD, p->room, plan->cells);
    const uint64_t stream_bytes = record_stream_bytes(record_frame(m->frame, m->delimiter) | m->length);
    marks_except_framing(p, stream_bytes - m->length);
    ring_append_cells(p, record_frame(RECORD_HEADERS, 0) | plan->bytes, plan->cells, stream_bytes);
}

/* Puts one portion. Return: like shmq_mover_put, for its first message. */
static int put_portion(struct transfer *transfer, int64_t timeout_ns)
{
    struct producer_side *side = &transfer->to->producer;
    struct plan plan;
    uint64_t bytes = 0;
    uint32_t n = 0;
    int error = make_plan(transfer, transfer->put, &plan);
    if (error == -EMSGSIZE)
        error = put_refuse_too_long(transfer->to);
    if (error == 0)
        error = put_check(transfer->to, plan.bytes);
    if (error == 0)
        error = put_make_room(transfer->to, plan.cells, timeout_ns);
    if (error != 0)
        return error;
    do {
        if (transfer->put + n + MESSAGES_AHEAD < transfer->count)
            __builtin_prefetch(transfer->messages[transfer->put + n + MESSAGES_AHEAD].data);
        append(transfer, &plan);
        bytes += plan.bytes;
        n++;
    } while (n < PORTION_MESSAGES && bytes < PORTION_BYTES && transfer->put + n < transfer->count &&
             make_plan(transfer, transfer->put + n, &plan) == 0 && put_continues(&side->ring, plan.cells));
    const struct shmq_message *last = &transfer->messages[transfer->put + n - 1];
    const struct shmq_cursor cursor = mover_cursor(transfer->mover, last->lane, last->position);
    put_set_cursor(side, &cursor);
    error = put_publish(transfer->to, n);
    if (error == 0)
        transfer->put += n;
    return error;
}

/* Whether the messages are among those that the consumer has. */
static bool are_held(const struct shmq *consumer, const struct shmq_message *messages, size_t count)
{
    const struct batch *b = &consumer->consumer.batch;
    if (count == 0)
        return true;
    if (messages == NULL || b->view == NULL || count > b->handed - b->done)
        return false;
    return messages[0].lane == b->view->ring.lane && messages[0].position >= batch_oldest_position(consumer) &&
           messages[count - 1].position < (b->held ? b->start + 1 : b->next);
}

/* Steps over what was put already. */
static int skip_put(struct transfer *transfer)
{
    uint64_t came_to;
    const int error = mover_came_to(transfer->mover, transfer->to, &came_to);
    if (error != 0)
        return error;
    while (transfer->put < transfer->count && transfer->messages[transfer->put].position <= came_to)
        transfer->put++;
    return 0;
}

/* Return: like shmq_mover_put. */
static int put_all(struct transfer *transfer, int64_t timeout_ns, int64_t deadline)
{
    int error = 0;
    if (transfer->count > 0) {
        put_expect(&transfer->to->producer, transfer->count);
        begin_line(transfer);
        error = skip_put(transfer);
    }
    while (error == 0 && transfer->put < transfer->count)
        error = put_portion(transfer, put_time_left(timeout_ns, deadline));
    if ((error == 0 || error == -EAGAIN || error == -ETIMEDOUT) && handle_is_stale(transfer->to))
        error = -ESTALE;
    return error == -EAGAIN && timeout_ns > 0 ? -ETIMEDOUT : error;
}

int shmq_mover_put(struct shmq_mover *mover, const struct shmq_message *messages, size_t count, size_t *done,
                   int64_t timeout_ns)
{
    struct transfer transfer = {.mover = mover, .messages = messages, .count = count};
    const int64_t deadline = timeout_ns > 0 ? clock_deadline(timeout_ns) : 0;
    if (done != NULL)
        *done = 0;
    int error = mover == NULL ? -EINVAL : handle_check(mover->consumer, SHMQ_CONSUMER);
    if (error == 0 && !are_held(mover->consumer, messages, count))
        error = -EINVAL;
    if (error == 0)
        error = mover_keep_lane(mover, &transfer.to, timeout_ns);
    if (error == 0)
        error = put_all(&transfer, timeout_ns, deadline);
    if (error == -ESTALE) { /* nobody will get what was put; the next call opens what has the name then */
        mover_let_go(mover, mover->consumer->consumer.batch.seat);
        transfer.put = 0;
    }
    if (done != NULL)
        *done = transfer.put;
    return error;
}
