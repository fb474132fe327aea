/* SPDX-License-Identifier: MIT */
#include <string.h>
#include <sys/stat.h>

#include "common/core/header_block.h"
#include "common/queue/age.h"
#include "common/queue/due.h"
#include "common/queue/lane.h"
#include "common/queue/life_in_copy.h"
#include "common/queue/liveness.h"
#include "common/queue/mapping.h"
#include "common/queue/owner_info.h"
#include "common/queue/seat.h"
#include "common/queue/sized.h"
#include "common/queue/stat_counters.h"
#include "common/queue/waiting.h"
#include "common/queue/walk.h"

static uint64_t load(const shared_u64 *word)
{
    return atomic_load_explicit(word, memory_order_acquire);
}

/* What was put into a lane before its tail, or one publication ahead of it. */
struct put_totals {
    uint64_t tail;
    uint64_t messages;
    uint64_t stream_offset;
};

#define TOTALS_TRIES 1000 /* to read a checkpoint while its producer puts messages one by one */

/*
 * Reads the checkpoint of tail, or the next one if tail has moved on meanwhile. A checkpoint is overwritten only
 * after the other one is complete and published. Return: whether what was read is of one moment.
 */
static bool read_totals_once(const struct lane_control *control, struct put_totals *put)
{
    const struct checkpoint *entries = control->checkpoints;
    const uint64_t tail = load(&control->tail);
    const int newer = load(&entries[1].tail) > load(&entries[0].tail);
    /* If the older one is that of tail, its producer is about to publish the newer one, or died before that. */
    const bool published = load(&entries[!newer].tail) != tail;
    const struct checkpoint *entry = &entries[published ? newer : !newer];
    *put = (struct put_totals){.tail = load(&entry->tail),
                               .messages = load(&entry->messages),
                               .stream_offset = load(&entry->stream_offset)};
    if (load(&entry->tail) != put->tail)
        return false;
    return published ? load(&entries[!newer].tail) < put->tail : load(&control->tail) == put->tail;
}

static struct put_totals read_totals(const struct lane_control *control)
{
    struct put_totals put;
    for (int tries = 0; tries < TOTALS_TRIES && !read_totals_once(control, &put); tries++)
        ;
    return put;
}

/* Messages that were put and have left the lane since, dropped ones included; at least so many. @before: as
 * counted last. */
static uint64_t messages_gone(const struct ring *ring, const struct walk *walk, const struct put_totals *put,
                              uint64_t before)
{
    struct marks_count later = {0};
    const bool counted = put->tail <= walk->tail || marks_count(ring, walk->tail, put->tail, &later);
    if (!counted) /* overwritten meanwhile: no more than a message a cell */
        later.messages = put->tail - walk->tail;
    const uint64_t there = later.messages + walk->messages;
    const uint64_t gone = put->messages > there ? put->messages - there : 0;
    return counted || gone > before ? gone : before;
}

static uint64_t high_water_bytes(const struct ring *ring, const struct shmq_lane_stat *stat)
{
    const uint64_t cells = load(&ring->control->counters.high_cells);
    const uint64_t bytes = (cells <= ring->cells ? cells : ring->cells) << CELL_SHIFT;
    return bytes > stat->used_bytes ? bytes : stat->used_bytes;
}

static uint64_t used_bytes(const struct ring *ring, const struct walk *walk)
{
    const uint64_t cells = walk->tail >= walk->head ? walk->tail - walk->head : 0;
    return (cells <= ring->cells ? cells : ring->cells) << CELL_SHIFT;
}

