/* SPDX-License-Identifier: MIT */
#include "monitor/formats/fields.h"

#include <stdbool.h>
#include <string.h>

#include "common/shmq.h"

#define QUEUE(field, type, metric, help)                                                                          \
    {                                                                                                             \
#field, type, metric, offsetof(struct shmq_stat, field), help                                             \
    }
#define LANE(field, type, metric, help)                                                                           \
    {                                                                                                             \
#field, type, metric, offsetof(struct shmq_lane_stat, field), help                                        \
    }
#define SEAT(field, type, metric, help)                                                                           \
    {                                                                                                             \
#field, type, metric, offsetof(struct shmq_seat_stat, field), help                                        \
    }

const struct field fields_queue[] = {
    QUEUE(queue_id, FIELD_ID, METRIC_NONE, ""),
    QUEUE(messages, FIELD_U64, METRIC_GAUGE, "Messages committed and not acknowledged."),
    QUEUE(leased, FIELD_U64, METRIC_GAUGE, "Messages that consumers have leased or hold, not acknowledged."),
    QUEUE(message_bytes, FIELD_U64, METRIC_GAUGE, "Payload of the messages committed and not acknowledged."),
    QUEUE(put_messages, FIELD_U64, METRIC_COUNTER, "Messages committed since the queue was created."),
    QUEUE(put_bytes, FIELD_U64, METRIC_COUNTER,
          "Stream committed since the queue was created: payload and framing."),
    QUEUE(producers, FIELD_U32, METRIC_GAUGE, "Producers alive."),
    QUEUE(consumers, FIELD_U32, METRIC_GAUGE, "Consumers alive."),
    QUEUE(unfinished, FIELD_U32, METRIC_GAUGE, "Lanes whose producer died without finishing."),
    QUEUE(finished, FIELD_U64, METRIC_COUNTER, "Producers that finished."),
    QUEUE(sleepers, FIELD_U32, METRIC_GAUGE, "Consumers waiting for messages."),
    QUEUE(shut_down, FIELD_U32, METRIC_GAUGE, "0 open, 1 draining, 2 shut down."),
    QUEUE(paused, FIELD_BOOL, METRIC_GAUGE, "1 if the queue is paused and hands out nothing."),
    QUEUE(removed, FIELD_BOOL, METRIC_GAUGE, "1 if the queue is removed."),
    QUEUE(full_fences, FIELD_BOOL, METRIC_GAUGE, "1 if every publish pays a full fence."),
    QUEUE(lost, FIELD_BOOL, METRIC_GAUGE, "1 if acknowledged data is no longer where it was written."),
    QUEUE(lanes, FIELD_U32, METRIC_GAUGE, "Lanes, one for each producer at a time."),
    QUEUE(lanes_used, FIELD_U32, METRIC_GAUGE, "Lanes that were ever used."),
    QUEUE(seats, FIELD_U32, METRIC_GAUGE, "Seats, one for each consumer at a time."),
    QUEUE(capacity_bytes, FIELD_U64, METRIC_GAUGE, "Capacity of a lane."),
    QUEUE(max_message_bytes, FIELD_U64, METRIC_GAUGE, "Largest message."),
    QUEUE(object_bytes, FIELD_U64, METRIC_GAUGE, "Size of the shared-memory object."),
    QUEUE(reserved_bytes, FIELD_U64, METRIC_GAUGE, "Memory that the object occupies."),
    QUEUE(aside, FIELD_U32, METRIC_GAUGE, "Messages put aside until they are due."),
    QUEUE(aside_left_ns, FIELD_I64, METRIC_NONE, ""),
    QUEUE(copy, FIELD_BOOL, METRIC_NONE, ""),
    QUEUE(saved_s, FIELD_I64, METRIC_NONE, ""),
    QUEUE(tick_ns, FIELD_I64, METRIC_NONE, ""),
    QUEUE(mode, FIELD_MODE, METRIC_NONE, ""),
    QUEUE(owner, FIELD_U32, METRIC_NONE, ""),
    QUEUE(group, FIELD_U32, METRIC_NONE, ""),
    {NULL, FIELD_U32, METRIC_NONE, 0, NULL},
};

