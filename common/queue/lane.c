/* SPDX-License-Identifier: MIT */
#include "common/queue/lane.h"

#include "common/core/marks.h"
#include "common/kernel/byte_lock.h"
#include "common/kernel/clock.h"
#include "common/queue/blocked.h"
#include "common/queue/count.h"
#include "common/queue/events.h"
#include "common/queue/mapping.h"
#include "common/queue/owner_info.h"
#include "common/queue/source.h"
#include "common/queue/waiting.h"

#define LANE_WAIT_NS INT64_C(1000000000)
#define SOURCE_PAUSE_FIRST_NS INT64_C(1000000)
#define SOURCE_PAUSE_LONGEST_NS INT64_C(32000000)
/* The longest wait for the byte of sources is twice OBJECT_WAIT_NS, and as much again for each so many lanes. */
#define SOURCE_WAIT_LANES 32

/* How well a lane suits a new producer; the lowest rank is taken. */
enum {
    LANE_RANK_BEST,
    LANE_RANK_MIXED_PRIORITIES = 5,
    LANE_RANK_WORST = LANE_RANK_MIXED_PRIORITIES,
    LANE_RANK_UNSUITABLE
};

/* A new producer without a source prefers lanes that were left unfinished, so that they get finished. @known: the
 * lane keeps something of a source. */
static int lane_rank_without_source(enum lane_state state, uint64_t source_id, bool known)
{
    if (state == LANE_UNUSED)
        return 1;
    if (state == LANE_ACTIVE)
        return source_id == 0 ? 0 : LANE_RANK_UNSUITABLE; /* waits for its own source to come back */
    return known ? 2 : 1;
}

/* A source's checkpoint lives in its lane: prefers its own lane, then lanes that no other source needs. */
static int lane_rank_with_source(enum lane_state state, uint64_t source_id, bool known, uint64_t wanted_id)
{
    if (state != LANE_UNUSED && source_id == wanted_id)
        return LANE_RANK_BEST;
    if (state == LANE_UNUSED)
        return 1;
    if (state == LANE_ACTIVE)
        return source_id == 0 ? 4 : LANE_RANK_UNSUITABLE;
    return known ? 3 : 2;
}

/* The lane that a new producer needs. */
struct lane_request {
    uint64_t source_id; /* 0: none */
    uint32_t priority;
    bool used_only; /* /dev/shm has no room for a lane that was never used */
};

static int lane_rank(const struct shmq *handle, uint32_t lane, const struct lane_request *request)
{
    if (!handle_lane_used(handle, lane))
        return request->used_only ? LANE_RANK_UNSUITABLE : 1;
    union source_peek copy;
    if (!source_peek(handle, lane, &copy))
        return LANE_RANK_UNSUITABLE;
    const enum lane_state state = lane_life_state(copy.control.life);
    const uint64_t source_id = copy.control.source_id;
    const bool known = source_id != 0 || copy.control.source_group != 0;
    const int rank = request->source_id == 0 ? lane_rank_without_source(state, source_id, known)
                                             : lane_rank_with_source(state, source_id, known, request->source_id);
    /* Messages of another priority that are still in the lane would get our priority, and delay our messages. */
    const bool mixes = copy.control.head != copy.control.tail && copy.control.priority != request->priority;
    const bool own = request->source_id != 0 && rank == LANE_RANK_BEST;
    return mixes && !own && rank != LANE_RANK_UNSUITABLE ? LANE_RANK_MIXED_PRIORITIES : rank;
}

/* Return: 0 with the byte of *@lane locked; -EUSERS; -EBUSY; -EAGAIN to choose again. */
static int choose_lane(const struct shmq *handle, const struct lane_request *request, uint32_t *lane)
{
    unsigned char ranks[SHMQ_LANES_MAX];
    const uint32_t lanes = handle_geometry(handle)->parameters.lanes;
    for (uint32_t i = 0; i < lanes; i++)
        ranks[i] = (unsigned char)lane_rank(handle, i, request);
    for (int rank = LANE_RANK_BEST; rank <= LANE_RANK_WORST; rank++) {
        for (*lane = 0; *lane < lanes; ++*lane) {
            if (ranks[*lane] != rank)
                continue;
            const int error = byte_lock_try(handle->object.fd, handle_lane_byte(handle, *lane));
            if (error == -EAGAIN && request->source_id != 0 && rank == LANE_RANK_BEST)
                return -EBUSY;
            if (error == -EAGAIN)
                continue;
            if (error != 0 || lane_rank(handle, *lane, request) == rank)
                return error;
            byte_lock_release(handle->object.fd, handle_lane_byte(handle, *lane));
            return -EAGAIN;
        }
    }
    return -EUSERS;
}

