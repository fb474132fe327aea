/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "common/kernel/sparse.h"
#include "common/queue/liveness.h"
#include "common/queue/mapping.h"
#include "common/queue/save.h"

#define TRIES 100000    /* to read a tail and its checkpoint while a producer puts messages one by one */
#define SOURCE_TRIES 50 /* to read a tail beside the slots of a source that changes them with each put */
#define RECORDS_AT_ONCE 4096u

union control_copy {
    struct lane_control control;
    uint64_t words[sizeof(struct lane_control) / sizeof(uint64_t)];
};

static uint64_t load(const shared_u64 *word)
{
    return atomic_load_explicit(word, memory_order_acquire);
}

static void store(shared_u64 *word, uint64_t value)
{
    atomic_store_explicit(word, value, memory_order_relaxed);
}

static const struct ring *ring_of(const struct save *save, uint32_t lane)
{
    return &save->handle->lanes[lane].ring;
}

/* ------------------------------------------------------------------ control */

/*
 * Reads tail with the checkpoint and cursor that belong to it. They are overwritten only after the next tail is
 * stored: as long as tail is the same afterwards, they are whole.
 * Return: false if tail has changed, or has no checkpoint.
 */
static bool read_tail(const struct lane_control *shared, struct lane_control *copy)
{
    const uint64_t tail = load(&shared->tail);
    for (uint32_t i = 0; i < 2; i++) {
        if (load(&shared->checkpoints[i].tail) != tail)
            continue;
        store(&copy->tail, tail);
        save_load(&copy->checkpoints[0], &shared->checkpoints[i], sizeof(copy->checkpoints[0]));
        save_load(copy->cursors[0], shared->cursors[i], sizeof(copy->cursors[0]));
        atomic_thread_fence(memory_order_acquire);
        memset(&copy->checkpoints[1], 0, sizeof(copy->checkpoints[1]));
        memcpy(copy->cursors[1], copy->cursors[0], sizeof(copy->cursors[0]));
        return load(&shared->checkpoints[i].tail) == tail && load(&shared->tail) == tail;
    }
    return false;
}

static bool has_same_owner(const struct lane_control *shared, const struct lane_control *copy)
{
    return load(&shared->attached) == load(&copy->attached) &&
           load(&shared->source_id) == load(&copy->source_id) && load(&shared->note) == load(&copy->note) &&
           load(&shared->slot_epoch) == load(&copy->slot_epoch);
}

/* Counters come before tail, so that nothing in the copy has seen more than the copy has. */
static int read_control(const struct lane_control *shared, union control_copy *copy)
{
    for (int tries = 0; tries < TRIES; tries++) {
        save_load(copy->words, shared, sizeof(*copy));
        atomic_thread_fence(memory_order_acquire);
        if (read_tail(shared, &copy->control) && has_same_owner(shared, &copy->control))
            return 0;
    }
    return -EAGAIN;
}

/* ------------------------------------------------------------------ slots of the source */

/* Only what has memory is read. Return: bytes up to the last slot that has. */
static uint64_t read_slots(const struct save *save, uint32_t lane, unsigned char *slots)
{
    const struct geometry *g = handle_geometry(save->handle);
    const uint64_t begin = geometry_slots_offset(g, lane);
    const uint64_t end = begin + g->slots_bytes;
    uint64_t at = begin;
    while ((at = sparse_next_data(save->handle->object.fd, at, end)) < end) {
        const uint64_t bytes = end - at < 4096 ? end - at : 4096;
        if (sparse_read(save->handle->object.fd, slots + (at - begin), bytes, at) != bytes)
            break;
        at += bytes;
    }
    return at - begin;
}

/*
 * Between two equal looks at the slots, the tail fits them: what a slot says is put, and whoever finds a message
 * finds what was stored before it. If they change too often, the look before the tail counts: then a source begins
 * again a little too early.
 */
