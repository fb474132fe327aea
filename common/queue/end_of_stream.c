/* SPDX-License-Identifier: MIT */
#include "common/queue/end_of_stream.h"

#include "common/kernel/byte_lock.h"
#include "common/kernel/clock.h"
#include "common/queue/events.h"
#include "common/queue/lane.h"
#include "common/queue/mapping.h"
#include "common/queue/waiting.h"

static uint64_t load(const shared_u64 *word)
{
    return atomic_load_explicit(word, memory_order_seq_cst);
}

/* Read in this order, each position can only have grown by the time the next is read. */
static bool positions_are_sane(const struct ring *ring)
{
    const uint64_t head = load(&ring->control->head);
    const uint64_t claim = load(&ring->control->claim);
    const uint64_t tail = load(&ring->control->tail);
    return head >= ring->cells && head <= claim && claim <= tail && tail <= ring->max_position &&
           (tail - head <= ring->cells || load(&ring->control->head) != head);
}

/*
 * Whether head can move on. If a leased batch blocks it, a seat must name that batch, so that the seat's owner, or
 * the consumer that takes over the seat, will finish it. Waiting for anything else would never end.
 */
static bool head_can_move(const struct shmq *handle, const struct ring *ring)
{
    const uint64_t head = load(&ring->control->head);
    const uint64_t claim = load(&ring->control->claim);
    const uint64_t word = load(&ring->leases[head & ring->mask]);
    if (head == claim || lease_word_done(word))
        return true;
    const uint32_t seat = lease_word_seat(ring->format, word);
    bool known = lease_word_lap(ring->format, word) == lease_lap_of(ring->format, head) &&
                 seat < handle_geometry(handle)->parameters.seats;
    if (known) {
        const struct seat *s = &handle->seats[seat];
        known = load(&s->intent_lane) == (uint64_t)ring->lane + 1 && load(&s->intent_position) == head;
    }
    /* Its holder may have finished meanwhile. */
    return known || load(&ring->control->head) != head || load(&ring->leases[head & ring->mask]) != word;
}

/* Moves head past batches that a dead consumer finished but did not reclaim. Return: 1 if drained; 0; -EBADMSG. */
static int lane_is_drained(struct shmq *handle, struct lane_view *view)
{
    const struct ring *ring = &view->ring;
    if (!positions_are_sane(ring) || !head_can_move(handle, ring))
        return -EBADMSG;
    if (ring_is_drained(ring))
        return 1;
    if (!handle->object.writable)
        return ring_done_position(ring) == load(&ring->control->tail) || ring_has_only_dropped(ring);
    const int error = ring_reclaim(ring);
    if (error != 0)
        return error;
    waiting_wake_producer(handle, view);
    return ring_is_drained(ring) || ring_has_only_dropped(ring);
}

/* A message in a seat's buffer has left the ring but is not acknowledged yet. */
static bool buffers_are_empty(const struct shmq *handle)
{
    for (uint32_t i = 0; i < handle_geometry(handle)->parameters.seats; i++)
        if (atomic_load_explicit(&handle->seats[i].held_valid, memory_order_acquire) == 1)
            return false;
    return true;
}

static int lanes_are_drained(struct shmq *handle)
{
    for (uint32_t i = 0; i < handle_geometry(handle)->parameters.lanes; i++) {
        struct lane_view *view;
        if (!handle_lane_used(handle, i))
            continue;
        int error = mapping_lane(handle, i, &view);
        if (error == 0)
            error = lane_is_drained(handle, view);
        if (error != 1)
            return events_lane_error(handle, i, error);
    }
    return 1;
}

/* Tails only grow, so their sum changes with each put. Return: 0; -ENOMEM. */
static int sum_tails(struct shmq *handle, uint64_t *sum)
{
    *sum = 0;
    for (uint32_t i = 0; i < handle_geometry(handle)->parameters.lanes; i++) {
        struct lane_view *view;
        if (!handle_lane_used(handle, i))
            continue;
        const int error = mapping_lane(handle, i, &view);
        if (error != 0)
            return error;
        *sum += load(&view->ring.control->tail);
    }
    return 0;
}

/*
 * A consumer may put what follows from a message into one lane, and then acknowledge the message in another. If
 * the first lane was looked at before and the second one afterwards, both are seen drained, although something was
 * left all the time. So what was seen counts only if nothing was put meanwhile.
 */