/* Maps the lane. Formats it if it was never used, or if its first owner died before it was. */
static int prepare_lane(struct shmq *handle, uint32_t lane, struct lane_view **view)
{
    const struct geometry *g = handle_geometry(handle);
    int error = mapping_lane(handle, lane, view);
    if (error != 0)
        return error;
    const struct lane_control *control = (*view)->ring.control;
    const bool marked = handle_lane_used(handle, lane);
    if (marked && lane_life_state(atomic_load_explicit(&control->life, memory_order_acquire)) != LANE_UNUSED)
        return 0;
    /* A marked lane had a life before the mark. If the life is erased, the lane may hold messages. */
    if (marked && atomic_load_explicit(&control->tail, memory_order_relaxed) != 0)
        return -EBADMSG;
    error = object_reserve(&handle->object, geometry_lane_offset(g, lane), g->lane_bytes);
    if (error == 0)
        ring_format(&(*view)->ring, g->cells);
    return error;
}

/*
 * Whether the lane's last owner died with it unfinished: it did not leave it so, and is no mover, whose lane stays
 * unfinished as long as its cursor may be needed. Context: the caller holds the lane's byte.
 */
static bool has_died(const struct lane_control *control)
{
    return lane_life_state(atomic_load_explicit(&control->life, memory_order_relaxed)) == LANE_ACTIVE &&
           atomic_load_explicit(&control->left, memory_order_relaxed) == 0 &&
           atomic_load_explicit(&control->mover, memory_order_relaxed) == 0;
}

/*
 * Counts and records the death of the lane's last owner, if it died, once.
 *
 * Context: the caller holds the lane's byte, before anything in the lane says who owns it now.
 * Crash:   may hide the death from the counter, or from the events; it is never counted or recorded twice.
 */
static void mourn(struct shmq *handle, uint32_t lane, struct lane_control *control)
{
    const uint64_t owner = atomic_load_explicit(&control->attached, memory_order_relaxed);
    if (!has_died(control) || atomic_load_explicit(&control->counters.mourned, memory_order_relaxed) == owner)
        return;
    atomic_store_explicit(&control->counters.mourned, owner, memory_order_relaxed);
    count_shared(&handle->header->deaths);
    events_record_about(handle, SHMQ_EVENT_DEATH, SHMQ_PARTY_PRODUCER, lane,
                        atomic_load_explicit(&control->pid, memory_order_relaxed));
}

static void remember_found(struct producer_side *p, uint64_t source_id)
{
    const struct lane_control *control = p->view->ring.control;
    p->found = (struct lane_found){
        .life = atomic_load_explicit(&control->life, memory_order_relaxed),
        .next = p->ring.next,
        .priority = atomic_load_explicit(&control->priority, memory_order_relaxed),
        .mover = atomic_load_explicit(&control->mover, memory_order_relaxed),
        .same_source =
            source_id != 0 && atomic_load_explicit(&control->source_id, memory_order_relaxed) == source_id,
        .died = has_died(control),
    };
    if (lane_life_state(p->found.life) == LANE_ACTIVE && !p->found.same_source && p->found.mover == 0)
        p->found.unfinished = (pid_t)atomic_load_explicit(&control->pid, memory_order_relaxed);
}

static void begin_counting(struct lane_control *control)
{
    struct lane_counters *c = &control->counters;
    const uint64_t now_ns = (uint64_t)clock_coarse_ns();
    atomic_store_explicit(&c->blocked_since, 0, memory_order_relaxed);
    atomic_store_explicit(&c->attached_ns, now_ns, memory_order_relaxed);
    atomic_store_explicit(&c->active_ns, now_ns, memory_order_relaxed);
}

static uint32_t moves_messages(const struct shmq_options *options)
{
    return options->source_id != 0 && (options->source_flags & SHMQ_SOURCE_MOVES) != 0;
}

static int take_up(struct shmq *handle, uint32_t lane, const struct shmq_options *options)
{
    struct producer_side *p = &handle->producer;
    int error = prepare_lane(handle, lane, &p->view);
    if (error == 0)
        error = ring_producer_init(&p->ring, &p->view->ring);
    if (error != 0)
        return events_lane_error(handle, lane, error);
    marks_take_up(&p->ring);

    struct lane_control *control = p->view->ring.control;
    const uint64_t finishes = lane_life_finishes(atomic_load_explicit(&control->life, memory_order_relaxed));
    remember_found(p, options->source_id);
    source_agree(handle, options, &p->whole);
    source_take_up(&p->ring, options, &p->whole);
    p->resumable = options->source_id != 0;
    p->max_short_bytes = p->ring.ring.max_message_bytes < CELL_BYTES ? p->ring.ring.max_message_bytes : CELL_BYTES;
    mourn(handle, lane, control);
    begin_counting(control);
    owner_info_write(&control->pid, control->program);
    atomic_store_explicit(&control->left, 0, memory_order_relaxed); /* from here on, a kill is a death */
    atomic_store_explicit(&control->priority, options->priority, memory_order_relaxed);
    atomic_store_explicit(&control->attached, atomic_load_explicit(&control->attached, memory_order_relaxed) + 1,
                          memory_order_relaxed);
    atomic_store_explicit(&control->wanted_head, 0, memory_order_relaxed);
    atomic_store_explicit(&control->mover, moves_messages(options), memory_order_relaxed);
    atomic_store_explicit(&control->life, finishes << 8 | LANE_ACTIVE, memory_order_release);
    atomic_fetch_or_explicit(&handle->header->lanes_used[lane / 64], UINT64_C(1) << (lane % 64),
                             memory_order_seq_cst);
    atomic_fetch_add_explicit(&handle->header->membership, 1, memory_order_seq_cst);
    handle->recorder.passing = moves_messages(options) != 0;
    return 0;
}