static int read_source(struct save *save, uint32_t lane, union control_copy *copy, unsigned char *slots)
{
    const struct geometry *g = handle_geometry(save->handle);
    unsigned char *const after = calloc(1, g->slots_bytes);
    int error = after == NULL ? -ENOMEM : 0;
    for (int tries = 0; error == 0 && tries < SOURCE_TRIES; tries++) {
        memset(slots, 0, g->slots_bytes);
        (void)read_slots(save, lane, slots);
        error = read_control(ring_of(save, lane)->control, copy);
        memset(after, 0, g->slots_bytes);
        (void)read_slots(save, lane, after);
        if (memcmp(slots, after, g->slots_bytes) == 0)
            break;
    }
    free(after);
    return error;
}

static int write_slots(const struct save *save, uint32_t lane, const unsigned char *slots)
{
    static const struct source_slot none;
    const struct geometry *g = handle_geometry(save->handle);
    int error = 0;
    for (uint64_t at = 0; error == 0 && at < g->slots_bytes; at += sizeof(none))
        if (memcmp(slots + at, &none, sizeof(none)) != 0)
            error = sparse_write(save->fd, slots + at, sizeof(none), geometry_slots_offset(g, lane) + at);
    return error;
}

static int save_control(struct save *save, uint32_t lane)
{
    const struct geometry *g = handle_geometry(save->handle);
    union control_copy copy;
    unsigned char *slots = malloc(g->slots_bytes);
    int error = slots == NULL ? -ENOMEM : read_source(save, lane, &copy, slots);
    if (error == 0)
        error = write_slots(save, lane, slots);
    free(slots);
    if (error != 0)
        return error;
    save->lanes[lane].tail = load(&copy.control.tail);
    store(&copy.control.wanted_head, 0); /* nobody sleeps in a copy */
    save_life(save, &copy.control.saved_life, liveness_lane_now(save->handle, lane));
    return sparse_write(save->fd, copy.words, sizeof(copy), geometry_lane_offset(g, lane));
}

/* ------------------------------------------------------------------ batches */

/* Batches that are done become one with those before them. */
static int add_batch(struct saved_lane *lane, const struct saved_batch *batch)
{
    struct saved_batch *const last = lane->count > 0 ? &lane->batches[lane->count - 1] : NULL;
    if (last != NULL && last->done && batch->done) {
        last->end = batch->end;
        return 0;
    }
    if (lane->count == lane->room) {
        const size_t room = lane->room == 0 ? 64 : 2 * lane->room;
        struct saved_batch *more = realloc(lane->batches, room * sizeof(*more));
        if (more == NULL)
            return -ENOMEM;
        lane->batches = more;
        lane->room = room;
    }
    lane->batches[lane->count++] = *batch;
    return 0;
}

/* Whether the lane can have what lies between them. Otherwise copying it might not end. Head is read after tail,
 * so it may be beyond it. */
static bool is_possible(const struct ring *ring, uint64_t head, uint64_t tail)
{
    return head >= ring->cells && head <= ring->max_position && tail <= ring->max_position &&
           (head >= tail || tail - head <= ring->cells);
}

/*
 * Follows the lease words from head on. Boundaries of batches never change, and words only from leased to done,
 * until head has passed them.
 */
static int read_batches(const struct ring *ring, struct saved_lane *lane)
{
    uint64_t position = load(&ring->control->head);
    lane->count = 0;
    lane->head = position;
    if (!is_possible(ring, position, lane->tail))
        return -EBADMSG;
    while (position < lane->tail) {
        const uint64_t word = load(&ring->leases[position & ring->mask]);
        const uint64_t lap = lease_lap_of(ring->format, position);
        if (lease_word_lap(ring->format, word) < lap)
            break;
        const uint64_t head = load(&ring->control->head);
        if (lease_word_lap(ring->format, word) > lap && head > position) { /* overwritten */
            lane->count = 0;
            lane->head = position = head;
            continue;
        }
        const uint64_t end = position + lease_word_span(ring->format, word);
        const struct saved_batch batch = {.start = position,
                                          .end = end < lane->tail ? end : lane->tail,
                                          .seat = lease_word_seat(ring->format, word),
                                          .done = lease_word_done(word)};
        const int error = add_batch(lane, &batch);
        if (error != 0)
            return error;
        position = end;
    }
    lane->claim = position < lane->tail ? position : lane->tail;
    return 0;
}

/* ------------------------------------------------------------------ messages */

