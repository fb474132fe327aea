/* SPDX-License-Identifier: MIT */
#include "common/queue/intent.h"

#include <stdlib.h>

#include "common/queue/batch.h"
#include "common/queue/events.h"
#include "common/queue/mapping.h"
#include "common/queue/message.h"

/* Where the messages of a write intent are. */
enum intent_place {
    PLACE_NONE, /* nowhere: acknowledged, or damaged */
    PLACE_RING,
    PLACE_BUFFER,
};

/* A private copy of a write intent, and where its messages were found. */
struct intent_found {
    uint64_t turn;
    struct shmq_write_intent intent;
    uint64_t start;
    uint64_t position;
    uint32_t lane;
    uint32_t seat;
    uint32_t first;
    enum intent_place place;
};

static uint64_t load(const shared_u64 *word)
{
    return atomic_load_explicit(word, memory_order_relaxed);
}

static uint32_t load_narrow(const shared_u32 *word)
{
    return atomic_load_explicit(word, memory_order_relaxed);
}

/* ------------------------------------------------------------------ validity */

static bool file_is_valid(const struct shmq_write_intent *intent)
{
    return intent->bytes != 0 && intent->offset <= INT64_MAX && intent->bytes <= INT64_MAX - intent->offset;
}

static bool batch_is_valid(const struct shmq *handle, const struct intent_found *f)
{
    const struct geometry *g = handle_geometry(handle);
    return f->lane < g->parameters.lanes && handle_lane_used(handle, f->lane) && f->seat < g->parameters.seats &&
           f->start >= g->cells && f->start <= g->max_position && f->position >= f->start &&
           f->position - f->start < g->cells && f->intent.count >= 1 && f->intent.count <= SHMQ_PREFETCH_MAX &&
           f->first <= SHMQ_PREFETCH_MAX - f->intent.count;
}

/* ------------------------------------------------------------------ the write intent in the seat */

/*
 * Stores a write intent. Returns its turn. Crash: turn is even until the intent is complete.
 * If another process clears the replaced intent meanwhile, it leaves the even turn that is stored first here.
 */
static uint64_t store_intent(struct write_intent *to, const struct intent_found *f)
{
    const uint64_t before = load(&to->turn);
    const uint64_t unwritten = before + (before & 1);
    atomic_store_explicit(&to->turn, unwritten, memory_order_relaxed);
    atomic_thread_fence(memory_order_release);
    atomic_store_explicit(&to->device, f->intent.device, memory_order_relaxed);
    atomic_store_explicit(&to->inode, f->intent.inode, memory_order_relaxed);
    atomic_store_explicit(&to->offset, f->intent.offset, memory_order_relaxed);
    atomic_store_explicit(&to->bytes, f->intent.bytes, memory_order_relaxed);
    atomic_store_explicit(&to->format, f->intent.format, memory_order_relaxed);
    atomic_store_explicit(&to->start, f->start, memory_order_relaxed);
    atomic_store_explicit(&to->position, f->position, memory_order_relaxed);
    atomic_store_explicit(&to->lane, f->lane, memory_order_relaxed);
    atomic_store_explicit(&to->seat, f->seat, memory_order_relaxed);
    atomic_store_explicit(&to->first, f->first, memory_order_relaxed);
    atomic_store_explicit(&to->count, f->intent.count, memory_order_relaxed);
    atomic_store_explicit(&to->turn, unwritten + 1, memory_order_release);
    return unwritten + 1;
}

/* Copies a pending write intent. Return: false if there is none, or it changes meanwhile. */
static bool load_intent(const struct write_intent *from, struct intent_found *f)
{
    f->turn = atomic_load_explicit(&from->turn, memory_order_acquire);
    if (!intent_turn_pending(f->turn))
        return false;
    f->intent.device = load(&from->device);
    f->intent.inode = load(&from->inode);
    f->intent.offset = load(&from->offset);
    f->intent.bytes = load(&from->bytes);
    f->intent.format = load(&from->format);
    f->intent.count = load_narrow(&from->count);
    f->start = load(&from->start);
    f->position = load(&from->position);
    f->lane = load_narrow(&from->lane);
    f->seat = load_narrow(&from->seat);
    f->first = load_narrow(&from->first);
    f->place = PLACE_NONE;
    atomic_thread_fence(memory_order_acquire);
    return load(&from->turn) == f->turn;
}

