/* SPDX-License-Identifier: MIT */
#include "common/core/marks_check.h"

#define MARKS_MOST 16384u   /* that are looked at unless all are */
#define RECORDS_MOST 256u   /* at marks that are looked at unless all are: each may cost a page fault */
#define COUNTED_CELLS 4096u /* at either end, whose records are counted */
#define CHECKPOINT_TRIES 4  /* a producer writes them while they are read */

static uint64_t load(const shared_u64 *word)
{
    return atomic_load_explicit(word, memory_order_acquire);
}

static bool fail(struct marks_fault *fault, uint64_t position, const char *problem)
{
    *fault = (struct marks_fault){position, problem};
    return false;
}

/* The distance from one look to the next, of @most at most. */
static uint64_t step_of(uint64_t count, uint64_t most, bool whole)
{
    return whole ? 1 : count / most + 1;
}

/* A mark is of a block that has its index, and at most where the owner may put next. Tail is read afterwards. */
static bool check_places(const struct ring *ring, bool whole, struct marks_fault *fault)
{
    const uint64_t step = step_of(ring->marks_mask, MARKS_MOST, whole);
    for (uint64_t i = 0; i <= ring->marks_mask; i += step) {
        const uint64_t position = load(&ring->marks[i].position);
        if (position == 0)
            continue;
        if (position < ring->cells || (marks_block(ring, position) & ring->marks_mask) != i ||
            position > load(&ring->control->tail) + ring->cells)
            return fail(fault, position, "a mark is of a place where it cannot be");
    }
    return true;
}

/* The part of a lane that is checked. */
struct part {
    uint64_t head;
    uint64_t tail;
    bool whole;
};

static bool is_counted(const struct part *part, const struct mark *from, const struct mark *to)
{
    return part->whole || to->position - part->head <= COUNTED_CELLS ||
           part->tail - from->position <= COUNTED_CELLS;
}

/* Whether a mark counts on from the one before. Records that are invalid are not its fault. */
static bool check_pair(const struct ring *ring, const struct part *part, const struct mark *from,
                       const struct mark *to, struct marks_fault *fault)
{
    struct marks_count there;
    const uint64_t cells = to->position - from->position;
    const uint64_t messages = to->messages - from->messages;
    const uint64_t bytes = to->bytes - from->bytes;
    if (messages == 0 || messages > cells || bytes > cells << CELL_SHIFT)
        return fail(fault, to->position, "a mark does not count on from the one before");
    if (is_counted(part, from, to) && marks_count_records(ring, from->position, to->position, &there) &&
        (there.messages != messages || there.bytes != bytes))
        return fail(fault, to->position, "a mark counts other messages than are there");
    return true;
}

static bool check_chain(const struct ring *ring, const struct part *part, struct marks_fault *fault)
{
    const uint64_t end = marks_block(ring, part->tail);
    const uint64_t first = marks_block(ring, part->head);
    const uint64_t step = step_of(end - first, MARKS_MOST, part->whole);
    const uint64_t record_step = step_of((end - first) / step, RECORDS_MOST, part->whole) * step;
    struct mark before = {0};
    for (uint64_t block = first; block <= end; block += step) {
        struct mark mark;
        uint64_t word;
        if (!marks_read(ring, block, &mark) || mark.position < part->head || mark.position >= part->tail)
            continue;
        if (!marks_is_time(mark.time_ns))
            return fail(fault, mark.position, "a mark has an impossible time");
        if ((block - first) % record_step == 0 && !ring_read_word(ring, mark.position, part->tail, &word))
            return fail(fault, mark.position, "a mark is not where a valid message begins");
        if (before.position != 0 && !check_pair(ring, part, &before, &mark, fault))
            return false;
        before = mark;
    }
    return true;
}

struct totals {
    uint64_t tail;
    uint64_t messages;
    uint64_t stream_offset;
};

/* They are overwritten only after the next tail is stored. Return: false if tail changes, or has none. */
static bool read_totals(const struct lane_control *control, struct totals *totals)
{
    totals->tail = load(&control->tail);
    for (uint32_t i = 0; i < 2; i++) {
        if (load(&control->checkpoints[i].tail) != totals->tail)
            continue;
        totals->messages = load(&control->checkpoints[i].messages);
        totals->stream_offset = load(&control->checkpoints[i].stream_offset);
        atomic_thread_fence(memory_order_acquire);
        return load(&control->checkpoints[i].tail) == totals->tail && load(&control->tail) == totals->tail;
    }
    return false;
}

static bool check_last(const struct ring *ring, uint64_t head, struct marks_fault *fault)
{
    struct totals totals = {0};
    struct mark mark;
    struct marks_count there;
    bool known = false;
    for (int tries = 0; tries < CHECKPOINT_TRIES && !known; tries++)
        known = read_totals(ring->control, &totals);
    if (!known || totals.tail < head || totals.tail - head > ring->cells ||
        !marks_last(ring, head, totals.tail, &mark) ||
        !marks_count_records(ring, mark.position, totals.tail, &there))
        return true;
    if (mark.messages + there.messages != totals.messages || mark.bytes + there.bytes > totals.stream_offset)
        return fail(fault, mark.position, "the last mark does not fit the checkpoint");
    return true;
}

bool marks_check(const struct ring *ring, uint64_t head, uint64_t tail, bool whole, struct marks_fault *fault)
{
    const struct part part = {.head = head, .tail = tail, .whole = whole};
    return check_places(ring, whole, fault) && check_chain(ring, &part, fault) && check_last(ring, head, fault);
}
