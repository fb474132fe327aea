/* SPDX-License-Identifier: MIT */
#include "common/stream.h"

#include "common/byte_lock.h"
#include "common/clock.h"
#include "common/lane.h"
#include "common/view.h"
#include "common/waiting.h"

/* Moves head over what a dead consumer finished but did not reclaim. Return: 1 drained; 0; -EBADMSG. */
static int lane_is_drained(struct shmq *handle, struct lane_view *view)
{
    /* In this order head cannot be beyond tail. */
    const uint64_t head = atomic_load_explicit(&view->ring.control->head, memory_order_acquire);
    if (head > atomic_load_explicit(&view->ring.control->tail, memory_order_acquire))
        return -EBADMSG;
    if (ring_is_drained(&view->ring))
        return 1;
    if (!handle->object.writable)
        return ring_done_position(&view->ring) ==
               atomic_load_explicit(&view->ring.control->tail, memory_order_acquire);
    const int error = ring_reclaim(&view->ring);
    if (error != 0)
        return error;
    waiting_wake_producer(handle, view);
    return ring_is_drained(&view->ring);
}

/* A message in a seat's buffer has left the ring, but is not acknowledged. */
static bool hands_are_empty(const struct shmq *handle)
{
    for (uint32_t i = 0; i < handle_geometry(handle)->parameters.seats; i++)
        if (atomic_load_explicit(&handle->seats[i].hand_valid, memory_order_acquire) == 1)
            return false;
    return true;
}

int stream_is_drained(struct shmq *handle)
{
    for (uint32_t i = 0; i < handle_geometry(handle)->parameters.lanes; i++) {
        struct lane_view *view;
        if (!handle_lane_used(handle, i))
            continue;
        int error = view_lane(handle, i, &view);
        if (error == 0)
            error = lane_is_drained(handle, view);
        if (error != 1)
            return error;
    }
    return hands_are_empty(handle);
}

/* Whether nobody has owned an unfinished lane for the time of grace. */
static bool is_abandoned(struct shmq *handle, uint32_t lane, struct lane_view *view)
{
    const int64_t grace_ns = handle->consumer.grace_ns;
    if (byte_lock_held(handle->object.fd, handle_lane_byte(handle, lane))) {
        view->dead_since_ns = 0;
        return false;
    }
    const int64_t now = clock_now_ns();
    if (view->dead_since_ns == 0)
        view->dead_since_ns = now;
    return grace_ns >= 0 && now - view->dead_since_ns >= grace_ns;
}

struct tally {
    uint64_t finishes;
    uint32_t abandoned;
    uint32_t open;
};

/* Looks at every lane that was ever used. Return: 0; -EBADMSG; -ENOMEM. */
static int count_lanes(struct shmq *handle, struct tally *tally)
{
    for (uint32_t i = 0; i < handle_geometry(handle)->parameters.lanes; i++) {
        struct lane_view *view;
        if (!handle_lane_used(handle, i))
            continue;
        const int error = view_lane(handle, i, &view);
        if (error != 0)
            return error;
        const uint64_t life = atomic_load_explicit(&view->ring.control->life, memory_order_acquire);
        tally->finishes += lane_life_finishes(life);
        if (lane_life_state(life) == LANE_FINISHED)
            view->dead_since_ns = 0;
        else if (is_abandoned(handle, i, view))
            tally->abandoned++;
        else
            tally->open++;
    }
    return 0;
}

int stream_state(struct shmq *handle)
{
    const bool draining = (handle_flags(handle) & FLAG_DRAIN) != 0;
    struct tally tally = {0};
    /* Lives before positions: a lane that is seen finished puts no more after it is seen drained. */
    const int error = count_lanes(handle, &tally);
    if (error != 0)
        return error;

    const bool came = tally.finishes >= handle->consumer.producers;
    const bool ended = !handle->consumer.follow && tally.open == 0 && (came || tally.abandoned > 0);
    if (!ended && !draining)
        return -EAGAIN;
    const int drained = stream_is_drained(handle);
    if (drained != 1)
        return drained == 0 ? -EAGAIN : drained;
    if (ended)
        return tally.abandoned > 0 ? -EOWNERDEAD : -ENODATA;
    return -ESHUTDOWN;
}