/* Copies a piece of a lane, at the same place. */
static int copy_range(const struct save *save, uint64_t offset, uint64_t bytes)
{
    uint64_t done;
    const int error = sparse_copy(save->handle->object.fd, save->fd, offset, offset + bytes, &done);
    return error != 0 || done == offset + bytes ? error : -EBADMSG; /* it was cut off */
}

static int copy_records(const struct save *save, uint32_t lane, uint64_t index, uint64_t cells)
{
    const struct geometry *g = handle_geometry(save->handle);
    const struct record *records = ring_of(save, lane)->records;
    uint64_t *const words = malloc(RECORDS_AT_ONCE * sizeof(struct record));
    int error = words == NULL ? -ENOMEM : 0;
    while (error == 0 && cells > 0) {
        const uint64_t count = cells < RECORDS_AT_ONCE ? cells : RECORDS_AT_ONCE;
        save_load(words, &records[index], count * sizeof(struct record));
        error = sparse_write(save->fd, words, count * sizeof(struct record),
                             geometry_lane_offset(g, lane) + g->record_offset + index * sizeof(struct record));
        index += count;
        cells -= count;
    }
    free(words);
    return error;
}

/* Descriptors and payloads of a part of the ring that does not go over its end. */
static int copy_cells(const struct save *save, uint32_t lane, uint64_t index, uint64_t cells)
{
    const struct geometry *g = handle_geometry(save->handle);
    const uint64_t arena = geometry_lane_offset(g, lane) + g->arena_offset;
    const int error = copy_range(save, arena + (index << CELL_SHIFT), cells << CELL_SHIFT);
    return error != 0 ? error : copy_records(save, lane, index, cells);
}

/* What consumers pass meanwhile need not be copied. */
static int copy_messages(const struct save *save, uint32_t lane)
{
    const struct ring *ring = ring_of(save, lane);
    const uint64_t tail = save->lanes[lane].tail;
    uint64_t position = save->lanes[lane].head;
    int error = 0;
    while (error == 0 && position < tail) {
        const uint64_t head = load(&ring->control->head);
        position = position < head ? head : position;
        if (position >= tail)
            break;
        const uint64_t index = position & ring->mask;
        const uint64_t most = SPARSE_PIECE_BYTES >> CELL_SHIFT;
        uint64_t cells = ring->cells - index < tail - position ? ring->cells - index : tail - position;
        cells = cells < most ? cells : most;
        error = copy_cells(save, lane, index, cells);
        position += cells;
    }
    return error;
}

/* ------------------------------------------------------------------ marks */

/* Return: false if it changes at this moment, or is of a message behind the copy's tail. */
static bool read_mark(const struct lane_mark *shared, uint64_t tail, struct lane_mark *mark)
{
    const uint64_t position = load(&shared->position);
    save_load(mark, shared, sizeof(*mark));
    atomic_thread_fence(memory_order_acquire);
    return position != 0 && position <= tail && load(&mark->position) == position &&
           load(&shared->position) == position;
}

static int copy_marks(const struct save *save, uint32_t lane)
{
    const struct geometry *g = handle_geometry(save->handle);
    const uint64_t offset = geometry_lane_offset(g, lane) + g->marks_offset;
    const struct lane_mark *marks = (const struct lane_mark *)(save->handle->lanes[lane].base + g->marks_offset);
    int error =
        copy_range(save, geometry_lane_offset(g, lane) + g->times_offset, g->lease_offset - g->times_offset);
    for (uint64_t i = 0; error == 0 && i < g->marks; i++) {
        struct lane_mark mark;
        if (read_mark(&marks[i], save->lanes[lane].tail, &mark) ||
            read_mark(&marks[i], save->lanes[lane].tail, &mark))
            error = sparse_write(save->fd, &mark, sizeof(mark), offset + i * sizeof(mark));
    }
    return error;
}

int save_lane(struct save *save, uint32_t lane)
{
    struct lane_view *view;
    int error = mapping_lane(save->handle, lane, &view);
    if (error == 0)
        error = save_control(save, lane);
    if (error == 0)
        error = read_batches(&view->ring, &save->lanes[lane]);
    if (error == 0)
        error = copy_messages(save, lane);
    return error != 0 ? error : copy_marks(save, lane);
}

