/* SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/core/header_block.h"
#include "common/kernel/byte_lock.h"
#include "common/kernel/sparse.h"
#include "common/queue/due.h"
#include "common/queue/intent.h"
#include "common/queue/lane.h"
#include "common/queue/mapping.h"
#include "common/queue/missing.h"
#include "common/queue/seat.h"
#include "common/queue/slots.h"
#include "common/queue/source.h"
#include "common/queue/walk.h"

#define KNOWN_FLAGS ((uint32_t)(FLAG_FULL_FENCES | FLAG_DRAIN | FLAG_NOW | FLAG_REMOVED | FLAG_LOST | FLAG_PAUSED))

struct findings {
    void (*report)(void *context, const char *problem);
    void *context;
    uint32_t count;
    bool brief; /* of many messages in a row, only some are looked at */
};

__attribute__((format(printf, 2, 3))) static void add_finding(struct findings *findings, const char *format, ...)
{
    char text[MISSING_BYTES];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    findings->count++;
    if (findings->report != NULL)
        findings->report(findings->context, text);
}

static uint64_t load(const shared_u64 *word)
{
    return atomic_load_explicit(word, memory_order_acquire);
}

/* The constants must still be the same as when this handle copied them at attach. */
static void check_header(const struct shmq *handle, struct findings *findings)
{
    const struct header *h = handle->header;
    const struct geometry *g = handle_geometry(handle);
    const struct parameters *p = &g->parameters;
    if (h->magic != LAYOUT_MAGIC || h->abi != LAYOUT_ABI || h->fingerprint != layout_fingerprint())
        add_finding(findings, "header: magic, version or fingerprint has changed");
    if (h->queue_id != handle->object.queue_id)
        add_finding(findings, "header: the queue's id has changed");
    if (h->capacity_bytes != p->capacity_bytes || h->max_message_bytes != p->max_message_bytes ||
        h->lanes != p->lanes || h->seats != p->seats || h->page_bytes != p->page_bytes ||
        h->tick_ns != p->tick_ns || h->object_bytes != g->object_bytes)
        add_finding(findings, "header: sizes have changed");
    if (h->features != p->features)
        add_finding(findings, "header: features have changed");
    const uint32_t state = atomic_load_explicit(&h->state, memory_order_acquire);
    if (state != OBJECT_READY && state != OBJECT_REMOVED)
        add_finding(findings, "header: state %#x is invalid", state);
    if ((handle_flags(handle) & ~KNOWN_FLAGS) != 0)
        add_finding(findings, "header: unknown flags %#x", handle_flags(handle));
    const uint32_t run = atomic_load_explicit(&h->run_state, memory_order_relaxed);
    if (run > SHMQ_RUN_COMPLETE)
        add_finding(findings, "header: state %#x of the run record is invalid", run);
    for (uint32_t lane = p->lanes; lane < SHMQ_LANES_MAX; lane++)
        if (handle_lane_used(handle, lane))
            add_finding(findings, "header: lane %u is marked used but does not exist", lane);
}

/* While the owner is alive, a checkpoint may be ahead of tail. Without an owner, one must match tail. */
static void check_checkpoints(const struct shmq *handle, uint32_t lane, const struct lane_control *control,
                              struct findings *findings)
{
    if (byte_lock_held(handle->object.fd, handle_lane_byte(handle, lane)) || handle->role == SHMQ_PRODUCER)
        return;
    const uint64_t tail = load(&control->tail);
    const bool matched =
        load(&control->checkpoints[0].tail) == tail || load(&control->checkpoints[1].tail) == tail;
    /* A new owner may have attached and put meanwhile. */
    if (!matched && load(&control->tail) == tail &&
        !byte_lock_held(handle->object.fd, handle_lane_byte(handle, lane)))
        add_finding(findings, "lane %u: no checkpoint belongs to tail %llu", lane, (unsigned long long)tail);
}

static void check_source(const struct shmq *handle, uint32_t lane, const struct lane_control *control,
                         struct findings *findings)
{
    if (source_note_length(load(&control->note)) > SHMQ_NOTE_MAX)
        add_finding(findings, "lane %u: the note of its source is too long", lane);
    const uint32_t slot = slots_find_invalid(handle, lane, control);
    if (slot < SHMQ_SLOTS_MAX)
        add_finding(findings, "lane %u: slot %u of its source is invalid", lane, slot);
}

static int check_lane(struct shmq *handle, uint32_t lane, struct findings *findings)
{
    struct lane_view *view;
    struct walk walk;
    int error = mapping_lane(handle, lane, &view);
    if (error != 0)
        return error;
    const struct lane_control *control = view->ring.control;
    error = findings->brief ? walk_briefly(handle, &view->ring, &walk) : walk_lane(handle, &view->ring, &walk);
    if (error == -EBADMSG)
        add_finding(findings, "lane %u: at position %llu: %s", lane, (unsigned long long)walk.problem_position,
                    walk.problem);
    const enum lane_state state = lane_life_state(load(&control->life));
    if (state != LANE_ACTIVE && state != LANE_FINISHED)
        add_finding(findings, "lane %u: in use, but its state is %u", lane, (unsigned)state);
    if (atomic_load_explicit(&control->priority, memory_order_relaxed) >= SHMQ_PRIORITIES)
        add_finding(findings, "lane %u: priority is invalid", lane);
    check_source(handle, lane, control, findings);
    check_checkpoints(handle, lane, control, findings);
    return 0;
}