int end_of_stream_is_drained(struct shmq *handle)
{
    uint64_t before;
    uint64_t after;
    int error = sum_tails(handle, &before);
    if (error != 0)
        return error;
    const int drained = lanes_are_drained(handle);
    if (drained != 1)
        return drained;
    const bool empty = buffers_are_empty(handle);
    error = sum_tails(handle, &after);
    return error != 0 ? error : empty && before == after;
}

/* Whether an unfinished lane has been without an owner for the grace period. */
static bool is_abandoned(struct shmq *handle, uint32_t lane, struct lane_view *view)
{
    const int64_t grace_ns = handle->consumer.grace_ns;
    if (byte_lock_held(handle->object.fd, handle_lane_byte(handle, lane))) {
        view->dead_since_ns = 0;
        return false;
    }
    const int64_t now = clock_now_ns();
    const uint64_t owners = atomic_load_explicit(&view->ring.control->attached, memory_order_acquire);
    if (view->dead_since_ns == 0 || view->dead_attached != owners) { /* each death starts a new grace period */
        view->dead_since_ns = now;
        view->dead_attached = owners;
    }
    return grace_ns >= 0 && now - view->dead_since_ns >= grace_ns;
}

/* A mover's lane counts as finished while it has no owner: a dead mover does not hold up the end of the stream. */
static bool is_left_by_mover(const struct shmq *handle, uint32_t lane, const struct lane_view *view)
{
    return atomic_load_explicit(&view->ring.control->mover, memory_order_relaxed) != 0 &&
           !byte_lock_held(handle->object.fd, handle_lane_byte(handle, lane));
}

struct tally {
    uint64_t finishes;
    uint32_t abandoned;
    uint32_t open;
};

/* Counts the lanes that were ever used, by state. Return: 0; -EBADMSG; -ENOMEM. */
static int count_lanes(struct shmq *handle, struct tally *tally)
{
    for (uint32_t i = 0; i < handle_geometry(handle)->parameters.lanes; i++) {
        struct lane_view *view;
        if (!handle_lane_used(handle, i))
            continue;
        const int error = mapping_lane(handle, i, &view);
        if (error != 0)
            return error;
        const uint64_t life = atomic_load_explicit(&view->ring.control->life, memory_order_acquire);
        tally->finishes += lane_life_finishes(life);
        if (lane_life_state(life) != LANE_FINISHED && lane_life_state(life) != LANE_ACTIVE)
            return events_lane_error(handle, i, -EBADMSG); /* the life was erased: the content is lost */
        if (lane_life_state(life) == LANE_FINISHED)
            view->dead_since_ns = 0;
        else if (is_left_by_mover(handle, i, view))
            tally->finishes++;
        else if (is_abandoned(handle, i, view))
            tally->abandoned++;
        else
            tally->open++;
    }
    return 0;
}

int end_of_stream_state(struct shmq *handle)
{
    const bool draining = (handle_flags(handle) & FLAG_DRAIN) != 0;
    if (draining)
        waiting_heavy_barrier(handle); /* B1; pairs with B2 in publish: a put that we do not see yet will fail */
    struct tally tally = {0};
    /* Read lives before positions: a lane seen as finished gets no more messages after it is seen as drained. */
    const int error = count_lanes(handle, &tally);
    if (error != 0)
        return error;

    const bool enough = tally.finishes >= handle->consumer.producers;
    const bool ended = !handle->consumer.follow && tally.open == 0 && (enough || tally.abandoned > 0);
    if (!ended && !draining)
        return -EAGAIN;
    const int drained = end_of_stream_is_drained(handle);
    if (drained != 1)
        return drained == 0 ? -EAGAIN : drained;
    if (ended)
        return tally.abandoned > 0 ? -EOWNERDEAD : -ENODATA;
    return -ESHUTDOWN;
}

bool end_of_stream_is_near(const struct shmq *handle)
{
    const struct consumer_side *c = &handle->consumer;
    uint64_t finishes = 0;
    if ((handle_flags(handle) & FLAG_DRAIN) != 0)
        return true;
    if (c->follow)
        return false;
    for (uint32_t i = 0; i < c->active.count; i++) {
        const struct ring *ring = &handle->lanes[c->active.lanes[i]].ring;
        const uint64_t life = atomic_load_explicit(&ring->control->life, memory_order_acquire);
        if (lane_life_state(life) != LANE_FINISHED)
            return false;
        finishes += lane_life_finishes(life);
    }
    return finishes >= c->producers;
}