/* By now, the seat may have another owner, which stores a write intent of its own: that one stays. */
static void clear_intent(struct write_intent *intent, uint64_t turn)
{
    (void)atomic_compare_exchange_strong_explicit(&intent->turn, &turn, turn + 1, memory_order_release,
                                                  memory_order_relaxed);
}

bool intent_is_valid(const struct shmq *handle, uint32_t seat)
{
    struct intent_found f;
    return !load_intent(&handle->seats[seat].write_intent, &f) ||
           (file_is_valid(&f.intent) && batch_is_valid(handle, &f));
}

/* ------------------------------------------------------------------ setting and clearing */

static int set(struct shmq *handle, const struct shmq_write_intent *intent)
{
    struct consumer_side *c = &handle->consumer;
    const struct batch *b = &c->batch;
    if (intent->count == 0 || intent->count > b->handed - b->done || !file_is_valid(intent))
        return -EINVAL;
    const struct intent_found f = {
        .intent = *intent,
        .start = b->start,
        .position = batch_oldest_position(handle),
        .lane = b->view->ring.lane,
        .seat = b->seat,
        .first = b->done,
    };
    c->write_turn = store_intent(&handle->seats[c->seat].write_intent, &f);
    return 0;
}

int shmq_set_write_intent(struct shmq *handle, const struct shmq_write_intent *intent)
{
    const int error = handle_check(handle, SHMQ_CONSUMER);
    if (error != 0)
        return error;
    if (intent != NULL)
        return set(handle, intent);
    struct consumer_side *c = &handle->consumer;
    if (c->write_turn != 0)
        clear_intent(&handle->seats[c->seat].write_intent, c->write_turn);
    c->write_turn = 0;
    return 0;
}

/* ------------------------------------------------------------------ finding the messages */

/* Whether the first @done records of the batch were dropped, as far as they are the write intent's: its seat has
 * stepped over them, and acknowledged none. */
static bool are_stepped_over(const struct ring *ring, const struct intent_found *f, uint32_t done)
{
    const uint64_t lease = atomic_load_explicit(&ring->leases[f->start & ring->mask], memory_order_relaxed);
    const uint64_t end = f->start + lease_word_span(ring->format, lease);
    uint64_t position = f->start;
    for (uint32_t i = 0; i < done; i++) {
        uint64_t word;
        if (!ring_read_word(ring, position, end, &word) || (i >= f->first && !record_is_dropped(word)))
            return false;
        position += record_cells(word);
    }
    atomic_thread_fence(memory_order_acquire);
    return ring_is_leased(ring, f->start, f->seat); /* so these were its records */
}

/* While the lease word says LEASED, the records stay; while progress stays, none of them is acknowledged. */
static bool is_in_ring(const struct shmq *handle, const struct ring *ring, const struct intent_found *f)
{
    const struct seat *s = &handle->seats[f->seat];
    if (!ring_is_leased(ring, f->start, f->seat) || load(&s->intent_lane) != (uint64_t)f->lane + 1 ||
        load(&s->intent_position) != f->start)
        return false;
    const uint32_t done = progress_done(load(&s->progress));
    return done == f->first || (done > f->first && are_stepped_over(ring, f, done));
}

/* Positions are unique, so the position of the message in the buffer tells whether it is still the same one. */
static bool is_in_buffer(const struct shmq *handle, const struct intent_found *f)
{
    const struct seat *s = &handle->seats[f->seat];
    return f->intent.count == 1 && atomic_load_explicit(&s->held_valid, memory_order_acquire) == 1 &&
           load(&s->held_lane) == f->lane && load(&s->held_position) == f->position;
}

static bool is_in_place(const struct shmq *handle, const struct intent_found *f)
{
    return f->place == PLACE_RING     ? is_in_ring(handle, &handle->lanes[f->lane].ring, f)
           : f->place == PLACE_BUFFER ? is_in_buffer(handle, f)
                                      : false;
}

/* Return: false if a record or its header block is invalid. */
static bool gather_from_ring(const struct shmq *handle, const struct ring *ring, const struct intent_found *f,
                             struct shmq_message *messages)
{
    const uint64_t lease = atomic_load_explicit(&ring->leases[f->start & ring->mask], memory_order_relaxed);
    const uint64_t end = f->start + lease_word_span(ring->format, lease);
    uint64_t position = f->start;
    for (uint32_t i = 0; i < f->first + f->intent.count; i++) {
        uint64_t word;
        if (!ring_read_word(ring, position, end, &word) || (i == f->first && position != f->position))
            return false;
        if (i >= f->first) {
            struct shmq_message *message = &messages[i - f->first];
            word = record_undropped(word); /* if it was dropped, it was written all the same */
            *message = message_of_record(ring_payload(ring, position), word, f->lane, position);
            message->redelivered = true;
            message->stream_offset = load(&ring_record(ring, position)->stream_offset);
            if (!message_set_headers_apart(message, word))
                return false;
        }
        position += record_cells(word);
    }
    messages[0].attempts = progress_attempts(load(&handle->seats[f->seat].progress));
    return true;
}