/* If no seat names a lease word, nobody could take over its batch. */
static bool is_named_by_seat(const struct shmq *handle, const struct ring *ring, uint64_t start, uint32_t seat)
{
    const struct seat *s = &handle->seats[seat];
    return load(&s->intent_lane) == (uint64_t)ring->lane + 1 && load(&s->intent_position) == start;
}

static void check_leases(struct shmq *handle, uint32_t lane, struct findings *findings)
{
    const struct ring *ring = &handle->lanes[lane].ring;
    const uint64_t claim = load(&ring->control->claim);
    uint64_t position = load(&ring->control->head);
    while (position < claim) {
        const uint64_t word = load(&ring->leases[position & ring->mask]);
        const uint32_t seat = lease_word_seat(ring->format, word);
        if (lease_word_lap(ring->format, word) != lease_lap_of(ring->format, position))
            return; /* head has passed meanwhile; walk_lane checks what does not change */
        if (!lease_word_done(word) && seat < handle_geometry(handle)->parameters.seats &&
            !is_named_by_seat(handle, ring, position, seat) && ring_is_leased(ring, position, seat) &&
            !is_named_by_seat(handle, ring, position, seat))
            add_finding(findings, "lane %u: seat %u holds position %llu but does not know it", lane, seat,
                        (unsigned long long)position);
        position += lease_word_span(ring->format, word);
    }
}

/* If head has passed a leased batch, its records may be overwritten. A batch that is being finished is no longer
 * leased. */
static void check_lease_of(const struct shmq *handle, uint32_t seat, uint64_t lane, struct findings *findings)
{
    const struct ring *ring = &handle->lanes[lane].ring;
    const uint64_t position = load(&handle->seats[seat].intent_position);
    if (handle->lanes[lane].base == NULL || position < ring->cells) /* no lease: a half-written intent */
        return;
    if (ring_is_leased(ring, position, seat) && load(&ring->control->head) > position &&
        ring_is_leased(ring, position, seat))
        add_finding(findings, "seat %u: holds position %llu of lane %llu, which head has passed", seat,
                    (unsigned long long)position, (unsigned long long)lane);
}

/* What the buffer has counts as long as the entry stays. Read, not mapped, as for a look at messages. */
static bool held_headers_are_valid(struct shmq *handle, uint32_t seat, uint64_t word)
{
    struct header_view view;
    const uint64_t bytes = (uint32_t)word;
    const uint64_t offset = geometry_buffer_offset(handle_geometry(handle), seat);
    unsigned char *copy = malloc(bytes);
    const bool valid = copy == NULL ||
                       (object_read(&handle->object, copy, bytes, offset) == 0 && header_read(copy, bytes, &view));
    free(copy);
    atomic_thread_fence(memory_order_acquire);
    return valid || load(&handle->seats[seat].held_valid) != 1 ||
           load(&handle->seats[seat].held_record[0]) != word || seat_work(handle, seat) != SEAT_HELD;
}

static void check_held(struct shmq *handle, uint32_t seat, struct findings *findings)
{
    struct seat_held held;
    if (!seat_read_held(handle, seat, &held)) {
        add_finding(findings, "seat %u: the message in its buffer is invalid", seat);
        return;
    }
    if (!record_has_headers(held.word) || seat_work(handle, seat) != SEAT_HELD ||
        held_headers_are_valid(handle, seat, held.word))
        return;
    if (load(&handle->seats[seat].held_position) == held.position) /* else it has another one by now */
        add_finding(findings, "seat %u: the header block of the message in its buffer is invalid", seat);
}

static void check_seat(struct shmq *handle, uint32_t seat, struct findings *findings)
{
    const struct seat *s = &handle->seats[seat];
    const struct parameters *p = &handle_geometry(handle)->parameters;
    const uint64_t lane = load(&s->intent_lane);
    if (lane > p->lanes || (lane != 0 && !handle_lane_used(handle, (uint32_t)lane - 1)))
        add_finding(findings, "seat %u: names lane %llu, which is not in use", seat, (unsigned long long)lane - 1);
    else if (lane != 0)
        check_lease_of(handle, seat, lane - 1, findings);
    const uint64_t valid = load(&s->held_valid);
    if (valid > 1)
        add_finding(findings, "seat %u: its buffer is neither empty nor full", seat);
    if (valid == 1)
        check_held(handle, seat, findings);
    const int64_t now_ns = handle_now_ns(handle);
    if (now_ns != 0 && !aside_is_plausible(aside_due_ns(s), now_ns))
        add_finding(findings, "seat %u: the message in its buffer is due in more than a year", seat);
    if (!intent_is_valid(handle, seat))
        add_finding(findings, "seat %u: its write intent is invalid", seat);
}