/* If there is no room for a lane that was never used, falls back to one that was, even of a worse rank. */
static int choose_with_room(struct shmq *handle, struct lane_request *request, const struct shmq_options *options)
{
    uint32_t lane = 0;
    int error = choose_lane(handle, request, &lane);
    if (error == 0)
        error = take_up(handle, lane, options);
    if (error != -ENOSPC || request->used_only)
        return error;
    byte_lock_release(handle->object.fd, handle_lane_byte(handle, lane));
    request->used_only = true;
    error = choose_with_room(handle, request, options);
    return error == -EUSERS ? -ENOSPC : error;
}

/* Waits for a byte that its holder is about to release. Return: 0; -EBUSY after @wait_ns; -EINTR; other system
 * errors. */
static int lock_byte(const struct shmq *handle, uint64_t byte, int64_t wait_ns)
{
    const int64_t deadline = clock_deadline(wait_ns);
    for (;;) {
        const int error = byte_lock_try(handle->object.fd, byte);
        if (error != -EAGAIN)
            return error;
        if (handle_stop_is_set(handle))
            return -EINTR;
        if (clock_now_ns() >= deadline)
            return -EBUSY;
        clock_sleep_until(clock_now_ns() + 1000000);
    }
}

/*
 * As many producers may want this byte as there are lanes, and each holder reserves memory. So the wait ends when
 * nobody has come or gone for OBJECT_WAIT_NS, rather than after a time that a thousand of them need together; but
 * it has an end, because others come and go even while the holder is stopped. The pauses grow,
 * since a thousand that look every millisecond would leave little of the processor to the one that is needed.
 */
static int lock_source_byte(const struct shmq *handle)
{
    const int64_t begun = clock_now_ns();
    const uint32_t lanes = handle_geometry(handle)->parameters.lanes;
    const int64_t longest = begun + OBJECT_WAIT_NS * (2 + lanes / SOURCE_WAIT_LANES);
    uint32_t membership = atomic_load_explicit(&handle->header->membership, memory_order_relaxed);
    int64_t deadline = begun + OBJECT_WAIT_NS;
    int64_t pause_ns = SOURCE_PAUSE_FIRST_NS;
    for (;;) {
        const int error = byte_lock_try(handle->object.fd, OBJECT_SOURCE_BYTE);
        if (error != -EAGAIN)
            return error;
        if (handle_stop_is_set(handle))
            return -EINTR;
        const int64_t now = clock_now_ns();
        const uint32_t present = atomic_load_explicit(&handle->header->membership, memory_order_relaxed);
        if (present != membership)
            deadline = now + OBJECT_WAIT_NS;
        membership = present;
        if (now >= deadline || now >= longest)
            return -EBUSY;
        clock_sleep_until(now + pause_ns);
        pause_ns = pause_ns * 2 < SOURCE_PAUSE_LONGEST_NS ? pause_ns * 2 : SOURCE_PAUSE_LONGEST_NS;
    }
}

int lane_attach(struct shmq *handle, const struct shmq_options *options)
{
    struct lane_request request = {.source_id = options->source_id, .priority = options->priority};
    /* Producers with a source, or with a part of one, choose one after the other, so that the second of the same
     * source finds the first one's lane. Each also reserves room for its lane then, which may take long. */
    const bool alone = options->source_id != 0 || options->source_group != 0;
    int64_t deadline = 0;
    for (;;) {
        int error = alone ? lock_source_byte(handle) : 0;
        if (error != 0)
            return error;
        error = choose_with_room(handle, &request, options);
        if (alone)
            byte_lock_release(handle->object.fd, OBJECT_SOURCE_BYTE);
        if (error == -EUSERS && (handle_flags(handle) & (FLAG_DRAIN | FLAG_NOW)) != 0)
            return -ESHUTDOWN; /* otherwise it would wait for ever for lanes of dead producers */
        if (error != -EAGAIN && error != -EBUSY)
            return error;
        const int64_t now = clock_now_ns();
        if (deadline == 0)
            deadline = now + LANE_WAIT_NS;
        if (now >= deadline)
            return -EBUSY;
        clock_sleep_until(now + 1000000);
    }
}