/* What is counted by going through the lane. @bytes: receives the payload of its messages. */
static int fill_messages(struct shmq *handle, struct lane_view *view, struct shmq_lane_stat *stat, uint64_t *bytes)
{
    const struct ring *ring = &view->ring;
    struct walk walk;
    const int error = walk_count(handle, ring, &walk);
    const struct put_totals put = read_totals(ring->control);
    stat->head_position = walk.head;
    stat->claim_position = walk.claim;
    stat->tail_position = walk.tail;
    stat->used_bytes = used_bytes(ring, &walk);
    stat->high_water_bytes = high_water_bytes(ring, stat);
    stat->messages = walk.messages;
    stat->leased = walk.leased;
    stat->oldest_ns = walk.oldest != 0 ? age_in_lane(handle, ring, walk.oldest) : -1;
    stat->put_messages = put.messages;
    stat->put_bytes = put.stream_offset;
    if (error != -EAGAIN) /* otherwise not all of what is there was counted */
        view->gone = messages_gone(ring, &walk, &put, view->gone);
    stat->acknowledged = view->gone;
    *bytes = error == 0 ? walk.bytes : 0;
    return error == -EAGAIN ? 0 : error;
}

/* @stat is all zero before the call, but for .alive. @bytes: receives the payload of the lane's messages. */
static int fill_lane(struct shmq *handle, uint32_t lane, struct shmq_lane_stat *stat, uint64_t *bytes)
{
    *bytes = 0;
    stat->lane = lane;
    stat->attached_ns = -1;
    stat->active_ns = -1;
    stat->oldest_ns = -1;
    if (!handle_lane_used(handle, lane))
        return 0;

    struct lane_view *view;
    const int error = mapping_lane(handle, lane, &view);
    if (error != 0)
        return error;
    const struct lane_control *control = view->ring.control;
    const uint64_t life = load(&control->life);
    stat->used = true;
    if (!stat->alive && lane_life_state(life) == LANE_ACTIVE) /* perhaps it has just been taken */
        stat->alive = liveness_lane_now(handle, lane);
    stat->finished = lane_life_state(life) == LANE_FINISHED ||
                     (!stat->alive && atomic_load_explicit(&control->mover, memory_order_relaxed) != 0);
    stat->finishes = lane_life_finishes(life);
    stat->in_copy = life_in_copy(handle, &control->saved_life);
    stat->priority = atomic_load_explicit(&control->priority, memory_order_relaxed);
    stat->pid = (pid_t)atomic_load_explicit(&control->pid, memory_order_relaxed);
    owner_info_read(stat->program, control->program);
    stat->attached = load(&control->attached);
    stat->source_id = load(&control->source_id);
    stat_counters_lane(handle, control, stat);
    return fill_messages(handle, view, stat, bytes);
}

/* Messages that are moved to a buffer meanwhile are found in both places. So that a counter does not shrink, this
 * handle shows no less than before. */
static uint64_t no_less(uint64_t *shown, uint64_t value)
{
    *shown = value > *shown ? value : *shown;
    return *shown;
}

/* What consumers hold was the lane's, and is acknowledged no more than what they have leased in it. */
static void add_held(struct shmq *handle, struct shmq_lane_stat *stat)
{
    for (uint32_t i = 0; i < handle_geometry(handle)->parameters.seats; i++) {
        const struct seat *s = &handle->seats[i];
        if (load(&s->held_valid) != 1 || load(&s->held_lane) != stat->lane || seat_work(handle, i) != SEAT_HELD)
            continue;
        stat->messages++;
        stat->leased++;
        stat->acknowledged -= stat->acknowledged > 0;
        stat->oldest_ns = age_greater(stat->oldest_ns, age_in_seat(handle, s));
    }
}

int shmq_stat_lane(struct shmq *handle, uint32_t lane, struct shmq_lane_stat *stat)
{
    struct shmq_lane_stat all = {0};
    int error = handle_check_any(handle);
    if (error == 0)
        error = sized_check(stat, LANE_STAT_FIRST_BYTES, sizeof(*stat));
    if (error != 0 || lane >= handle_geometry(handle)->parameters.lanes)
        return error != 0 ? error : -EINVAL;
    uint64_t bytes;
    all.alive = liveness_lane_now(handle, lane);
    error = fill_lane(handle, lane, &all, &bytes);
    if (all.used) {
        add_held(handle, &all);
        all.acknowledged = no_less(&handle->lanes[lane].acknowledged, all.acknowledged);
    }
    sized_give(stat, &all);
    return error;
}

