/* SPDX-License-Identifier: MIT */
/*
 * Dropping a message: it is marked in its descriptor, and consumers step over it.
 *
 * Consumers copy descriptors before they lease the batch. So the mark alone is not enough, and the lease words are
 * looked at after it: a message that is still unclaimed then is dropped for sure (see ring_drop). One that a
 * consumer has leased meanwhile may be delivered, and may be stepped over by that consumer's successor; it is
 * never reported as dropped.
 *
 * What a dead consumer left is its seat's, and whoever holds the seat's byte acts for it: a message in a batch is
 * marked there, and one in the seat's buffer is made void.
 */
#include "common/kernel/byte_lock.h"
#include "common/kernel/clock.h"
#include "common/queue/count.h"
#include "common/queue/events.h"
#include "common/queue/mapping.h"
#include "common/queue/observe.h"
#include "common/queue/seat.h"
#include "common/queue/waiting.h"

#define DROP_TRIES 64
#define SEAT_LOCK_WAIT_NS INT64_C(10000000) /* another process may look at a dead one's seat for a moment */

struct drop {
    struct shmq *handle;
    const struct ring *ring;
    uint64_t position;
};

static uint64_t load(const shared_u64 *word)
{
    return atomic_load_explicit(word, memory_order_acquire);
}

/* Return: 0 with the seat's byte locked; -EBUSY if a live process has it; other system errors. */
static int lock_seat(const struct shmq *handle, uint32_t seat)
{
    const int64_t deadline = clock_deadline(SEAT_LOCK_WAIT_NS);
    int error;
    while ((error = byte_lock_try(handle->object.fd, handle_seat_byte(handle, seat))) == -EAGAIN) {
        if (clock_now_ns() >= deadline)
            return -EBUSY;
        clock_sleep_until(clock_now_ns() + 1000000);
    }
    return error;
}

static void unlock_seat(const struct shmq *handle, uint32_t seat)
{
    byte_lock_release(handle->object.fd, handle_seat_byte(handle, seat));
}

/* ------------------------------------------------------------------ in a seat's buffer */

static bool is_held_by(const struct drop *drop, uint32_t seat)
{
    const struct seat *s = &drop->handle->seats[seat];
    return load(&s->held_valid) == 1 && load(&s->held_lane) == drop->ring->lane &&
           load(&s->held_position) == drop->position && seat_work(drop->handle, seat) == SEAT_HELD;
}

/* Return: 0; -EAGAIN if it is gone meanwhile; -EBUSY; other system errors. */
static int drop_from_buffer(const struct drop *drop, uint32_t seat)
{
    struct shmq *handle = drop->handle;
    const int error = lock_seat(handle, seat);
    if (error != 0)
        return error;
    const bool held = is_held_by(drop, seat);
    if (held)
        atomic_store_explicit(&handle->seats[seat].held_valid, 0, memory_order_seq_cst);
    unlock_seat(handle, seat);
    if (held)
        waiting_wake_all_consumers(handle); /* it may have been what the end of the stream waited for */
    return held ? 0 : -EAGAIN;
}

/* A message moves from the ring to a buffer, never back: so it is there, or gone. */
static int drop_held(const struct drop *drop)
{
    for (uint32_t i = 0; i < handle_geometry(drop->handle)->parameters.seats; i++)
        if (is_held_by(drop, i))
            return drop_from_buffer(drop, i);
    return -ENOMSG;
}

/* ------------------------------------------------------------------ in the ring */

/* How many records of a batch its seat has acknowledged; 0 if the seat no longer names the batch. */
static uint32_t acknowledged(const struct drop *drop, const struct ring_place *place)
{
    const struct seat *s = &drop->handle->seats[place->seat];
    if (load(&s->intent_lane) != (uint64_t)drop->ring->lane + 1 || load(&s->intent_position) != place->start)
        return 0;
    return progress_done(load(&s->progress));
}

/* Before a message is marked: from now on, nobody counts the lane's messages by its marks up to there. */
static void announce_drop(const struct drop *drop)
{
    shared_u64 *const drop_end = &drop->ring->control->drop_end;
    uint64_t end = atomic_load_explicit(drop_end, memory_order_relaxed);
    while (end <= drop->position &&
           !atomic_compare_exchange_weak_explicit(drop_end, &end, drop->position + 1, memory_order_seq_cst,
                                                  memory_order_relaxed))
        continue;
}

/* Return: 0; -ENOMSG; -EAGAIN to look again; -EBUSY if a live consumer has it; other system errors. */
static int drop_leased(const struct drop *drop, const struct ring_place *place, uint64_t word, uint64_t index)
{
    if (place->seat >= handle_geometry(drop->handle)->parameters.seats)
        return -EBADMSG;
    if (index < acknowledged(drop, place))
        return -ENOMSG;
    int error = lock_seat(drop->handle, place->seat);
    if (error != 0)
        return error;
    if (!ring_is_leased(drop->ring, place->start, place->seat))
        error = -EAGAIN;
    else if (index < acknowledged(drop, place) || record_is_dropped(word))
        error = -ENOMSG;
    else if (!ring_drop(drop->ring, drop->position, word))
        error = -EAGAIN;
    unlock_seat(drop->handle, place->seat);
    return error;
}

/* Return: 0; -ENOMSG if it was dropped before; -EAGAIN to look again; -EBUSY if a consumer took it meanwhile. */
static int drop_unclaimed(const struct drop *drop, uint64_t word)
{
    struct ring_place now;
    if (!ring_drop(drop->ring, drop->position, word))
        return -EAGAIN;
    const int error = ring_locate(drop->ring, drop->position, &now);
    if (error != 0)
        return error;
    if (now.state != RING_UNCLAIMED)
        return -EBUSY;
    return record_is_dropped(word) ? -ENOMSG : 0;
}

static int drop_once(const struct drop *drop)
{
    struct ring_place place;
    uint64_t word;
    uint64_t index;
    int error = ring_locate(drop->ring, drop->position, &place);
    if (error == 0 && place.state == RING_DONE)
        return drop_held(drop);
    if (error == 0)
        error = ring_find_record(drop->ring, &place, drop->position, &word, &index);
    if (error != 0)
        return error;
    announce_drop(drop);
    return place.state == RING_LEASED ? drop_leased(drop, &place, word, index) : drop_unclaimed(drop, word);
}

static int drop_from_lane(struct shmq *handle, uint32_t lane, uint64_t position)
{
    struct lane_view *view;
    if (lane >= handle_geometry(handle)->parameters.lanes || !handle_lane_used(handle, lane))
        return -ENOMSG;
    int error = mapping_lane(handle, lane, &view);
    if (error != 0)
        return error;
    const struct drop drop = {.handle = handle, .ring = &view->ring, .position = position};
    error = -EAGAIN;
    for (int tries = 0; error == -EAGAIN && tries < DROP_TRIES; tries++)
        error = drop_once(&drop);
    if (error == -EAGAIN)
        return -EBUSY;
    if (error == 0) {
        count_shared(&view->ring.control->dropped);
        events_record_about(handle, SHMQ_EVENT_DROPPED, SHMQ_PARTY_PRODUCER, lane, position);
    }
    return error == 0 && handle_is_stale(handle) ? -ESTALE : error;
}

int shmq_drop(const char *name, uint32_t lane, uint64_t position)
{
    struct shmq *handle;
    int error = observe_open(&handle, name);
    if (error != 0)
        return error;
    error = drop_from_lane(handle, lane, position);
    (void)shmq_close(handle);
    return error;
}
