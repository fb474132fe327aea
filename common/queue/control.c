/* SPDX-License-Identifier: MIT */
/* Calls about a queue as a whole (shut down, pause, finish a lane, join, report a loss), and shmq_interrupt. */
#include <unistd.h>

#include "common/kernel/byte_lock.h"
#include "common/kernel/clock.h"
#include "common/queue/end_of_stream.h"
#include "common/queue/events.h"
#include "common/queue/lane.h"
#include "common/queue/mapping.h"
#include "common/queue/observe.h"
#include "common/queue/seat.h"
#include "common/queue/waiting.h"

int shmq_shutdown(const char *name, enum shmq_shutdown_how how)
{
    struct shmq *handle;
    if (how != SHMQ_DRAIN && how != SHMQ_NOW)
        return -EINVAL;
    const int error = observe_open(&handle, name);
    if (error != 0)
        return error;
    const uint32_t wanted = how == SHMQ_NOW ? FLAG_DRAIN | FLAG_NOW : FLAG_DRAIN;
    const uint32_t before = atomic_fetch_or_explicit(&handle->header->flags, wanted, memory_order_seq_cst);
    if ((before & wanted) != wanted)
        events_record(handle, SHMQ_EVENT_SHUT_DOWN, how);
    mapping_used_lanes(handle);
    waiting_wake_everybody(handle);
    (void)shmq_close(handle);
    return 0;
}

int shmq_pause(const char *name)
{
    struct shmq *handle;
    const int error = observe_open(&handle, name);
    if (error != 0)
        return error;
    /* Wakes nobody: who sleeps finds nothing to take anyway. */
    if ((atomic_fetch_or_explicit(&handle->header->flags, FLAG_PAUSED, memory_order_seq_cst) & FLAG_PAUSED) == 0)
        events_record(handle, SHMQ_EVENT_PAUSED, 0);
    (void)shmq_close(handle);
    return 0;
}

int shmq_resume(const char *name)
{
    struct shmq *handle;
    const int error = observe_open(&handle, name);
    if (error != 0)
        return error;
    const uint32_t before =
        atomic_fetch_and_explicit(&handle->header->flags, ~(uint32_t)FLAG_PAUSED, memory_order_seq_cst);
    if ((before & FLAG_PAUSED) != 0)
        events_record(handle, SHMQ_EVENT_RESUMED, 0);
    waiting_wake_all_consumers(handle);
    (void)shmq_close(handle);
    return 0;
}

int shmq_finish_lane(const char *name, uint32_t lane)
{
    struct shmq *handle;
    int error = observe_open(&handle, name);
    if (error != 0)
        return error;
    error = lane_finish_dead(handle, lane, LANE_LOCK_WAIT_NS, NULL, NULL);
    (void)shmq_close(handle);
    return error;
}

int shmq_interrupt(struct shmq *handle)
{
    const int error = handle_check_any(handle);
    if (error != 0)
        return error;
    const int before = errno; /* in a signal handler, errno belongs to the interrupted code */
    waiting_interrupt(handle);
    errno = before;
    return 0;
}

/*
 * Whether a living consumer has messages. Damage counts as such: a seat may look damaged while its owner changes
 * it, and what is really damaged is found in the lanes.
 */
static bool anybody_works(struct shmq *handle)
{
    for (uint32_t i = 0; i < handle_geometry(handle)->parameters.seats; i++) {
        const bool alive =
            handle_owns_seat(handle, i) || byte_lock_held(handle->object.fd, handle_seat_byte(handle, i));
        if (alive && seat_work(handle, i) != SEAT_EMPTY)
            return true;
    }
    return false;
}

/* Return: 0 if everything is acknowledged; -EAGAIN if it still can be; the reason why it never will be. */
static int join_once(struct shmq *handle)
{
    /* Read first: what nobody has from then on, nobody will get. */
    const bool ends = (handle_flags(handle) & FLAG_NOW) != 0 && !anybody_works(handle);
    const int drained = end_of_stream_is_drained(handle);
    if (drained != 0)
        return drained == 1 ? 0 : drained;
    if (handle_is_stale(handle))
        return -ESTALE;
    if (!object_is_whole(&handle->object)) /* what is cut off could come to nothing more */
        return -EBADMSG;
    return ends ? -ESHUTDOWN : -EAGAIN;
}

int shmq_join(struct shmq *handle, int64_t timeout_ns)
{
    int error = handle_check_any(handle);
    if (error != 0)
        return error;
    const int64_t deadline = clock_deadline(timeout_ns);
    for (;;) {
        error = join_once(handle);
        if (error != -EAGAIN || timeout_ns == 0)
            return error;
        if (handle_ends_wait(handle))
            return -EINTR;
        const int64_t now = clock_now_ns();
        if (now >= deadline)
            return -ETIMEDOUT;
        const int64_t tick = now + handle_geometry(handle)->parameters.tick_ns;
        interrupt_sleep_alone(&handle->interrupt, tick < deadline ? tick : deadline);
    }
}

int shmq_report_loss(struct shmq *handle)
{
    const int error = handle_check_any(handle);
    if (error != 0)
        return error;
    if (!handle->object.writable)
        return -EINVAL;
    atomic_fetch_or_explicit(&handle->header->flags, FLAG_LOST, memory_order_seq_cst);
    events_record(handle, SHMQ_EVENT_LOSS, 0);
    return 0;
}