/* Messages of a batch behind the first @skip records. */
static uint64_t count_messages(const struct ring *ring, const struct ring_batch *batch, uint32_t skip)
{
    uint64_t position = batch->start;
    uint64_t count = 0;
    for (uint32_t i = 0; i < batch->count; i++) {
        uint64_t word;
        if (!ring_read_word(ring, position, batch->end, &word))
            break; /* it has been finished and overwritten meanwhile */
        count += i >= skip && !record_is_dropped(word);
        position += record_cells(word);
    }
    return count;
}

static void stat_lease(const struct shmq *handle, uint32_t seat, const struct ring *ring, uint64_t position,
                       struct shmq_seat_stat *stat)
{
    struct ring_batch batch;
    if (!ring_is_leased(ring, position, seat) || ring_find_lease(ring, position, seat, &batch) != 0)
        return;
    const uint64_t progress = load(&handle->seats[seat].progress);
    stat->leased = count_messages(ring, &batch, progress_done(progress));
    stat->attempts = progress_attempts(progress);
}

static int stat_work(struct shmq *handle, uint32_t seat, struct shmq_seat_stat *stat)
{
    const struct seat *s = &handle->seats[seat];
    struct seat_lease lease;
    struct seat_held held;
    const int work = seat_work_of(handle, seat, &lease);
    if (work < 0)
        return work;
    if (work == SEAT_LEASE) {
        stat->position = lease.position;
        stat->lane = lease.view->ring.lane;
        stat_lease(handle, seat, &lease.view->ring, lease.position, stat);
    } else if (work == SEAT_HELD) {
        if (!seat_read_held(handle, seat, &held))
            return -EBADMSG;
        stat->holding = true;
        stat->lane = (uint32_t)held.lane;
        stat->position = held.position;
        stat->leased = 1;
        stat->attempts = progress_attempts(load(&s->held_attempts));
        stat->aside = !stat->alive && stat->in_copy != SHMQ_IN_COPY_ALIVE && aside_due_ns(s) != 0;
        stat->aside_left_ns = stat->aside ? aside_left_ns(s, handle_now_ns(handle)) : 0;
    }
    return 0;
}

int shmq_stat_seat(struct shmq *handle, uint32_t seat, struct shmq_seat_stat *stat)
{
    struct shmq_seat_stat all = {0};
    int error = handle_check_any(handle);
    if (error == 0)
        error = sized_check(stat, SEAT_STAT_FIRST_BYTES, sizeof(*stat));
    if (error != 0 || seat >= handle_geometry(handle)->parameters.seats)
        return error != 0 ? error : -EINVAL;
    const struct seat *s = &handle->seats[seat];
    all.seat = seat;
    all.pid = (pid_t)atomic_load_explicit(&s->pid, memory_order_relaxed);
    all.taken = all.pid != 0;
    all.alive = liveness_seat_now(handle, seat);
    all.in_copy = life_in_copy(handle, &s->saved_life);
    all.waiting = life_may_be(all.alive, all.in_copy) && all.taken &&
                  atomic_load_explicit(&s->waiting, memory_order_relaxed) != 0;
    owner_info_read(all.program, s->program);
    all.delivered = load(&s->delivered);
    all.delivered_bytes = load(&s->delivered_bytes);
    error = stat_work(handle, seat, &all);
    stat_counters_seat(handle, s, &all);
    sized_give(stat, &all);
    return error;
}