/* Return: 0; -ENOENT if the message is invalid; -ENOSPC; -ENOMEM. */
static int gather_from_buffer(struct shmq *handle, const struct ring *ring, const struct intent_found *f,
                              struct shmq_message *message)
{
    const struct seat *s = &handle->seats[f->seat];
    const uint64_t word = load(&s->held_record[0]);
    unsigned char *base;
    if (!record_is_valid(ring, f->position, word))
        return -ENOENT;
    const int error = mapping_seat_buffer(handle, f->seat, (uint32_t)word, &base);
    if (error != 0)
        return error;
    *message = message_of_record(base, word, f->lane, f->position);
    message->redelivered = true;
    message->stream_offset = load(&s->held_record[1]);
    message->attempts = progress_attempts(load(&s->held_attempts));
    return message_set_headers_apart(message, word) ? 0 : -ENOENT;
}

/*
 * Finds the messages, and sets place if they are all intact. Meanwhile they may be acknowledged and overwritten,
 * or moved from the ring to the buffer, but never back. So the ring is checked before the buffer, and each is
 * checked again after reading. Return: 0; -ENOMEM, -ENOSPC.
 */
static int gather(struct shmq *handle, struct intent_found *f, struct shmq_message *messages)
{
    struct lane_view *view;
    int error = mapping_lane(handle, f->lane, &view);
    if (error != 0)
        return error;
    if (is_in_ring(handle, &view->ring, f) && gather_from_ring(handle, &view->ring, f, messages)) {
        atomic_thread_fence(memory_order_acquire);
        if (is_in_ring(handle, &view->ring, f)) {
            f->place = PLACE_RING;
            return 0;
        }
    }
    if (!is_in_buffer(handle, f))
        return 0;
    error = gather_from_buffer(handle, &view->ring, f, messages);
    atomic_thread_fence(memory_order_acquire);
    if (error == 0 && is_in_buffer(handle, f))
        f->place = PLACE_BUFFER;
    return error == -ENOENT ? 0 : error;
}

/* ------------------------------------------------------------------ visiting */

bool shmq_intent_holds(const struct shmq *handle)
{
    if (handle_check(handle, SHMQ_CONSUMER) != 0 || handle->consumer.visited == NULL)
        return false;
    atomic_thread_fence(memory_order_acquire); /* orders the caller's reads before the check */
    return is_in_place(handle, handle->consumer.visited);
}

/* Visits the write intent of a seat by its private copy. */
static int visit_found(struct shmq *handle, uint32_t seat, struct intent_found *f, shmq_intent_visitor *visit,
                       void *context)
{
    if (!file_is_valid(&f->intent) || !batch_is_valid(handle, f))
        return events_seat_error(handle, seat, -EBADMSG);
    struct shmq_message *messages = malloc(f->intent.count * sizeof(*messages));
    if (messages == NULL)
        return -ENOMEM;
    int result = gather(handle, f, messages);
    if (result == 0) {
        const bool there = f->place != PLACE_NONE;
        handle->consumer.visited = f;
        result = visit(context, &f->intent, there ? messages : NULL, there ? f->intent.count : 0);
        handle->consumer.visited = NULL;
    }
    free(messages);
    return result;
}

int shmq_visit_write_intents(struct shmq *handle, uint64_t device, uint64_t inode, shmq_intent_visitor *visit,
                             void *context)
{
    const int error = handle_check(handle, SHMQ_CONSUMER);
    if (error != 0)
        return error;
    if (visit == NULL || handle->consumer.visited != NULL)
        return -EINVAL;
    for (uint32_t i = 0; i < handle_geometry(handle)->parameters.seats; i++) {
        struct write_intent *intent = &handle->seats[i].write_intent;
        struct intent_found found;
        /* The copy of a live consumer's intent may mix two, for other files; one for this file cannot change. */
        if (!load_intent(intent, &found) || found.intent.device != device || found.intent.inode != inode)
            continue;
        const int result = visit_found(handle, i, &found, visit, context);
        if (result != 0)
            return result;
        clear_intent(intent, found.turn);
    }
    return 0;
}
