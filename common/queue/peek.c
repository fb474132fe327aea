/* SPDX-License-Identifier: MIT */
/*
 * Shows messages without taking them: copies each, then checks that it was still there after the copy.
 *
 * A message stays where it is in the ring until head passes it. In a seat buffer it stays as long as the seat's
 * entry names it. A message moves only from the ring to a seat buffer, and is in both for a moment. So the ring is
 * walked in order, and before each message those in seat buffers that come before it are looked for; whatever is
 * at or beyond .next has not been shown yet.
 */
#include <stdlib.h>

#include "common/kernel/byte_lock.h"
#include "common/queue/due.h"
#include "common/queue/life_in_copy.h"
#include "common/queue/mapping.h"
#include "common/queue/message.h"
#include "common/queue/owner_info.h"
#include "common/queue/seat.h"
#include "common/queue/walk.h"

struct peek {
    struct shmq *handle;
    const struct ring *ring;
    shmq_peek_visitor *visit;
    void *context;
    uint64_t next;       /* messages before this position have been shown, or were gone */
    unsigned char *copy; /* of the present message */
    size_t copy_bytes;   /* room there */
    bool stopped;        /* by the visitor */
    int result;          /* why the walk was stopped */
};

static uint64_t load(const shared_u64 *word)
{
    return atomic_load_explicit(word, memory_order_acquire);
}

/* ------------------------------------------------------------------ copying */

static int make_room(struct peek *peek, size_t bytes)
{
    const size_t room = (bytes / CELL_BYTES + 1) * CELL_BYTES; /* never 0: an empty message has an address, too */
    if (room <= peek->copy_bytes)
        return 0;
    unsigned char *fresh = aligned_alloc(CELL_BYTES, room);
    if (fresh == NULL)
        return -ENOMEM;
    free(peek->copy);
    peek->copy = fresh;
    peek->copy_bytes = room;
    return 0;
}

/* Copies a message from the ring, where it may go around the end of the arena. */
static int copy_from_ring(struct peek *peek, uint64_t position, uint64_t bytes)
{
    const struct geometry *g = handle_geometry(peek->handle);
    const uint64_t arena = geometry_lane_offset(g, peek->ring->lane) + g->arena_offset;
    const uint64_t at = (position & peek->ring->mask) << CELL_SHIFT;
    const uint64_t rest = g->parameters.capacity_bytes - at;
    const uint64_t first = bytes < rest ? bytes : rest;
    int error = make_room(peek, bytes);
    if (error == 0)
        error = object_read(&peek->handle->object, peek->copy, first, arena + at);
    if (error == 0)
        error = object_read(&peek->handle->object, peek->copy + first, bytes - first, arena);
    return error;
}

/* ------------------------------------------------------------------ showing */

static void describe_seat(const struct shmq *handle, uint32_t seat, struct shmq_peeked *peeked)
{
    const struct seat *s = &handle->seats[seat];
    peeked->taken = true;
    peeked->seat = seat;
    peeked->alive =
        handle_owns_seat(handle, seat) || byte_lock_held(handle->object.fd, handle_seat_byte(handle, seat));
    peeked->in_copy = life_in_copy(handle, &s->saved_life);
    peeked->pid = (pid_t)atomic_load_explicit(&s->pid, memory_order_relaxed);
    owner_info_read(peeked->program, s->program);
}

/* Of a message in the seat's buffer. */
static void describe_aside(const struct shmq *handle, const struct seat *s, struct shmq_peeked *peeked)
{
    peeked->aside = !peeked->alive && peeked->in_copy != SHMQ_IN_COPY_ALIVE && aside_due_ns(s) != 0;
    peeked->aside_left_ns = peeked->aside ? aside_left_ns(s, handle_now_ns(handle)) : 0;
}

/* @progress: of the seat, as of this message. */
static void describe_delivery(uint64_t progress, bool first, const struct shmq_peeked *peeked,
                              struct shmq_message *message)
{
    const uint32_t attempts = progress_attempts(progress);
    message->attempts = first ? attempts : 0;
    message->redelivered = attempts > 0 || (progress & PROGRESS_RETURNED) != 0 ||
                           !(peeked->alive || peeked->in_copy == SHMQ_IN_COPY_ALIVE);
}

/* Calls the visitor with the copied message. Return: 0; -EBADMSG; what the visitor returned. */
static int show(struct peek *peek, uint64_t word, struct shmq_message *message, struct shmq_peeked *peeked)
{
    const struct record_head head = record_unpack(word);
    message->data = peek->copy;
    message->length = (uint32_t)word;
    message->lane = peek->ring->lane;
    message->frame = head.frame;
    message->delimiter = head.delimiter;
    if (!message_set_headers_apart(message, word))
        return -EBADMSG;
    peeked->size = sizeof(*peeked);
    peeked->message = message;
    peek->next = message->position + 1;
    const int result = peek->visit(peek->context, peeked);
    peek->stopped = result != 0;
    return result;
}

/* ------------------------------------------------------------------ messages in seat buffers */

struct held {
    uint64_t position;
    uint64_t word;
    uint64_t stream_offset;
    uint64_t attempts;
    uint32_t seat;
};