const struct field fields_lane[] = {
    LANE(lane, FIELD_U32, METRIC_NONE, ""),
    LANE(priority, FIELD_U32, METRIC_GAUGE, "Priority of the lane; 0 is served first."),
    LANE(alive, FIELD_BOOL, METRIC_GAUGE, "1 if the lane's producer is alive."),
    LANE(finished, FIELD_BOOL, METRIC_GAUGE, "1 if the lane's last producer finished."),
    LANE(blocked, FIELD_BOOL, METRIC_GAUGE, "1 if the lane's producer is waiting for room."),
    LANE(pid, FIELD_PID, METRIC_NONE, ""),
    LANE(program, FIELD_TEXT, METRIC_NONE, ""),
    LANE(attached, FIELD_U64, METRIC_COUNTER, "Producers that the lane has had."),
    LANE(finishes, FIELD_U64, METRIC_COUNTER, "Producers of the lane that finished."),
    LANE(messages, FIELD_U64, METRIC_GAUGE, "Messages in the lane."),
    LANE(leased, FIELD_U64, METRIC_GAUGE,
         "Messages of the lane that consumers have leased or hold, not acknowledged."),
    LANE(used_bytes, FIELD_U64, METRIC_GAUGE, "Bytes of the lane in use, in cells of 64."),
    LANE(put_messages, FIELD_U64, METRIC_COUNTER, "Messages committed to the lane."),
    LANE(put_bytes, FIELD_U64, METRIC_COUNTER, "Stream committed to the lane: payload and framing."),
    LANE(head_position, FIELD_U64, METRIC_NONE, ""),
    LANE(claim_position, FIELD_U64, METRIC_NONE, ""),
    LANE(tail_position, FIELD_U64, METRIC_NONE, ""),
    LANE(source_id, FIELD_ID, METRIC_NONE, ""),
    {NULL, FIELD_U32, METRIC_NONE, 0, NULL},
};

const struct field fields_seat[] = {
    SEAT(seat, FIELD_U32, METRIC_NONE, ""),
    SEAT(alive, FIELD_BOOL, METRIC_GAUGE, "1 if the seat's consumer is alive."),
    SEAT(waiting, FIELD_BOOL, METRIC_GAUGE, "1 if the seat's consumer is waiting for messages."),
    SEAT(holding, FIELD_BOOL, METRIC_GAUGE, "1 if a message is in the seat buffer."),
    SEAT(pid, FIELD_PID, METRIC_NONE, ""),
    SEAT(program, FIELD_TEXT, METRIC_NONE, ""),
    SEAT(lane, FIELD_U32, METRIC_NONE, ""),
    SEAT(position, FIELD_U64, METRIC_NONE, ""),
    SEAT(leased, FIELD_U64, METRIC_GAUGE,
         "Messages that the seat's consumer has leased or holds, not acknowledged."),
    SEAT(attempts, FIELD_U32, METRIC_GAUGE, "Earlier attempts at the current message."),
    SEAT(delivered, FIELD_U64, METRIC_COUNTER, "Messages acknowledged from the seat."),
    SEAT(delivered_bytes, FIELD_U64, METRIC_COUNTER, "Payload acknowledged from the seat."),
    SEAT(aside, FIELD_BOOL, METRIC_GAUGE, "1 if the message in the seat buffer is put aside until it is due."),
    SEAT(aside_left_ns, FIELD_I64, METRIC_NONE, ""),
    {NULL, FIELD_U32, METRIC_NONE, 0, NULL},
};

uint64_t field_unsigned(const struct field *field, const void *object)
{
    const char *at = (const char *)object + field->offset;
    uint64_t wide = 0;
    uint32_t narrow = 0;
    bool flag = false;
    switch (field->type) {
    case FIELD_U32:
    case FIELD_PID:
    case FIELD_MODE:
        memcpy(&narrow, at, sizeof(narrow));
        return narrow;
    case FIELD_U64:
    case FIELD_I64:
    case FIELD_ID:
        memcpy(&wide, at, sizeof(wide));
        return wide;
    case FIELD_BOOL:
        memcpy(&flag, at, sizeof(flag));
        return flag;
    case FIELD_TEXT:
        break;
    }
    return 0;
}

const char *field_text(const struct field *field, const void *object)
{
    return (const char *)object + field->offset;
}