/* A lane is marked used before its first message. Read, not mapped: there may be a thousand unused lanes. */
static void check_unmarked_lane(const struct shmq *handle, uint32_t lane, struct findings *findings)
{
    uint64_t tail = 0;
    const uint64_t offset = handle_lane_byte(handle, lane) + offsetof(struct lane_control, tail);
    if (object_read(&handle->object, &tail, sizeof(tail), offset) == 0 && tail > handle_geometry(handle)->cells &&
        !handle_lane_used(handle, lane))
        add_finding(findings, "header: lane %u has had messages, but is not marked used", lane);
}

/* Lanes from @first on that are not marked used. Those without memory are passed over all at once. */
static void check_unmarked_lanes(const struct shmq *handle, uint32_t first, uint32_t end,
                                 struct findings *findings)
{
    const struct geometry *g = handle_geometry(handle);
    const uint64_t behind = geometry_lane_offset(g, end);
    for (uint32_t lane = first; lane < end; lane++) {
        const uint64_t begin = geometry_lane_offset(g, lane);
        const uint64_t data = sparse_next_data(handle->object.fd, begin, behind);
        if (data >= behind)
            return;
        lane += (uint32_t)((data - begin) / g->lane_bytes);
        check_unmarked_lane(handle, lane, findings);
    }
}

/* Lanes that follow each other and are not marked used. Return: the first one behind them. */
static uint32_t end_of_unmarked(const struct shmq *handle, uint32_t lane)
{
    const uint32_t lanes = handle_geometry(handle)->parameters.lanes;
    while (lane < lanes && !handle_lane_used(handle, lane))
        lane++;
    return lane;
}

/* Whether a copy that is cut off ends before: what is not there is no damage of its own. */
static bool is_cut_off(const struct shmq *handle, uint64_t end)
{
    return handle->object.copy && handle->object.readable_bytes < end;
}

static bool lane_is_cut_off(const struct shmq *handle, uint32_t lane)
{
    const struct geometry *g = handle_geometry(handle);
    return is_cut_off(handle, geometry_lane_offset(g, lane) + g->lane_bytes);
}

/* Its buffer counts with it. */
static bool seat_is_cut_off(const struct shmq *handle, uint32_t seat)
{
    const struct geometry *g = handle_geometry(handle);
    return is_cut_off(handle, geometry_buffer_offset(g, seat) + g->parameters.max_message_bytes);
}

static int check_lanes(struct shmq *handle, struct findings *findings)
{
    const uint32_t lanes = handle_geometry(handle)->parameters.lanes;
    for (uint32_t i = 0; i < lanes; i++) {
        const uint32_t end = end_of_unmarked(handle, i);
        check_unmarked_lanes(handle, i, end, findings);
        i = end;
        if (i >= lanes)
            break;
        if (lane_is_cut_off(handle, i))
            continue;
        const int error = check_lane(handle, i, findings);
        if (error != 0)
            return error;
        check_leases(handle, i, findings);
    }
    return 0;
}

/* What is missing in a copy reads as zeros; in a queue, it raises SIGBUS. Return: whether it may be read. */
static bool check_whole(const struct shmq *handle, struct findings *findings)
{
    const struct object *object = &handle->object;
    const uint64_t bytes = handle_geometry(handle)->object_bytes;
    char missing[MISSING_BYTES];
    if (object->copy && object->file_bytes > bytes)
        add_finding(findings, "the file has %llu bytes more than the queue",
                    (unsigned long long)(object->file_bytes - bytes));
    if (missing_describe(handle, missing)[0] != '\0')
        add_finding(findings, "%s", missing);
    if (object->copy || object_is_whole(object))
        return true;
    add_finding(findings, "the object no longer has its size of %llu bytes", (unsigned long long)bytes);
    return false;
}

static int check_all(struct shmq *handle, struct findings *findings)
{
    if (!check_whole(handle, findings))
        return -EBADMSG;
    check_header(handle, findings);
    const int error = check_lanes(handle, findings);
    if (error != 0)
        return error;
    for (uint32_t i = 0; i < handle_geometry(handle)->parameters.seats; i++)
        if (!seat_is_cut_off(handle, i))
            check_seat(handle, i, findings);
    return findings->count == 0 ? 0 : -EBADMSG;
}

int shmq_check(struct shmq *handle, void (*report)(void *context, const char *problem), void *context)
{
    struct findings findings = {.report = report, .context = context};
    const int error = handle_check_any(handle);
    return error != 0 ? error : check_all(handle, &findings);
}

int shmq_glance(struct shmq *handle, void (*report)(void *context, const char *problem), void *context)
{
    struct findings findings = {.report = report, .context = context, .brief = true};
    const int error = handle_check_any(handle);
    return error != 0 ? error : check_all(handle, &findings);
}