/* Return: 1 if the seat holds a message of the lane in its buffer, as its entry says now; 0; -EBADMSG, -ENOMEM. */
static int read_held(const struct peek *peek, uint32_t seat, struct held *held)
{
    const struct seat *s = &peek->handle->seats[seat];
    struct seat_held fields;
    if (load(&s->held_valid) != 1 || load(&s->held_lane) != peek->ring->lane)
        return 0;
    const bool valid = seat_read_held(peek->handle, seat, &fields);
    *held = (struct held){.position = fields.position,
                          .word = fields.word,
                          .stream_offset = load(&s->held_record[1]),
                          .attempts = load(&s->held_attempts),
                          .seat = seat};
    const int work = seat_work(peek->handle, seat);
    if (work != SEAT_HELD)
        return work < 0 ? work : 0;
    return valid ? 1 : -EBADMSG;
}

/* The first one from .next to @end. Return: 1; 0 if there is none; -EBADMSG; -ENOMEM. */
static int find_held(const struct peek *peek, uint64_t end, struct held *first)
{
    int found = 0;
    for (uint32_t i = 0; i < handle_geometry(peek->handle)->parameters.seats; i++) {
        struct held held;
        const int result = read_held(peek, i, &held);
        if (result < 0)
            return result;
        if (result == 0 || held.position < peek->next || held.position >= end ||
            (found != 0 && held.position >= first->position))
            continue;
        *first = held;
        found = 1;
    }
    return found;
}

static bool still_holds(const struct peek *peek, const struct held *held)
{
    struct held now;
    atomic_thread_fence(memory_order_acquire); /* after the copy */
    return read_held(peek, held->seat, &now) == 1 && now.position == held->position && now.word == held->word;
}

static int show_held(struct peek *peek, const struct held *held)
{
    const uint64_t bytes = (uint32_t)held->word;
    const struct geometry *g = handle_geometry(peek->handle);
    struct shmq_peeked peeked = {.held = true};
    struct shmq_message message = {.position = held->position, .stream_offset = held->stream_offset};
    if (bytes > g->parameters.max_message_bytes || held->position == UINT64_MAX)
        return -EBADMSG;
    int error = make_room(peek, bytes);
    if (error == 0)
        error = object_read(&peek->handle->object, peek->copy, bytes, geometry_buffer_offset(g, held->seat));
    peek->next = held->position + 1;
    if (!still_holds(peek, held))
        return 0;
    if (error != 0)
        return error;
    describe_seat(peek->handle, held->seat, &peeked);
    describe_aside(peek->handle, &peek->handle->seats[held->seat], &peeked);
    describe_delivery(held->attempts, true, &peeked, &message);
    return show(peek, held->word, &message, &peeked);
}

/* Shows the messages in seat buffers from .next to @end. */
static int show_held_before(struct peek *peek, uint64_t end)
{
    struct held held = {0};
    int result;
    while ((result = find_held(peek, end, &held)) == 1) {
        result = show_held(peek, &held);
        if (result != 0)
            return result;
    }
    return result;
}

/* ------------------------------------------------------------------ messages in the ring */

static int show_record(struct peek *peek, const struct walk_record *record)
{
    struct shmq_peeked peeked = {0};
    const struct ring *ring = peek->ring;
    const uint64_t position = record->position;
    struct shmq_message message = {.position = position,
                                   .stream_offset = load(&ring_record(ring, position)->stream_offset)};
    int error = show_held_before(peek, position);
    if (error != 0 || position < peek->next)
        return error;
    error = copy_from_ring(peek, position, (uint32_t)record->word);
    if (record->seat != WALK_NOBODY) {
        describe_seat(peek->handle, record->seat, &peeked);
        describe_delivery(load(&peek->handle->seats[record->seat].progress), record->first, &peeked, &message);
    }
    atomic_thread_fence(memory_order_acquire); /* after the copy */
    if (load(&ring->control->head) > position) /* it may be something else by now */
        return 0;
    return error != 0 ? error : show(peek, record->word, &message, &peeked);
}

static bool visit_record(void *context, const struct walk_record *record)
{
    struct peek *peek = context;
    peek->result = show_record(peek, record);
    return peek->result == 0;
}

static int peek_lane(struct peek *peek)
{
    struct walk walk = {0};
    int result = walk_messages(peek->handle, peek->ring, &walk, visit_record, peek);
    /* Cannot occur: -EAGAIN (what could be seen is shown then). */
    if (walk.stopped)
        result = peek->result;
    if (peek->stopped || result == -ENOMEM)
        return result;
    const int held = show_held_before(peek, walk.tail);    /* and no later ones, so that this ends */
    if (peek->stopped || result == 0 || result == -EAGAIN) /* -EAGAIN: the lane changes too fast to see more */
        return held;
    return result;
}

int shmq_peek(struct shmq *handle, uint32_t lane, shmq_peek_visitor *visit, void *context)
{
    struct lane_view *view;
    int error = handle_check_any(handle);
    if (error == 0 && (visit == NULL || lane >= handle_geometry(handle)->parameters.lanes))
        error = -EINVAL;
    if (error != 0)
        return error;
    const int otherwise = object_is_whole(&handle->object) ? 0 : -EBADMSG;
    if (!handle_lane_used(handle, lane))
        return otherwise;
    error = mapping_lane(handle, lane, &view);
    if (error != 0)
        return error;
    struct peek peek = {.handle = handle, .ring = &view->ring, .visit = visit, .context = context};
    error = peek_lane(&peek);
    free(peek.copy);
    return error != 0 ? error : otherwise;
}
