/* SPDX-License-Identifier: MIT */
#include "common/kernel/clock.h"
#include "common/queue/blocked.h"
#include "common/queue/events.h"
#include "common/queue/lane.h"
#include "common/queue/observe.h"
#include "common/queue/seat.h"
#include "common/queue/sized.h"
#include "common/queue/supervision.h"

/* Pauses between attempts to get a lane or seat. */
#define PAUSE_MIN_NS INT64_C(1000000)
#define PAUSE_MAX_NS INT64_C(50000000)

static int check_open_options(const struct shmq_options *o, enum shmq_role role)
{
    if (role < SHMQ_PRODUCER || role > SHMQ_SUPERVISOR || o->priority >= SHMQ_PRIORITIES ||
        o->prefetch > SHMQ_PREFETCH_MAX || (o->source_group == 0 && o->source_part != 0) ||
        (o->source_flags & ~(uint64_t)SHMQ_SOURCE_MOVES) != 0 ||
        (o->consumer_flags & ~(uint64_t)(SHMQ_CONSUMER_SHARED_ATTEMPTS | SHMQ_CONSUMER_EAGER)) != 0)
        return -EINVAL;
    return 0;
}

static int attach(struct shmq *handle, const struct shmq_options *options)
{
    if (handle->role == SHMQ_OBSERVER)
        return 0;
    if (handle->role == SHMQ_SUPERVISOR)
        return supervision_attach(handle);
    if (barrier_register() != 0)
        atomic_fetch_or_explicit(&handle->header->flags, FLAG_FULL_FENCES, memory_order_seq_cst);
    return handle->role == SHMQ_PRODUCER ? lane_attach(handle, options) : seat_attach(handle);
}

/* A copy may take its queue's place: from then on, what it says about the time when it was made does not hold. */
static void forget_copy(struct header *header)
{
    if (atomic_load_explicit(&header->saved_ns, memory_order_relaxed) == 0)
        return;
    atomic_store_explicit(&header->saved_ns, 0, memory_order_relaxed);
    atomic_store_explicit(&header->saved_realtime_ns, 0, memory_order_relaxed);
}

/* Return: 0 with a handle that is attached; negative errno with nothing left open. */
static int open_attached(struct shmq **out, struct object *object, enum shmq_role role,
                         const struct shmq_options *options)
{
    struct shmq *handle;
    int error = observe_begin(&handle, object, role, options);
    if (error != 0)
        return error;
    error = attach(handle, options);
    if (error != 0) {
        observe_end(handle);
        return error;
    }
    if (role != SHMQ_OBSERVER) {
        forget_copy(handle->header);
        events_attached(handle);
    }
    observe_done(handle);
    *out = handle;
    return 0;
}

/* Tries once to get a lane or seat. Return: like shmq_open. */
static int open_once(struct shmq **handle, const char *name, enum shmq_role role,
                     const struct shmq_options *options)
{
    const bool writable = role != SHMQ_OBSERVER;
    struct object object;
    int error = object_open(&object, name, options->create && writable, writable, options);
    if (error != 0)
        return error;
    const bool created = object.created;
    error = open_attached(handle, &object, role, options);
    if (error != 0 && created)
        (void)shmq_remove(name, false);
    return error;
}

/*
 * Retries while all lanes or seats are taken, with growing pauses. It holds nothing during a pause, so that the
 * queue can be removed meanwhile. The next attempt opens whatever queue has the name then.
 */
static int open_patiently(struct shmq **handle, const char *name, enum shmq_role role,
                          const struct shmq_options *options)
{
    const int64_t deadline = clock_deadline(options->attach_wait_ns);
    int64_t pause = PAUSE_MIN_NS;
    for (;;) {
        const int error = open_once(handle, name, role, options);
        if (error != -EUSERS)
            return error;
        if (options->stop != NULL && __atomic_load_n(options->stop, __ATOMIC_RELAXED) != 0)
            return -EINTR;
        const int64_t now = clock_now_ns();
        if (now >= deadline)
            return -EUSERS;
        clock_sleep_until(deadline - now < pause ? deadline : now + pause);
        pause = pause < PAUSE_MAX_NS / 2 ? 2 * pause : PAUSE_MAX_NS;
    }
}

int shmq_open(struct shmq **handle, const char *name, enum shmq_role role, const struct shmq_options *options)
{
    struct shmq_options known;
    if (handle == NULL)
        return -EINVAL;
    *handle = NULL;
    int error = sized_take_options(&known, options);
    if (error == 0)
        error = check_open_options(&known, role);
    return error != 0 ? error : open_patiently(handle, name, role, &known);
}

int shmq_create(const char *name, const struct shmq_options *options)
{
    struct shmq_options known;
    struct object object;
    int error = sized_take_options(&known, options);
    if (error == 0)
        error = object_open(&object, name, true, true, &known);
    if (error == 0)
        object_close(&object);
    return error; /* Cannot occur: -ENOENT (a missing queue is created). */
}

static void detach(struct shmq *handle)
{
    events_detached(handle);
    if (handle->role == SHMQ_PRODUCER)
        lane_detach(handle);
    else if (handle->role == SHMQ_CONSUMER)
        seat_detach(handle);
    else if (handle->role == SHMQ_SUPERVISOR)
        supervision_detach(handle);
    observe_end(handle);
}

int shmq_close(struct shmq *handle)
{
    if (handle == NULL)
        return 0;
    int error = handle_check_any(handle);
    if (error != 0)
        return error;
    if (handle->role == SHMQ_PRODUCER)
        error = lane_finish(handle);
    detach(handle);
    return error;
}

void shmq_abandon(struct shmq *handle)
{
    if (handle_check_any(handle) != 0)
        return;
    if (handle->role == SHMQ_PRODUCER)
        blocked_leave(handle);
    detach(handle);
}

void shmq_withdraw(struct shmq *handle)
{
    if (handle_check_any(handle) != 0)
        return;
    if (handle->role == SHMQ_PRODUCER)
        lane_restore(handle);
    detach(handle);
}