/* The caller holds the lane's byte. A single store both sets the state and counts the finish, exactly once. */
static void mark_finished(struct shmq *handle, struct lane_control *control)
{
    const uint64_t finishes = lane_life_finishes(atomic_load_explicit(&control->life, memory_order_relaxed));
    atomic_store_explicit(&control->life, (finishes + 1) << 8 | LANE_FINISHED, memory_order_seq_cst);
    atomic_fetch_add_explicit(&handle->header->membership, 1, memory_order_seq_cst);
}

static void wake_after_finish(struct shmq *handle)
{
    barrier_light((handle_flags(handle) & FLAG_FULL_FENCES) != 0);
    waiting_wake_consumers_slow(handle, UINT32_MAX);
}

int lane_finish(struct shmq *handle)
{
    struct producer_side *p = &handle->producer;
    if (!p->finished) {
        blocked_leave(handle);
        mark_finished(handle, p->view->ring.control);
        p->finished = true;
        p->reserved_at |= RESERVED_SLOWLY;
        p->ring.limit = 0;
        p->ring.room = 0;
        wake_after_finish(handle);
    }
    return handle_is_stale(handle) ? -ESTALE : 0;
}

void lane_detach(struct shmq *handle)
{
    const struct producer_side *p = &handle->producer;
    if (!p->finished)
        atomic_store_explicit(&p->view->ring.control->left, 1, memory_order_relaxed);
    byte_lock_release(handle->object.fd, handle_lane_byte(handle, p->view->ring.lane));
}

void lane_restore(struct shmq *handle)
{
    struct producer_side *p = &handle->producer;
    struct lane_control *control = p->view->ring.control;
    const struct lane_found *found = &p->found;
    if (p->finished || p->ring.next != found->next)
        return;
    if (!found->same_source)
        source_forget(control);
    atomic_store_explicit(&control->priority, found->priority, memory_order_relaxed);
    atomic_store_explicit(&control->mover, found->mover, memory_order_relaxed);
    if (lane_life_state(found->life) == LANE_ACTIVE) {
        atomic_fetch_add_explicit(&handle->header->membership, 1, memory_order_seq_cst);
        return;
    }
    /* A lane that was unused becomes a finished one without a finish. */
    atomic_store_explicit(&control->life, lane_life_finishes(found->life) << 8 | LANE_FINISHED,
                          memory_order_seq_cst);
    atomic_fetch_add_explicit(&handle->header->membership, 1, memory_order_seq_cst);
    wake_after_finish(handle);
}

/* Return: 0; -EALREADY if there is nothing to finish; -EBADMSG. */
static int check_unfinished(const struct lane_control *control)
{
    const enum lane_state state = lane_life_state(atomic_load_explicit(&control->life, memory_order_acquire));
    if (state == LANE_FINISHED)
        return -EALREADY;
    return state == LANE_ACTIVE ? 0 : -EBADMSG;
}

static void finish_for_dead(struct shmq *handle, uint32_t lane, struct lane_control *control)
{
    mourn(handle, lane, control);
    mark_finished(handle, control);
    events_record_about(handle, SHMQ_EVENT_FINISHED, SHMQ_PARTY_PRODUCER, lane, 0);
}

int lane_finish_dead(struct shmq *handle, uint32_t lane, int64_t wait_ns, lane_may_finish *may,
                     const void *context)
{
    struct lane_view *view;
    if (lane >= handle_geometry(handle)->parameters.lanes)
        return -EINVAL;
    /* A lane is marked used only after it has a life. Without the mark, no consumer waits for it to finish. */
    if (!handle_lane_used(handle, lane))
        return -EALREADY;
    int error = mapping_lane(handle, lane, &view);
    /* Cannot occur: -EINTR (an observer opened here has no stop flag). */
    if (error == 0)
        error = check_unfinished(view->ring.control); /* an owner that has finished may still be attached */
    if (error == 0)
        error = lock_byte(handle, handle_lane_byte(handle, lane), wait_ns);
    if (error != 0)
        return error;
    error = check_unfinished(view->ring.control);
    if (error == 0 && may != NULL && !may(context, view->ring.control))
        error = -EBUSY;
    if (error == 0)
        finish_for_dead(handle, lane, view->ring.control);
    byte_lock_release(handle->object.fd, handle_lane_byte(handle, lane));
    if (error == 0)
        wake_after_finish(handle);
    return error == 0 && handle_is_stale(handle) ? -ESTALE : error;
}
