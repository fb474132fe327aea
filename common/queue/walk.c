/* SPDX-License-Identifier: MIT */
#include "common/queue/walk.h"

#include "common/core/header_block.h"
#include "common/core/marks_check.h"
#include "common/queue/seat.h"

#define WALK_TRIES 16
#define BRIEF_CELLS 4096u /* in a row, which a brief walk goes over all the same */
#define END_CELLS 1024u   /* at least, at either end of more */

static uint64_t load(const shared_u64 *word)
{
    return atomic_load_explicit(word, memory_order_acquire);
}

static int problem(struct walk *walk, uint64_t position, const char *text)
{
    walk->problem = text;
    walk->problem_position = position;
    return -EBADMSG;
}

/* Reads head, then claim, then tail: each can only have grown by the time the next is read. */
static int read_positions(const struct ring *ring, struct walk *walk)
{
    const uint64_t drop_end = load(&ring->control->drop_end);
    walk->head = load(&ring->control->head);
    walk->claim = load(&ring->control->claim);
    walk->tail = load(&ring->control->tail);
    if (walk->head < ring->cells)
        return problem(walk, walk->head, "head is before the lane's first position");
    if (walk->head > walk->claim)
        return problem(walk, walk->head, "head is beyond claim");
    if (walk->claim > walk->tail)
        return problem(walk, walk->claim, "claim is beyond tail");
    if (walk->tail > ring->max_position)
        return problem(walk, walk->tail, "tail is beyond the lane's last position");
    if (drop_end > walk->tail)
        return problem(walk, drop_end, "a message was dropped beyond tail");
    /* Both may have advanced meanwhile; the producer never gets more than a ring ahead of head. */
    if (walk->tail - load(&ring->control->head) > ring->cells && walk->tail > load(&ring->control->head))
        return problem(walk, walk->tail, "tail is more than a ring beyond head");
    return 0;
}

/* How many records of a leased batch its seat has acknowledged; 0 if the seat no longer names the batch. */
static uint32_t acknowledged(const struct shmq *handle, const struct ring *ring, uint64_t start, uint32_t seat)
{
    const struct seat *s = &handle->seats[seat];
    if (load(&s->intent_lane) != (uint64_t)ring->lane + 1 || load(&s->intent_position) != start)
        return 0;
    return progress_done(load(&s->progress));
}

/* Finds the bytes of payload, and those in the stream. Return: false if the header block is invalid. */
static bool measure(const struct ring *ring, uint64_t position, uint64_t word, uint64_t *bytes,
                    uint64_t *stream_bytes)
{
    struct header_view view;
    *bytes = (uint32_t)word;
    *stream_bytes = record_stream_bytes(word);
    if (!record_has_headers(word))
        return true;
    if (!header_read(ring_payload(ring, position), (uint32_t)word, &view))
        return false;
    *bytes -= view.payload_offset;
    *stream_bytes = record_stream_bytes(record_frame(view.frame, view.delimiter)) + *bytes;
    return true;
}

/* Records from @position to @end, of which a seat has acknowledged the first @skip. */
struct stretch {
    uint64_t position;
    uint64_t end;
    uint32_t skip;
    uint32_t seat; /* WALK_NOBODY: not leased */
};

static void visit_record(struct walk *walk, const struct stretch *stretch, uint64_t position, uint64_t word,
                         uint64_t index)
{
    const struct walk_record record = {
        .position = position, .word = word, .seat = stretch->seat, .first = index == stretch->skip};
    walk->stopped = walk->visit != NULL && !walk->visit(walk->context, &record);
}

/* The position behind the first @skip records of a stretch; its end if it has fewer, or one is invalid. */
static uint64_t skip_records(const struct ring *ring, const struct stretch *stretch)
{
    uint64_t position = stretch->position;
    for (uint32_t i = 0; i < stretch->skip && position < stretch->end; i++) {
        uint64_t word;
        if (!ring_read_word(ring, position, stretch->end, &word))
            return stretch->end;
        position += record_cells(word);
    }
    return position;
}

