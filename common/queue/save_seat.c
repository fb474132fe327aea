/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "common/kernel/sparse.h"
#include "common/queue/intent.h"
#include "common/queue/liveness.h"
#include "common/queue/save.h"
#include "common/queue/seat.h"

#define TRIES 10000

union seat_copy {
    struct seat seat;
    uint64_t words[sizeof(struct seat) / sizeof(uint64_t)];
};

static uint64_t load(const shared_u64 *word)
{
    return atomic_load_explicit(word, memory_order_acquire);
}

static void store(shared_u64 *word, uint64_t value)
{
    atomic_store_explicit(word, value, memory_order_relaxed);
}

void save_read_delivered(struct save *save)
{
    for (uint32_t i = 0; i < handle_geometry(save->handle)->parameters.seats; i++) {
        const struct seat *s = &save->handle->seats[i];
        save->delivered[i] =
            (struct saved_delivered){.messages = load(&s->delivered), .bytes = load(&s->delivered_bytes)};
    }
    atomic_thread_fence(memory_order_acquire);
}

/* ------------------------------------------------------------------ what it has at one moment */

/* Whether it has the batch that its entry names. The batch of a lane that came after the copy began is not in it,
 * nor is the lane. */
static bool names_lease(const struct save *save, uint32_t seat, uint64_t lane_plus1, uint64_t position)
{
    if (lane_plus1 == 0 || !save_has_lane(save, lane_plus1 - 1))
        return false;
    const struct ring *ring = &save->handle->lanes[lane_plus1 - 1].ring;
    return position >= ring->cells && position <= ring->max_position && ring_is_leased(ring, position, seat);
}

/* A batch that is still leased under the same name is the same: no position is leased twice. */
static bool read_lease(const struct save *save, uint32_t seat, const struct seat *copy, struct saved_seat *found)
{
    const struct seat *s = &save->handle->seats[seat];
    const uint64_t lane = load(&copy->intent_lane);
    const uint64_t position = load(&copy->intent_position);
    if (!names_lease(save, seat, lane, position))
        return false;
    *found = (struct saved_seat){
        .work = SAVED_LEASE, .lane = (uint32_t)lane - 1, .position = position, .progress = load(&s->progress)};
    return names_lease(save, seat, lane, position) && load(&s->intent_lane) == lane &&
           load(&s->intent_position) == position;
}

/* The message stays in the buffer as long as the entry is the same. Only what the copy has no message for in the
 * ring counts: whatever was not leased when its lane was read is there. */
static int read_held(const struct save *save, uint32_t seat, const struct seat *copy, unsigned char *buffer,
                     struct saved_seat *found)
{
    const uint64_t lane = load(&copy->held_lane);
    const uint64_t position = load(&copy->held_position);
    const uint64_t bytes = (uint32_t)load(&copy->held_record[0]);
    const struct geometry *g = handle_geometry(save->handle);
    if (!save_has_lane(save, lane) || position >= save->lanes[lane].claim ||
        bytes > g->parameters.max_message_bytes)
        return 0;
    *found = (struct saved_seat){.work = SAVED_HELD, .lane = (uint32_t)lane, .position = position};
    return object_read(&save->handle->object, buffer, bytes, geometry_buffer_offset(g, seat));
}

static bool is_unchanged(const struct seat *shared, const struct seat *copy)
{
    atomic_thread_fence(memory_order_acquire);
    return load(&shared->held_valid) == load(&copy->held_valid) &&
           load(&shared->held_lane) == load(&copy->held_lane) &&
           load(&shared->held_position) == load(&copy->held_position) &&
           load(&shared->held_record[0]) == load(&copy->held_record[0]) &&
           load(&shared->held_due) == load(&copy->held_due) &&
           load(&shared->intent_lane) == load(&copy->intent_lane) &&
           load(&shared->intent_position) == load(&copy->intent_position);
}

/* Return: 0 if what was read was so at one moment; -EAGAIN to try again; -EBADMSG. */
static int read_once(const struct save *save, uint32_t seat, union seat_copy *copy, unsigned char *buffer,
                     struct saved_seat *found)
{
    const struct seat *s = &save->handle->seats[seat];
    *found = (struct saved_seat){.work = SAVED_NOTHING};
    save_load(copy->words, s, sizeof(*copy));
    atomic_thread_fence(memory_order_acquire);
    if (names_lease(save, seat, load(&copy->seat.intent_lane), load(&copy->seat.intent_position)))
        return read_lease(save, seat, &copy->seat, found) ? 0 : -EAGAIN;
    if (load(&copy->seat.held_valid) == 1) {
        const int error = read_held(save, seat, &copy->seat, buffer, found);
        if (error != 0)
            return error;
    }
    return is_unchanged(s, &copy->seat) ? 0 : -EAGAIN;
}

/* ------------------------------------------------------------------ its entry in the copy */

/* While its owner stores one, it stands for none. */
static void settle_intent(const struct save *save, uint32_t seat, struct write_intent *intent)
{
    const uint64_t turn = load(&intent->turn);
    const uint32_t lane = atomic_load_explicit(&intent->lane, memory_order_relaxed);
    if (intent_turn_pending(turn) &&
        (load(&save->handle->seats[seat].write_intent.turn) != turn || !save_has_lane(save, lane)))
        store(&intent->turn, turn + 1);
}

static int write_entry(const struct save *save, uint32_t seat, union seat_copy *copy, const unsigned char *buffer,
                       const struct saved_seat *found)
{
    const struct geometry *g = handle_geometry(save->handle);
    struct seat *s = &copy->seat;
    const uint64_t lane = load(&s->intent_lane);
    if (lane == 0 || !save_has_lane(save, lane - 1))
        store(&s->intent_lane, 0);
    if (found->work == SAVED_LEASE)
        store(&s->progress, found->progress);
    store(&s->held_valid, found->work == SAVED_HELD);
    store(&s->delivered, save->delivered[seat].messages);
    store(&s->delivered_bytes, save->delivered[seat].bytes);
    settle_intent(save, seat, &s->write_intent);
    save_life(save, &s->saved_life, liveness_seat_now(save->handle, seat));
    const int error = sparse_write(save->fd, copy->words, sizeof(*copy), handle_seat_byte(save->handle, seat));
    if (error != 0 || found->work != SAVED_HELD)
        return error;
    return sparse_write(save->fd, buffer, (uint32_t)load(&s->held_record[0]), geometry_buffer_offset(g, seat));
}

int save_seat(struct save *save, uint32_t seat, struct saved_seat *found)
{
    union seat_copy copy;
    unsigned char *buffer = malloc(handle_geometry(save->handle)->parameters.max_message_bytes);
    int error = buffer == NULL ? -ENOMEM : -EAGAIN;
    for (int tries = 0; error == -EAGAIN && tries < TRIES; tries++)
        error = read_once(save, seat, &copy, buffer, found);
    if (error == 0)
        error = write_entry(save, seat, &copy, buffer, found);
    free(buffer);
    return error;
}
