/* SPDX-License-Identifier: MIT */
#include "monitor/formats/fields.h"

#include <stdbool.h>
#include <string.h>

#include "common/shmq.h"

/* clang-format off */
#define QUEUE(field, type, metric, help) {#field, type, metric, help, offsetof(struct shmq_stat, field), 0}
#define LANE(field, type, metric, help) {#field, type, metric, help, offsetof(struct shmq_lane_stat, field), 0}
#define SEAT(field, type, metric, help) {#field, type, metric, help, offsetof(struct shmq_seat_stat, field), 0}
#define BRIDGE(name, part, word, metric, help) \
    {"bridge_" #name, FIELD_U64, metric, help, \
     offsetof(struct shmq_##part##_stat, bridge) + sizeof(uint64_t) * SHMQ_BRIDGE_##word, \
     offsetof(struct shmq_##part##_stat, bridge) + sizeof(uint64_t) * SHMQ_BRIDGE_PRESENT}
/* What a bridge to a broker shows of itself, in the lane of a producer or the seat of a consumer. */
#define BRIDGES(part) \
    BRIDGE(connected, part, CONNECTED, METRIC_GAUGE, "1 if the bridge is connected to its broker."), \
    BRIDGE(published, part, PUBLISHED, METRIC_COUNTER, "Messages sent to the broker."), \
    BRIDGE(acknowledged, part, ACKNOWLEDGED, METRIC_COUNTER, "Messages acknowledged between bridge and broker."), \
    BRIDGE(duplicates, part, DUPLICATES, METRIC_COUNTER, "Messages that the broker had already."), \
    BRIDGE(resent, part, RESENT, METRIC_COUNTER, "Messages sent again."), \
    BRIDGE(skipped, part, SKIPPED, METRIC_COUNTER, "Messages that were there already and were skipped."), \
    BRIDGE(in_flight, part, IN_FLIGHT, METRIC_GAUGE, "Messages sent and not acknowledged."), \
    BRIDGE(reconnects, part, RECONNECTS, METRIC_COUNTER, "Times that the connection was made again."), \
    BRIDGE(refused, part, REFUSED, METRIC_COUNTER, "Answers of the broker that refused a message."), \
    BRIDGE(refusal, part, REFUSAL, METRIC_NONE, "Code of the last answer that refused a message."), \
    BRIDGE(acks, part, ACKS, METRIC_COUNTER, "Acknowledgements of the broker whose time was measured."), \
    BRIDGE(ack_sum_ns, part, ACK_SUM_NS, METRIC_COUNTER, "Time that the measured acknowledgements took."), \
    BRIDGE(ack_max_ns, part, ACK_MAX_NS, METRIC_GAUGE, "The longest time that a measured acknowledgement took.")

#define MADE(field, help) {#field, FIELD_MADE, METRIC_NONE, help, 0, 0}
#define LIST(field, help) {#field, FIELD_LIST, METRIC_NONE, help, 0, 0}
/* clang-format on */

const struct field fields_head[] = {
    MADE(name, "Name of the queue; of a copy that does not know it, that of the file."),
    MADE(file, "Path of the copy; only of one."),
    MADE(state,
         "empty, ok, full, unfinished, paused, draining (shut down, with messages left in it that are handed "
         "out), shut down (nothing is left, or nothing more is handed out), removed, damaged, foreign, "
         "incomplete, forbidden or unreadable."),
    MADE(reason,
         "Why it cannot be read, or not as a whole; only then. Without any of the following fields, it could "
         "not be opened."),
    MADE(
        why,
        "What holds the queue up, in a sentence for people; empty if nothing does, as far as is known. list knows "
        "less than show, as it does not look at producers and consumers."),
    {.name = NULL},
};

const struct field fields_tail[] = {
    {"latency_p50_ms", FIELD_MADE, METRIC_NONE,
     "The time in queue, from put to acknowledgement, of half of the messages was at most this.", 0, 0},
    {"latency_p90_ms", FIELD_MADE, METRIC_NONE, "The same of 90 %.", 0, 0},
    {"latency_p99_ms", FIELD_MADE, METRIC_NONE, "The same of 99 %.", 0, 0},
    {"latency_max_ms", FIELD_MADE, METRIC_NONE, "The longest of these times.", 0, 0},
    LIST(lane_list, "The lanes that were ever used, one for each producer at a time."),
    LIST(seat_list, "The seats that are taken, one for each consumer at a time, and those with messages."),
    {.name = NULL},
};

const struct field fields_queue[] = {
    QUEUE(queue_id, FIELD_ID, METRIC_NONE,
          "Number of this queue, different from that of any other, of the same name too."),
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
    QUEUE(shut_down, FIELD_U32, METRIC_GAUGE,
          "0: open; 1: shut down, what is in it is handed out; 2: shut down at once, nothing is."),
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
    QUEUE(reserved_bytes, FIELD_U64, METRIC_GAUGE,
          "Memory that the object occupies; of a copy, what the file does."),
    QUEUE(aside, FIELD_U32, METRIC_GAUGE, "Messages put aside until they are due."),
    QUEUE(aside_left_ns, FIELD_I64, METRIC_NONE,
          "Time until the first message put aside is due; 0: it is due, or there is none."),
    QUEUE(oldest_ns, FIELD_I64, METRIC_GAUGE, "Age of the oldest message."),
    QUEUE(used_bytes, FIELD_U64, METRIC_GAUGE, "Bytes in use of the lanes in use, in cells of 64."),
    QUEUE(room_bytes, FIELD_U64, METRIC_GAUGE, "Capacity of the lanes in use."),
    QUEUE(fill_percent, FIELD_U32, METRIC_GAUGE,
          "How full the lanes in use are; 100 if a producer waits for room."),
    QUEUE(high_water_bytes, FIELD_U64, METRIC_GAUGE, "The most that a lane has used at once."),
    QUEUE(blocked, FIELD_U32, METRIC_GAUGE, "Producers waiting for room."),
    QUEUE(acknowledged, FIELD_U64, METRIC_COUNTER, "Messages that left the queue, delivered or dropped."),
    QUEUE(dropped, FIELD_U64, METRIC_COUNTER, "Messages that were dropped."),
    QUEUE(refused, FIELD_U64, METRIC_COUNTER, "Puts that failed because there was no room."),
    QUEUE(too_long, FIELD_U64, METRIC_COUNTER, "Messages longer than the largest."),
    QUEUE(full_times, FIELD_U64, METRIC_COUNTER, "Waits of producers for room."),
    QUEUE(blocked_ns, FIELD_U64, METRIC_COUNTER, "Time that producers waited for room."),
    QUEUE(sleeps, FIELD_U64, METRIC_COUNTER, "Sleeps of producers and consumers."),
    QUEUE(wake_ups, FIELD_U64, METRIC_COUNTER, "Sleeps that a ring of the doorbell ended."),
    QUEUE(spurious, FIELD_U64, METRIC_COUNTER, "Sleeps that were ended for nothing."),
    QUEUE(failed, FIELD_U64, METRIC_COUNTER, "Attempts at messages that failed."),
    QUEUE(redelivered, FIELD_U64, METRIC_COUNTER, "Messages delivered again."),
    QUEUE(adopted, FIELD_U64, METRIC_COUNTER, "Batches taken over from dead consumers."),
    QUEUE(given_back, FIELD_U64, METRIC_COUNTER, "Batches that consumers gave back."),
    QUEUE(put_aside, FIELD_U64, METRIC_COUNTER, "Times that a message was put aside."),
    QUEUE(dead_letters, FIELD_U64, METRIC_COUNTER, "Messages that consumers gave up."),
    QUEUE(deaths, FIELD_U64, METRIC_COUNTER, "Deaths with something unfinished that were found."),
    QUEUE(bells_replaced, FIELD_U64, METRIC_COUNTER, "Semaphores that did not work and were replaced."),
    QUEUE(events, FIELD_U64, METRIC_COUNTER, "Events recorded."),
    QUEUE(has_latency, FIELD_BOOL, METRIC_NONE,
          "Whether the time in queue, from put to acknowledgement, is measured."),
    QUEUE(created_s, FIELD_I64, METRIC_GAUGE, "When the queue was created."),
    QUEUE(created_ns, FIELD_I64, METRIC_NONE, "Time since the queue was created."),
    QUEUE(creator, FIELD_PID, METRIC_NONE, "Process that created the queue."),
    QUEUE(copy, FIELD_BOOL, METRIC_NONE,
          "Whether it is a copy in a file. All times are those of the moment that it shows."),
    QUEUE(saved_s, FIELD_I64, METRIC_NONE, "When the copy was made; 0: not known, or no copy."),
    QUEUE(as_of_s, FIELD_I64, METRIC_NONE,
          "Which moment the copy shows: saved_s, or else the latest time in it; 0: not known, or no copy."),
    QUEUE(tick_ns, FIELD_I64, METRIC_NONE,
          "How long a sleeper sleeps at most before it looks whether somebody died."),
    QUEUE(mode, FIELD_MODE, METRIC_NONE,
          "Permission bits; of a copy, like owner, group and reserved_bytes, those of the file."),
    QUEUE(owner, FIELD_U32, METRIC_NONE, "User id of the owner."),
    QUEUE(group, FIELD_U32, METRIC_NONE, "Group id."),
    {.name = NULL},
};

const struct field fields_lane[] = {
    LANE(lane, FIELD_U32, METRIC_NONE, "Number of the lane."),
    LANE(priority, FIELD_U32, METRIC_GAUGE, "Priority of the lane; 0 is served first."),
    LANE(alive, FIELD_BOOL, METRIC_GAUGE, "1 if the lane's producer is alive."),
    LANE(finished, FIELD_BOOL, METRIC_GAUGE, "1 if the lane's last producer finished."),
    LANE(blocked, FIELD_BOOL, METRIC_GAUGE, "1 if the lane's producer is waiting for room."),
    LANE(pid, FIELD_PID, METRIC_NONE, "Process of the lane's last producer."),
    LANE(program, FIELD_TEXT, METRIC_NONE, "Its program, up to 15 characters."),
    LANE(attached, FIELD_U64, METRIC_COUNTER, "Producers that the lane has had."),
    LANE(finishes, FIELD_U64, METRIC_COUNTER, "Producers of the lane that finished."),
    LANE(messages, FIELD_U64, METRIC_GAUGE, "Messages in the lane."),
    LANE(leased, FIELD_U64, METRIC_GAUGE,
         "Messages of the lane that consumers have leased or hold, not acknowledged."),
    LANE(used_bytes, FIELD_U64, METRIC_GAUGE, "Bytes of the lane in use, in cells of 64."),
    LANE(put_messages, FIELD_U64, METRIC_COUNTER, "Messages committed to the lane."),
    LANE(put_bytes, FIELD_U64, METRIC_COUNTER, "Stream committed to the lane: payload and framing."),
    LANE(head_position, FIELD_U64, METRIC_NONE,
         "Position of the oldest message, in cells of 64 bytes since the lane was made."),
    LANE(claim_position, FIELD_U64, METRIC_NONE, "Position of the next message that consumers will take."),
    LANE(tail_position, FIELD_U64, METRIC_NONE, "Position of the next message to be put."),
    LANE(source_id, FIELD_ID, METRIC_NONE, "Which source the producer reads; 0: none that it could resume."),
    LANE(oldest_ns, FIELD_I64, METRIC_GAUGE, "Age of the lane's oldest message."),
    LANE(acknowledged, FIELD_U64, METRIC_COUNTER, "Messages that left the lane, delivered or dropped."),
    LANE(high_water_bytes, FIELD_U64, METRIC_GAUGE, "The most that the lane has used at once."),
    LANE(attached_ns, FIELD_I64, METRIC_NONE, "Time since the lane's last producer attached."),
    LANE(active_ns, FIELD_I64, METRIC_NONE, "Time since the lane's last producer was seen in a call."),
    LANE(blocked_for_ns, FIELD_I64, METRIC_GAUGE, "How long the lane's producer has waited for room."),
    LANE(full_times, FIELD_U64, METRIC_COUNTER, "Waits of the lane's producers for room."),
    LANE(blocked_ns, FIELD_U64, METRIC_COUNTER, "Time that the lane's producers waited for room."),
    LANE(sleeps, FIELD_U64, METRIC_COUNTER, "Sleeps of the lane's producers."),
    LANE(wake_ups, FIELD_U64, METRIC_COUNTER, "Sleeps of the lane's producers that a ring ended."),
    LANE(spurious, FIELD_U64, METRIC_COUNTER, "Sleeps of the lane's producers that were ended for nothing."),
    LANE(refused, FIELD_U64, METRIC_COUNTER, "Puts into the lane that failed because there was no room."),
    LANE(too_long, FIELD_U64, METRIC_COUNTER, "Messages for the lane that were longer than the largest."),
    LANE(dropped, FIELD_U64, METRIC_COUNTER, "Messages of the lane that were dropped."),
    LANE(dead_letters, FIELD_U64, METRIC_COUNTER, "Messages that the lane's producers gave up."),
    LANE(in_copy, FIELD_U32, METRIC_NONE,
         "In a copy, 1 if the lane's producer was alive, 2 if not, 3 if that is not known; 0: no copy."),
    {"state", FIELD_STATE, METRIC_NONE,
     "State of the lane's producer: running, blocked, stopped, dead or finished; in copy: not known.", 0, 0},
    BRIDGES(lane),
    {.name = NULL},
};

const struct field fields_seat[] = {
    SEAT(seat, FIELD_U32, METRIC_NONE, "Number of the seat."),
    SEAT(alive, FIELD_BOOL, METRIC_GAUGE, "1 if the seat's consumer is alive."),
    SEAT(waiting, FIELD_BOOL, METRIC_GAUGE, "1 if the seat's consumer is waiting for messages."),
    SEAT(holding, FIELD_BOOL, METRIC_GAUGE, "1 if a message is in the seat buffer."),
    SEAT(pid, FIELD_PID, METRIC_NONE, "Process of the seat's last consumer; 0: it left."),
    SEAT(program, FIELD_TEXT, METRIC_NONE, "Its program, up to 15 characters."),
    SEAT(lane, FIELD_U32, METRIC_NONE, "Lane of the messages that it has."),
    SEAT(position, FIELD_U64, METRIC_NONE, "Position of the first of them, in cells."),
    SEAT(leased, FIELD_U64, METRIC_GAUGE,
         "Messages that the seat's consumer has leased or holds, not acknowledged."),
    SEAT(attempts, FIELD_U32, METRIC_GAUGE, "Earlier attempts at the current message."),
    SEAT(delivered, FIELD_U64, METRIC_COUNTER, "Messages acknowledged from the seat."),
    SEAT(delivered_bytes, FIELD_U64, METRIC_COUNTER, "Payload acknowledged from the seat."),
    SEAT(aside, FIELD_BOOL, METRIC_GAUGE, "1 if the message in the seat buffer is put aside until it is due."),
    SEAT(aside_left_ns, FIELD_I64, METRIC_NONE,
         "Time until the message put aside is due; 0: it is due, or there is none."),
    SEAT(leased_ns, FIELD_I64, METRIC_GAUGE, "How long the seat's consumer has had what it has."),
    SEAT(attached_ns, FIELD_I64, METRIC_NONE, "Time since the seat's last consumer attached."),
    SEAT(active_ns, FIELD_I64, METRIC_NONE, "Time since the seat's last consumer was seen in a call."),
    SEAT(sleeps, FIELD_U64, METRIC_COUNTER, "Sleeps of the seat's consumers."),
    SEAT(wake_ups, FIELD_U64, METRIC_COUNTER, "Sleeps of the seat's consumers that a ring ended."),
    SEAT(spurious, FIELD_U64, METRIC_COUNTER, "Sleeps of the seat's consumers that were ended for nothing."),
    SEAT(failed, FIELD_U64, METRIC_COUNTER, "Attempts of the seat's consumers that failed."),
    SEAT(redelivered, FIELD_U64, METRIC_COUNTER, "Messages delivered to the seat again."),
    SEAT(adopted, FIELD_U64, METRIC_COUNTER, "Batches that the seat's consumers took over from dead ones."),
    SEAT(given_back, FIELD_U64, METRIC_COUNTER, "Batches that the seat's consumers gave back."),
    SEAT(put_aside, FIELD_U64, METRIC_COUNTER, "Times that the seat's consumers put a message aside."),
    SEAT(deaths, FIELD_U64, METRIC_COUNTER, "Deaths of the seat's consumers with something unfinished."),
    SEAT(dead_letters, FIELD_U64, METRIC_COUNTER, "Messages that the seat's consumers gave up."),
    SEAT(dropped, FIELD_U64, METRIC_COUNTER, "Messages that the seat's consumers left out."),
    SEAT(too_long, FIELD_U64, METRIC_COUNTER, "Messages too long for where the seat's consumers should put them."),
    SEAT(in_copy, FIELD_U32, METRIC_NONE,
         "In a copy, 1 if the seat's consumer was alive, 2 if not, 3 if that is not known; 0: no copy."),
    {"state", FIELD_STATE, METRIC_NONE,
     "State of the seat's consumer: running, asleep, aside, paused, stopped, dead, left, gone or finished; in "
     "copy: not known.",
     0, 0},
    BRIDGES(seat),
    {.name = NULL},
};

bool field_is_of_lanes(const struct field *field)
{
    static const char *const names[] = {
        "messages",   "leased",       "message_bytes", "put_messages", "put_bytes",
        "producers",  "unfinished",   "finished",      "oldest_ns",    "used_bytes",
        "room_bytes", "fill_percent", "blocked",       "acknowledged", "dropped",
        "refused",    "too_long",     "full_times",    "blocked_ns",   "high_water_bytes",
    };
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (strcmp(field->name, names[i]) == 0)
            return true;
    return false;
}

bool field_applies(const struct field *field, const void *object)
{
    uint64_t needed = 1;
    if (field->needs != 0)
        memcpy(&needed, (const char *)object + field->needs, sizeof(needed));
    return needed != 0;
}

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
    case FIELD_STATE:
    case FIELD_MADE:
    case FIELD_LIST:
        break;
    }
    return 0;
}

const char *field_text(const struct field *field, const void *object)
{
    return (const char *)object + field->offset;
}