/* Counts a long stretch by the lane's marks, which do not tell what was dropped. Return: false if that fails. */
static bool count_by_marks(const struct ring *ring, struct walk *walk, const struct stretch *stretch,
                           uint64_t *count)
{
    struct marks_count there;
    if (!walk->by_marks || stretch->end - stretch->position <= UINT64_C(2) << ring->block_log2 ||
        stretch->position < load(&ring->control->drop_end))
        return false;
    const uint64_t first = skip_records(ring, stretch);
    if (first == stretch->end || !marks_count(ring, first, stretch->end, &there))
        return false;
    *count = stretch->skip + there.messages;
    walk->oldest = walk->oldest != 0 ? walk->oldest : first;
    walk->messages += there.messages;
    walk->bytes += there.bytes;
    return true;
}

/* Counts whole records, and those that are messages: not dropped. Each must begin in the stream where the previous
 * one ended. */
static int walk_each(const struct ring *ring, struct walk *walk, const struct stretch *stretch, uint64_t *count)
{
    uint64_t expected = 0;
    uint64_t position = stretch->position;
    const uint64_t end = stretch->end;
    for (*count = 0; position < end; ++*count) {
        uint64_t word;
        uint64_t bytes;
        uint64_t stream_bytes;
        if (!ring_read_word(ring, position, end, &word))
            return problem(walk, position, "a record's descriptor is invalid");
        const bool dropped = record_is_dropped(word);
        word = record_undropped(word);
        if (!measure(ring, position, word, &bytes, &stream_bytes))
            return problem(walk, position, "a record's header block is invalid");
        const uint64_t offset = load(&ring_record(ring, position)->stream_offset);
        if (*count > 0 && offset != expected)
            return problem(walk, position, "a record's stream offset is invalid");
        expected = offset + stream_bytes;
        if (*count >= stretch->skip && !dropped) {
            walk->oldest = walk->oldest != 0 ? walk->oldest : position;
            walk->messages++;
            walk->bytes += bytes;
            visit_record(walk, stretch, position, word, *count);
            if (walk->stopped)
                return 0;
        }
        position += cells_for((uint32_t)word);
    }
    return 0;
}

/* The first records of a long stretch, up to a mark, and the last ones, from a mark on. Return: as walk_each, of
 * which @count has at least as many as there are; -ENODATA if there is no such mark. */
static int walk_ends(const struct ring *ring, struct walk *walk, const struct stretch *stretch, uint64_t *count)
{
    struct mark first;
    struct mark last;
    uint64_t more;
    if (!marks_first(ring, stretch->position + END_CELLS, stretch->end, &first) ||
        !marks_last(ring, first.position, stretch->end - END_CELLS, &last))
        return -ENODATA;
    struct stretch part = *stretch;
    part.end = first.position;
    int error = walk_each(ring, walk, &part, count);
    part = (struct stretch){.position = last.position, .end = stretch->end, .seat = stretch->seat};
    if (error == 0)
        error = walk_each(ring, walk, &part, &more);
    *count = stretch->end - stretch->position;
    return error;
}

static int walk_records(const struct ring *ring, struct walk *walk, const struct stretch *stretch, uint64_t *count)
{
    if (count_by_marks(ring, walk, stretch, count))
        return 0;
    const bool is_long = walk->brief && stretch->end - stretch->position > BRIEF_CELLS;
    const int error = is_long ? walk_ends(ring, walk, stretch, count) : -ENODATA;
    return error == -ENODATA ? walk_each(ring, walk, stretch, count) : error;
}