static void add_lane(const struct shmq *handle, struct shmq_stat *stat, const struct shmq_lane_stat *lane)
{
    stat->producers += lane->alive;
    stat->lanes_used += lane->used;
    stat->unfinished += lane->used && !lane->finished && !lane->alive && lane->in_copy != SHMQ_IN_COPY_ALIVE;
    stat->finished += lane->finishes;
    stat->messages += lane->messages;
    stat->leased += lane->leased;
    stat->put_messages += lane->put_messages;
    stat->put_bytes += lane->put_bytes;
    stat->acknowledged += lane->acknowledged;
    stat->used_bytes += lane->used_bytes;
    if (lane->used && (lane->alive || lane->in_copy == SHMQ_IN_COPY_ALIVE || lane->used_bytes != 0))
        stat->room_bytes += handle_geometry(handle)->parameters.capacity_bytes;
    if (lane->high_water_bytes > stat->high_water_bytes)
        stat->high_water_bytes = lane->high_water_bytes;
    stat->oldest_ns = age_greater(stat->oldest_ns, lane->oldest_ns);
}

static void set_fill(struct shmq_stat *stat)
{
    if (stat->blocked > 0)
        stat->fill_percent = 100;
    else if (stat->room_bytes != 0) /* in cells, so that the product fits */
        stat->fill_percent = (uint32_t)((stat->used_bytes >> CELL_SHIFT) * 100 / (stat->room_bytes >> CELL_SHIFT));
}

static int add_lanes(struct shmq *handle, const struct liveness *liveness, struct shmq_stat *stat)
{
    int result = 0;
    stat->oldest_ns = -1;
    for (uint32_t i = 0; i < stat->lanes; i++) {
        struct shmq_lane_stat lane = {.alive = liveness_of_lane(liveness, i)};
        uint64_t bytes;
        const int error = fill_lane(handle, i, &lane, &bytes);
        if (error != 0)
            result = error;
        add_lane(handle, stat, &lane);
        stat_counters_add_lane(stat, &lane);
        stat->message_bytes += bytes;
    }
    set_fill(stat);
    return result;
}

/* Reads the buffer instead of mapping it, because mapping would reserve it. @word: the message's descriptor. */
static uint64_t held_payload_bytes(const struct shmq *handle, uint32_t seat, uint64_t word)
{
    const uint64_t bytes = (uint32_t)word;
    const uint64_t offset = geometry_buffer_offset(handle_geometry(handle), seat);
    struct header_prefix prefix;
    if (!record_has_headers(word))
        return bytes;
    const bool whole = object_read(&handle->object, &prefix, sizeof(prefix), offset) == 0;
    return whole && prefix.payload_offset <= bytes ? bytes - prefix.payload_offset : 0;
}

static void add_aside(const struct shmq *handle, const struct seat *s, struct shmq_stat *stat)
{
    if (aside_due_ns(s) == 0)
        return;
    const int64_t left_ns = aside_left_ns(s, handle_now_ns(handle));
    if (stat->aside++ == 0 || left_ns < stat->aside_left_ns)
        stat->aside_left_ns = left_ns;
}

static int add_seats(struct shmq *handle, const struct liveness *liveness, struct shmq_stat *stat)
{
    int result = 0;
    for (uint32_t i = 0; i < stat->seats; i++) {
        const struct seat *s = &handle->seats[i];
        stat->consumers += liveness_of_seat(liveness, i);
        stat_counters_add_seat(stat, s);
        if (load(&s->held_valid) != 1 || seat_work(handle, i) != SEAT_HELD)
            continue;
        struct seat_held held;
        if (!seat_read_held(handle, i, &held)) {
            result = -EBADMSG;
            continue;
        }
        stat->messages++;
        stat->leased++;
        stat->acknowledged -= stat->acknowledged > 0;
        stat->oldest_ns = age_greater(stat->oldest_ns, age_in_seat(handle, s));
        stat->message_bytes += held_payload_bytes(handle, i, held.word);
        if (!liveness_seat_now(handle, i) && life_in_copy(handle, &s->saved_life) != SHMQ_IN_COPY_ALIVE)
            add_aside(handle, s, stat);
    }
    return result;
}

static uint32_t shut_down_by(uint32_t flags)
{
    if ((flags & FLAG_NOW) != 0)
        return SHMQ_NOW;
    return (flags & FLAG_DRAIN) != 0 ? SHMQ_DRAIN : 0;
}

