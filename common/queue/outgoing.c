/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "common/core/header_block.h"
#include "common/core/marks.h"
#include "common/kernel/clock.h"
#include "common/kernel/probes.h"
#include "common/queue/put.h"
#include "common/queue/sized.h"

/* Putting messages with headers and cursors. */

/* A checked message and the layout of its record. */
struct plan {
    struct shmq_outgoing message;
    uint64_t payload_offset; /* 0: no headers */
    uint64_t bytes;          /* block and payload */
    uint64_t cells;
};

/* The message at @index; the array's structs may be of an earlier version. */
static const struct shmq_outgoing *element(const struct shmq_outgoing *messages, size_t index)
{
    return (const struct shmq_outgoing *)((const unsigned char *)messages + index * messages->size);
}

/* Return: 0; -EINVAL; -EMSGSIZE. */
static int make_plan(const struct shmq *handle, const struct shmq_outgoing *given, struct plan *plan)
{
    const uint64_t largest = handle->producer.ring.ring.max_message_bytes;
    struct shmq_outgoing *m = &plan->message;
    *m = (struct shmq_outgoing)SHMQ_OUTGOING_INIT;
    const int error = sized_take(m, sizeof(*m), given, OUTGOING_FIRST_BYTES);
    if (error != 0)
        return error;
    if ((m->data == NULL && m->length > 0) || (m->headers == NULL && m->headers_length > 0) ||
        (m->cursor != NULL && !handle->producer.resumable))
        return -EINVAL;
    if (m->headers_length > 0 && !header_text_is_valid(m->headers, m->headers_length))
        return -EINVAL;
    plan->payload_offset = m->headers_length > 0 ? header_payload_offset(m->headers_length, m->length) : 0;
    if (m->length > largest || plan->payload_offset > largest - m->length)
        return -EMSGSIZE;
    plan->bytes = plan->payload_offset + m->length;
    plan->cells = cells_for(plan->bytes);
    return 0;
}

/* Context: there is room for it. */
static void append(struct producer_side *side, const struct plan *plan)
{
    const struct shmq_outgoing *m = &plan->message;
    struct ring_producer *p = &side->ring;
    const struct record_head head = record_unpack(side->frame);
    unsigned char *at = ring_payload(&p->ring, p->next);
    uint64_t frame = side->frame;
    if (plan->payload_offset > 0) {
        header_write(at, m->headers, (uint32_t)m->headers_length, m->length, head.frame, head.delimiter);
        frame = record_frame(RECORD_HEADERS, 0);
    }
    if (m->length > 0)
        memcpy(at + plan->payload_offset, m->data, m->length);
    ring_append_cells(p, frame | plan->bytes, plan->cells, side->framing + m->length);
    if (m->cursor != NULL)
        put_set_cursor(side, m->cursor);
}

/* Puts one portion, from *@put on. Return: like shmq_put_outgoing, for its first message. */
static int put_portion(struct shmq *handle, const struct shmq_outgoing *messages, size_t count, size_t *put,
                       int64_t timeout_ns)
{
    struct plan plan;
    struct producer_side *side = &handle->producer;
    uint64_t bytes = 0;
    uint32_t n = 0;
    int error = make_plan(handle, element(messages, *put), &plan);
    if (error == -EMSGSIZE)
        error = put_refuse_too_long(handle);
    if (error == 0)
        error = put_check(handle, plan.bytes);
    if (error == 0)
        error = put_make_room(handle, plan.cells, timeout_ns);
    if (error != 0)
        return error;
    const uint64_t first_bytes = plan.bytes;
    do {
        append(side, &plan);
        bytes += plan.bytes;
        n++;
    } while (n < PORTION_MESSAGES && bytes < PORTION_BYTES && *put + n < count &&
             make_plan(handle, element(messages, *put + n), &plan) == 0 && put_continues(&side->ring, plan.cells));
    *put += n;
    PROBE_PUT(side->ring.ring.lane, PROBE_FIELD(side->ring.ring.control->tail), first_bytes, n);
    return put_publish(handle, n);
}

int shmq_put_outgoing(struct shmq *handle, const struct shmq_outgoing *messages, size_t count, size_t *done,
                      int64_t timeout_ns)
{
    size_t put = 0;
    int64_t left_ns = timeout_ns;
    const int64_t deadline = timeout_ns > 0 ? clock_deadline(timeout_ns) : 0;
    int error = handle_check(handle, SHMQ_PRODUCER);
    if (error == 0 && messages == NULL && count > 0)
        error = -EINVAL;
    if (error == 0)
        put_expect(&handle->producer, count);
    while (error == 0 && put < count) {
        error = put_portion(handle, messages, count, &put, left_ns);
        left_ns = put_time_left(timeout_ns, deadline);
    }
    if (done != NULL)
        *done = put;
    return error == -EAGAIN && timeout_ns > 0 ? -ETIMEDOUT : error;
}