static int walk_batch(const struct shmq *handle, const struct ring *ring, struct walk *walk, uint64_t start,
                      uint64_t *end)
{
    const uint64_t word = load(&ring->leases[start & ring->mask]);
    if (lease_word_lap(ring->format, word) != lease_lap_of(ring->format, start))
        return problem(walk, start, "a claimed batch has no lease word");
    *end = start + lease_word_span(ring->format, word);
    if (*end > walk->claim)
        return problem(walk, start, "a batch reaches beyond claim");
    const uint32_t seat = lease_word_seat(ring->format, word);
    if (seat >= handle_geometry(handle)->parameters.seats)
        return problem(walk, start, "a lease names a seat that does not exist");
    if (lease_word_done(word))
        return 0;

    uint64_t count;
    const uint64_t before = walk->messages;
    const uint32_t done = acknowledged(handle, ring, start, seat);
    const struct stretch batch = {.position = start, .end = *end, .skip = done, .seat = seat};
    const int error = walk_records(ring, walk, &batch, &count);
    if (error != 0 || walk->stopped)
        return error;
    if (done >= count && ring_is_leased(ring, start, seat) && acknowledged(handle, ring, start, seat) == done)
        return problem(walk, start, "a seat acknowledged more messages than its batch has");
    walk->leased += walk->messages - before;
    return 0;
}

/* A lease word of claim's lap was taken by a consumer that has not moved claim yet. A word of a later lap is an
 * error: no consumer could ever take it. */
static int check_word_at_claim(const struct ring *ring, struct walk *walk)
{
    const uint64_t word = load(&ring->leases[walk->claim & ring->mask]);
    const uint64_t lap = lease_lap_of(ring->format, walk->claim);
    if (lease_word_lap(ring->format, word) > lap)
        return problem(walk, walk->claim, "a lease word belongs to a later lap");
    if (lease_word_lap(ring->format, word) == lap &&
        walk->claim + lease_word_span(ring->format, word) > load(&ring->control->tail))
        return problem(walk, walk->claim, "a batch reaches beyond tail");
    return 0;
}

static int check_marks(const struct ring *ring, struct walk *walk)
{
    struct marks_fault fault;
    if (marks_check(ring, walk->head, walk->tail, !walk->brief, &fault))
        return 0;
    return problem(walk, fault.position, fault.problem);
}

static int walk_once(const struct shmq *handle, const struct ring *ring, struct walk *walk)
{
    *walk = (struct walk){.visit = walk->visit,
                          .context = walk->context,
                          .by_marks = walk->by_marks,
                          .brief = walk->brief,
                          .with_marks = walk->with_marks};
    int error = read_positions(ring, walk);
    uint64_t position = walk->head;
    while (error == 0 && !walk->stopped && position < walk->claim)
        error = walk_batch(handle, ring, walk, position, &position);
    if (error == 0 && !walk->stopped)
        error = check_word_at_claim(ring, walk);
    uint64_t count;
    const struct stretch rest = {.position = position, .end = walk->tail, .seat = WALK_NOBODY};
    if (error == 0 && !walk->stopped)
        error = walk_records(ring, walk, &rest, &count);
    return error == 0 && walk->with_marks ? check_marks(ring, walk) : error;
}

static int walk_until_stable(const struct shmq *handle, const struct ring *ring, struct walk *walk)
{
    for (int tries = 0; tries < WALK_TRIES; tries++) {
        const int error = walk_once(handle, ring, walk);
        if (error == 0 || walk->stopped)
            return error;
        /* Content that head has passed may be overwritten during the walk: if head or claim moved, try again. */
        atomic_thread_fence(memory_order_acquire); /* records are read relaxed */
        if (load(&ring->control->head) == walk->head && load(&ring->control->claim) == walk->claim)
            return error;
    }
    walk->problem = NULL;
    return -EAGAIN;
}

int walk_lane(const struct shmq *handle, const struct ring *ring, struct walk *walk)
{
    *walk = (struct walk){.with_marks = true};
    return walk_until_stable(handle, ring, walk);
}

int walk_briefly(const struct shmq *handle, const struct ring *ring, struct walk *walk)
{
    *walk = (struct walk){.brief = true, .with_marks = true};
    return walk_until_stable(handle, ring, walk);
}

int walk_count(const struct shmq *handle, const struct ring *ring, struct walk *walk)
{
    *walk = (struct walk){.by_marks = true};
    return walk_until_stable(handle, ring, walk);
}

int walk_messages(const struct shmq *handle, const struct ring *ring, struct walk *walk, walk_visitor *visit,
                  void *context)
{
    *walk = (struct walk){.visit = visit, .context = context};
    return walk_until_stable(handle, ring, walk);
}