static uint32_t place_of(const struct shmq *handle)
{
    switch (handle->role) {
    case SHMQ_PRODUCER:
        return handle->producer.view->ring.lane;
    case SHMQ_CONSUMER:
        return atomic_load_explicit(&handle->consumer.seat, memory_order_relaxed);
    default:
        return UINT32_MAX;
    }
}

int shmq_info(struct shmq *handle, struct shmq_info *info)
{
    int error = handle_check_any(handle);
    if (error == 0)
        error = sized_check(info, INFO_FIRST_BYTES, sizeof(*info));
    if (error != 0)
        return error;
    const struct parameters *p = &handle_geometry(handle)->parameters;
    const uint32_t flags = handle_flags(handle);
    const struct shmq_info all = {
        .queue_id = handle->object.queue_id,
        .capacity_bytes = p->capacity_bytes,
        .max_message_bytes = p->max_message_bytes,
        .object_bytes = handle_geometry(handle)->object_bytes,
        .tick_ns = p->tick_ns,
        .lanes = p->lanes,
        .seats = p->seats,
        .mode = handle->object.mode,
        .owner = handle->object.owner,
        .group = handle->object.group,
        .shut_down = shut_down_by(flags),
        .removed = handle_is_stale(handle),
        .full_fences = (flags & FLAG_FULL_FENCES) != 0,
        .lost = (flags & FLAG_LOST) != 0,
        .paused = (flags & FLAG_PAUSED) != 0,
        .place = place_of(handle),
        .predecessor = handle->role == SHMQ_PRODUCER ? handle->producer.found.unfinished : 0,
        .predecessor_died =
            handle->role == SHMQ_PRODUCER && handle->producer.found.unfinished != 0 && handle->producer.found.died,
    };
    sized_give(info, &all);
    return 0;
}

static void add_info(struct shmq *handle, struct shmq_stat *stat)
{
    struct shmq_info info = SHMQ_INFO_INIT;
    (void)shmq_info(handle, &info); /* the handle is checked */
    stat->queue_id = info.queue_id;
    stat->capacity_bytes = info.capacity_bytes;
    stat->max_message_bytes = info.max_message_bytes;
    stat->lanes = info.lanes;
    stat->seats = info.seats;
    stat->tick_ns = info.tick_ns;
    stat->object_bytes = info.object_bytes;
    stat->mode = info.mode;
    stat->owner = info.owner;
    stat->group = info.group;
    stat->shut_down = info.shut_down;
    stat->removed = info.removed;
    stat->full_fences = info.full_fences;
    stat->lost = info.lost;
    stat->paused = info.paused;
    memcpy(stat->name, handle->object.queue, sizeof(stat->name));
    stat->copy = handle->object.copy;
    if (handle->object.copy)
        stat->as_of_s = handle->copied_realtime_ns / 1000000000;
    if (handle->object.copy && load(&handle->header->saved_ns) != 0)
        stat->saved_s = stat->as_of_s;
}

int shmq_stat(struct shmq *handle, struct shmq_stat *stat)
{
    struct liveness liveness;
    struct shmq_stat all = {0};
    int error = handle_check_any(handle);
    if (error == 0)
        error = sized_check(stat, STAT_FIRST_BYTES, sizeof(*stat));
    if (error != 0)
        return error;
    add_info(handle, &all);
    stat_counters_header(handle, &all);
    all.reserved_bytes = object_reserved_bytes(&handle->object);
    all.sleepers = all.paused ? waiting_seats(handle) : (uint32_t)load(&handle->header->bell);
    all.events = load(&handle->header->events);
    liveness_look(handle, &liveness);
    error = add_lanes(handle, &liveness, &all);
    if (add_seats(handle, &liveness, &all) != 0 || !object_is_whole(&handle->object))
        error = -EBADMSG;
    all.acknowledged = no_less(&handle->acknowledged, all.acknowledged);
    /* Looked up last: so it is never younger than the oldest message. */
    all.created_ns = handle_age_ns(handle, (uint64_t)handle->header->created_ns);
    sized_give(stat, &all);
    return error;
}