/* ------------------------------------------------------------------ what is in the copy in the end */

static void remove_first(struct saved_lane *lane, size_t count)
{
    lane->count -= count;
    memmove(lane->batches, lane->batches + count, lane->count * sizeof(*lane->batches));
}

void save_lane_settle(struct save *save, uint32_t lane)
{
    struct saved_lane *l = &save->lanes[lane];
    const uint64_t head = load(&ring_of(save, lane)->control->head);
    size_t passed = 0;
    while (passed < l->count && l->batches[passed].end <= head)
        passed++;
    if (passed > 0)
        remove_first(l, passed);
    if (l->count > 0 && l->batches[0].start < head)
        l->batches[0].start = head; /* several that are done */
    l->head = head < l->tail ? head : l->tail;
    l->claim = l->claim < l->head ? l->head : l->claim;
}

/* How many records a piece of the copy has. Return: negative errno if they cannot be read. */
static int64_t count_records(const struct save *save, uint32_t lane, uint64_t start, uint64_t end)
{
    const struct geometry *g = handle_geometry(save->handle);
    const struct ring *ring = ring_of(save, lane);
    const uint64_t records = geometry_lane_offset(g, lane) + g->record_offset;
    int64_t count = 0;
    while (start < end) {
        uint64_t word;
        const uint64_t at = records + (start & ring->mask) * sizeof(struct record);
        if (sparse_read(save->fd, &word, sizeof(word), at) != sizeof(word))
            return -EBADMSG;
        start += record_cells(word);
        count++;
    }
    return count;
}

/*
 * A seat that no longer names a batch has finished it, or moved its last message to the seat's buffer. Of a batch
 * that goes beyond the copy's tail, all that is in the copy may be acknowledged.
 */
static bool is_leased(const struct save *save, uint32_t lane, const struct saved_batch *batch,
                      const struct saved_seat *seats)
{
    if (batch->done || batch->seat >= handle_geometry(save->handle)->parameters.seats)
        return false;
    const struct saved_seat *seat = &seats[batch->seat];
    if (seat->work != SAVED_LEASE || seat->lane != lane || seat->position != batch->start)
        return false;
    const uint32_t done = progress_done(seat->progress);
    return done == 0 || batch->end < save->lanes[lane].tail ||
           count_records(save, lane, batch->start, batch->end) > (int64_t)done;
}

static int write_word(const struct save *save, uint32_t lane, const struct saved_batch *batch)
{
    const struct geometry *g = handle_geometry(save->handle);
    const struct ring *ring = ring_of(save, lane);
    const uint64_t word = lease_word(ring->format, batch->start, batch->end - batch->start, batch->seat,
                                     batch->done ? LEASE_DONE : LEASE_TAKEN);
    return sparse_write(save->fd, &word, sizeof(word),
                        geometry_lane_offset(g, lane) + g->lease_offset +
                            (batch->start & ring->mask) * sizeof(word));
}

static int write_positions(const struct save *save, uint32_t lane)
{
    const struct saved_lane *l = &save->lanes[lane];
    const uint64_t offset = geometry_lane_offset(handle_geometry(save->handle), lane);
    const int error =
        sparse_write(save->fd, &l->head, sizeof(l->head), offset + offsetof(struct lane_control, head));
    return error != 0 ? error
                      : sparse_write(save->fd, &l->claim, sizeof(l->claim),
                                     offset + offsetof(struct lane_control, claim));
}

int save_lane_words(struct save *save, uint32_t lane, const struct saved_seat *seats)
{
    struct saved_lane *l = &save->lanes[lane];
    size_t done = 0;
    int error = 0;
    for (size_t i = 0; i < l->count; i++)
        l->batches[i].done = !is_leased(save, lane, &l->batches[i], seats);
    while (done < l->count && l->batches[done].done)
        l->head = l->batches[done++].end;
    for (size_t i = done; error == 0 && i < l->count; i++)
        error = write_word(save, lane, &l->batches[i]);
    return error != 0 ? error : write_positions(save, lane);
}
