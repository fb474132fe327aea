/* SPDX-License-Identifier: MIT */
#include "common/core/ring.h"

#include <errno.h>

void ring_format(const struct ring *ring, uint64_t position)
{
    struct lane_control *control = ring->control;
    atomic_store_explicit(&control->checkpoints[1].tail, 0, memory_order_relaxed);
    atomic_store_explicit(&control->checkpoints[0].stream_offset, 0, memory_order_relaxed);
    atomic_store_explicit(&control->checkpoints[0].messages, 0, memory_order_relaxed);
    atomic_store_explicit(&control->checkpoints[0].tail, position, memory_order_relaxed);
    ring_write_cursor(control, 0, (const uint64_t[CURSOR_WORDS]){0});
    atomic_store_explicit(&control->head, position, memory_order_relaxed);
    atomic_store_explicit(&control->claim, position, memory_order_relaxed);
    atomic_store_explicit(&control->tail, position, memory_order_release);
}

/* Returns the index of @tail's checkpoint, or -1. */
static int find_checkpoint(const struct lane_control *control, uint64_t tail)
{
    for (int i = 0; i < 2; i++)
        if (atomic_load_explicit(&control->checkpoints[i].tail, memory_order_acquire) == tail)
            return i;
    return -1;
}

/* The end of the room while head is there. */
static uint64_t limit_of(const struct ring *ring, uint64_t head)
{
    const uint64_t limit = head + ring->cells;
    return limit < ring->max_position ? limit : ring->max_position;
}

int ring_producer_init(struct ring_producer *producer, const struct ring *ring)
{
    const struct lane_control *control = ring->control;
    const uint64_t head = atomic_load_explicit(&control->head, memory_order_acquire);
    const uint64_t tail = atomic_load_explicit(&control->tail, memory_order_acquire);
    const int entry = find_checkpoint(control, tail);
    if (tail < ring->cells || tail > ring->max_position || head > tail || tail - head > ring->cells || entry < 0)
        return -EBADMSG;

    *producer = (struct ring_producer){
        .ring = *ring,
        .next = tail,
        .head = head,
        .room = limit_of(ring, head),
        .stream_offset = atomic_load_explicit(&control->checkpoints[entry].stream_offset, memory_order_relaxed),
        .messages = atomic_load_explicit(&control->checkpoints[entry].messages, memory_order_relaxed),
        .turn = (uint32_t)(entry ^ 1),
    };
    /* A producer that sets no cursor writes none, so both checkpoints must have the present one. */
    uint64_t cursor[CURSOR_WORDS];
    ring_read_cursor(control, (uint32_t)entry, cursor);
    ring_write_cursor(ring->control, (uint32_t)entry ^ 1, cursor);
    return 0;
}

/* P2: acquire of head. A consumer that finished a batch has read it before we overwrite it. */
static int refresh_head(struct ring_producer *producer)
{
    const uint64_t head = atomic_load_explicit(&producer->ring.control->head, memory_order_acquire);
    if (head < producer->head || head > producer->next)
        return -EBADMSG;
    producer->head = head;
    producer->room = limit_of(&producer->ring, head);
    ring_set_limit(producer);
    ring_note_used(producer, producer->next - head);
    return 0;
}

int ring_make_room(struct ring_producer *producer, uint64_t need_cells)
{
    if (producer->next + need_cells > producer->ring.max_position)
        return -EOVERFLOW;
    for (int reclaimed = 0;; reclaimed = 1) {
        int error = refresh_head(producer);
        if (error != 0 || ring_fits(producer, need_cells))
            return error;
        if (reclaimed) {
            ring_note_used(producer, producer->ring.cells);
            return -EAGAIN;
        }
        error = ring_reclaim(&producer->ring);
        if (error != 0)
            return error;
    }
}

static inline void prefetch_for_writing(const void *line)
{
#if defined(__x86_64__)
    /* By default, compilers target the oldest processors and drop the "for writing" of the builtin. */
    __asm__ __volatile__("prefetchw %0" : : "m"(*(const char *)line));
#else
    __builtin_prefetch(line, 1);
#endif
}

#define LINES_MAX 16u

/* Lines that another processor has read last are slow to write. */
void ring_prefetch_room(const struct ring *ring, uint64_t ahead, uint64_t limit, uint64_t cells)
{
    const uint64_t lines = cells < LINES_MAX ? cells : LINES_MAX;
    if (ahead + lines > limit)
        return;
    for (uint64_t i = 0; i < lines; i++)
        prefetch_for_writing(ring_payload(ring, ahead + i));
    prefetch_for_writing(ring_record(ring, ahead));
}

/* Moves claim from @from to @to, unless another process has done so. */
static void help_claim(const struct ring *ring, uint64_t from, uint64_t to)
{
    atomic_compare_exchange_strong_explicit(&ring->control->claim, &from, to, memory_order_seq_cst,
                                            memory_order_relaxed);
}

/* Lines from another processor arrive slowly, so they are prefetched while earlier ones are checked. */
#define RECORDS_AHEAD 48u
#define CELLS_AHEAD 16u
#define RECORDS_A_LINE 4u

/*
 * Copies the words of records from @start on, as long as they have 1 to CELL_BYTES bytes and the framing of the
 * first; at most @most of them, and none beyond @tail. Works by whole lines of descriptors, so it may stop before
 * the first record of another kind. Return: how many.
 */
static uint32_t choose_short(const struct ring *ring, uint64_t start, uint64_t tail, uint64_t most,
                             uint64_t *words)
{
    const uint64_t index = start & ring->mask;
    const uint64_t lap = lease_lap_of(ring->format, start);
    const struct record *const records = &ring->records[index];
    const unsigned char *const cells = ring_payload(ring, start);
    const uint64_t there = tail - start;
    const uint64_t to_end = ring->cells - index; /* of the lap: up to there, descriptors are contiguous */
    const uint64_t frame = atomic_load_explicit(&records->word, memory_order_relaxed) & RECORD_FRAME_MASK;
    if (frame >= RECORD_FRAME_BITS || ring->max_message_bytes < CELL_BYTES)
        return 0;
    most = most < to_end ? most : to_end;
    uint64_t count = 0;
    while (count + RECORDS_A_LINE <= most) {
        const struct record *const line = records + count;
        const unsigned char *const ahead = cells + ((count + CELLS_AHEAD) << CELL_SHIFT);
        uint64_t *const to = words + count;
        uint64_t lengths = 0; /* the lengths minus 1, combined by or */
#pragma GCC unroll 4
        for (uint64_t i = 0; i < RECORDS_A_LINE; i++) {
            const uint64_t word = atomic_load_explicit(&line[i].word, memory_order_relaxed);
            const uint64_t tag = (start + count + i) ^ lap;
            lengths |= (word ^ (tag << RECORD_TAG_SHIFT | frame)) - 1;
            to[i] = word;
        }
        if (lengths >= CELL_BYTES)
            break;
        /* Not beyond tail, because the producer is about to write there. */
        if (count + RECORDS_AHEAD < there)
            __builtin_prefetch(line + RECORDS_AHEAD);
        if (count + CELLS_AHEAD + RECORDS_A_LINE <= there)
#pragma GCC unroll 4
            for (uint64_t i = 0; i < RECORDS_A_LINE; i++)
                __builtin_prefetch(ahead + (i << CELL_SHIFT));
        count += RECORDS_A_LINE;
    }
    return (uint32_t)count;
}

/* Selects whole records from @start on, within the limits and before @tail. Returns false if one is invalid, or
 * dropped. */
static bool choose_batch(const struct ring *ring, uint64_t start, uint64_t tail, const struct ring_limits *limits,
                         uint64_t most_cells, struct ring_batch *batch)
{
    const struct record *const records = ring->records; /* copies, so that no store forces reading them again */
    const unsigned char *const arena = ring->arena;
    const uint64_t mask = ring->mask;
    const uint64_t max_bytes = ring->max_message_bytes;
    const uint32_t cells_log2 = ring->format.cells_log2;
    uint64_t *const words = limits->words;
    const uint64_t most = tail - start < most_cells ? tail : start + most_cells;
    const uint64_t most_records = most - start < limits->records ? most - start : limits->records;
    uint32_t count = words != NULL ? choose_short(ring, start, tail, most_records, words) : 0;
    uint64_t position = start + count;
    while (position < most && count < limits->records) {
        const uint64_t word = atomic_load_explicit(&records[position & mask].word, memory_order_relaxed);
        const uint64_t end = position + cells_for((uint32_t)word);
        const uint64_t rest = word ^ (position ^ position >> cells_log2) << RECORD_TAG_SHIFT;
        if (!record_rest_is_valid(rest) || (uint32_t)word > max_bytes || end > tail)
            return false;
        if (end > most && count > 0)
            break;
        /* Not beyond tail, because the producer is about to write there. */
        if (position + RECORDS_AHEAD < tail)
            __builtin_prefetch(&records[(position + RECORDS_AHEAD) & mask]);
        if (position + CELLS_AHEAD < tail)
            __builtin_prefetch(arena + (((position + CELLS_AHEAD) & mask) << CELL_SHIFT));
        if (words != NULL)
            words[count] = word;
        position = end;
        count++;
    }
    *batch = (struct ring_batch){.start = start, .end = position, .count = count};
    return true;
}

/* The same, with those that are dropped. Returns false if one is invalid. */
static __attribute__((noinline)) bool choose_any(const struct ring *ring, uint64_t start, uint64_t tail,
                                                 const struct ring_limits *limits, uint64_t most_cells,
                                                 struct ring_batch *batch)
{
    uint64_t position = start;
    uint32_t count = 0;
    while (position < tail && count < limits->records) {
        uint64_t word;
        if (!ring_read_word(ring, position, tail, &word))
            return false;
        const uint64_t end = position + record_cells(word);
        if (end - start > most_cells && count > 0)
            break;
        if (limits->words != NULL)
            limits->words[count] = word;
        position = end;
        count++;
    }
    *batch = (struct ring_batch){.start = start, .end = position, .count = count, .dropped = true};
    return true;
}

bool ring_read_words(const struct ring *ring, const struct ring_batch *batch, uint64_t *words)
{
    uint64_t position = batch->start;
    for (uint32_t i = 0; i < batch->count; i++) {
        if (!ring_read_word(ring, position, batch->end, &words[i]))
            return false;
        position += record_cells(words[i]);
    }
    return position == batch->end;
}

/* Stores in the seat what it is about to lease. While it holds nothing, any mix of old and new is harmless. */
static void write_intent(struct seat *owner, uint32_t lane, uint64_t position)
{
    atomic_store_explicit(&owner->intent_lane, (uint64_t)lane + 1, memory_order_relaxed);
    atomic_store_explicit(&owner->intent_position, position, memory_order_relaxed);
    atomic_store_explicit(&owner->progress, 0, memory_order_relaxed);
}

/* The batch at claim has a holder already. Return: 0 to try again; -EBADMSG. */
static int pass_leased(const struct ring *ring, uint64_t claim, uint64_t word)
{
    const uint64_t end = claim + lease_word_span(ring->format, word);
    if (end > atomic_load_explicit(&ring->control->tail, memory_order_acquire))
        return -EBADMSG;
    help_claim(ring, claim, end);
    return 0;
}

/* How many of the cells that are @there one of the sharing consumers may take. */
static uint64_t fair_share(const struct ring_limits *limits, uint64_t there)
{
    const uint64_t share = limits->sharers <= 1 ? there : (there + limits->sharers - 1) / limits->sharers;
    return share < limits->cells ? share : limits->cells;
}

/*
 * Tries once to lease a batch. Return: 0; -EAGAIN if there is nothing; -EBADMSG; -EINTR to try again.
 * If another consumer leases and finishes the batch at claim meanwhile, what is read there may be overwritten. So
 * content counts as damaged only if the lease word and claim are unchanged afterwards.
 *
 * @more  NULL if @looks is false; else nothing is leased, and this receives whether the lane has more
 */
static inline __attribute__((always_inline)) int try_lease(const struct ring *ring, struct seat *owner,
                                                           uint32_t seat, const struct ring_limits *limits,
                                                           struct ring_batch *batch, bool looks, bool *more)
{
    const struct lane_control *control = ring->control;
    const uint64_t claim = atomic_load_explicit(&control->claim, memory_order_acquire);
    const uint64_t tail = atomic_load_explicit(&control->tail, memory_order_acquire); /* C1 */
    if (claim == tail)
        return -EAGAIN;

    shared_u64 *lease = &ring->leases[claim & ring->mask];
    uint64_t word = atomic_load_explicit(lease, memory_order_acquire);
    const uint64_t lap = lease_lap_of(ring->format, claim);
    if (lease_word_lap(ring->format, word) == lap)
        return pass_leased(ring, claim, word) != 0 ? -EBADMSG : -EINTR;

    const uint64_t most_cells = fair_share(limits, tail - claim);
    const bool sane = tail > claim && tail - claim <= ring->cells && lease_word_lap(ring->format, word) < lap;
    if (!sane || (!choose_batch(ring, claim, tail, limits, most_cells, batch) &&
                  !choose_any(ring, claim, tail, limits, most_cells, batch))) {
        atomic_thread_fence(memory_order_acquire);
        const bool moved = atomic_load_explicit(lease, memory_order_relaxed) != word ||
                           atomic_load_explicit(&control->claim, memory_order_relaxed) != claim;
        return moved ? -EINTR : -EBADMSG;
    }
    if (looks) {
        *more = batch->end != tail;
        return 0;
    }

    write_intent(owner, ring->lane, claim);
    const uint64_t mine = lease_word(ring->format, claim, batch->end - claim, seat, LEASE_TAKEN);
    if (!atomic_compare_exchange_strong_explicit(lease, &word, mine, memory_order_seq_cst, /* L1 */
                                                 memory_order_relaxed))
        return -EINTR;
    help_claim(ring, claim, batch->end);
    return 0;
}

/* An attempt fails only if another process makes progress, so the bound matters only in damaged memory. */
#define LEASE_TRIES (1 << 16)

int ring_lease(const struct ring *ring, struct seat *owner, uint32_t seat, const struct ring_limits *limits,
               struct ring_batch *batch)
{
    for (int tries = 0; tries < LEASE_TRIES; tries++) {
        const int error = try_lease(ring, owner, seat, limits, batch, false, NULL);
        if (error != -EINTR)
            return error;
    }
    return -EAGAIN;
}

int ring_look(const struct ring *ring, const struct ring_limits *limits, struct ring_batch *batch, bool *more)
{
    for (int tries = 0; tries < LEASE_TRIES; tries++) {
        const int error = try_lease(ring, NULL, 0, limits, batch, true, more);
        if (error != -EINTR)
            return error;
    }
    return -EAGAIN;
}

int ring_find_lease(const struct ring *ring, uint64_t start, uint32_t seat, struct ring_batch *batch)
{
    if (!ring_is_leased(ring, start, seat))
        return -ENOENT;
    const uint64_t word = atomic_load_explicit(&ring->leases[start & ring->mask], memory_order_relaxed);
    const uint64_t span = lease_word_span(ring->format, word);
    const struct ring_limits limits = {.records = UINT32_MAX};
    if (!choose_batch(ring, start, start + span, &limits, UINT64_MAX, batch) &&
        !choose_any(ring, start, start + span, &limits, UINT64_MAX, batch))
        return -EBADMSG;
    return 0;
}

/*
 * Moves head past one batch. Return: 0; -EAGAIN if the batch at head is not done; -EBADMSG.
 * @published  a position known to be published: tail, which the producer keeps changing, is read only beyond it
 */
static int reclaim_one(const struct ring *ring, uint64_t published)
{
    struct lane_control *control = ring->control;
    uint64_t head = atomic_load_explicit(&control->head, memory_order_seq_cst);
    const uint64_t word = atomic_load_explicit(&ring->leases[head & ring->mask], memory_order_seq_cst); /* H0 */
    if (lease_word_lap(ring->format, word) != lease_lap_of(ring->format, head) || !lease_word_done(word))
        return -EAGAIN;

    const uint64_t end = head + lease_word_span(ring->format, word);
    if (end > published && end > atomic_load_explicit(&control->tail, memory_order_acquire))
        return -EBADMSG;
    /* Move claim first, so that head never passes it. */
    if (atomic_load_explicit(&control->claim, memory_order_seq_cst) == head)
        help_claim(ring, head, end);
    atomic_compare_exchange_strong_explicit(&control->head, &head, end, memory_order_seq_cst, /* H1 */
                                            memory_order_relaxed);
    return 0;
}

static int reclaim(const struct ring *ring, uint64_t published)
{
    for (uint64_t steps = 0; steps <= ring->cells; steps++) {
        const int error = reclaim_one(ring, published);
        if (error != 0)
            return error == -EAGAIN ? 0 : error;
    }
    return 0;
}

int ring_reclaim(const struct ring *ring)
{
    return reclaim(ring, 0);
}

int ring_finish(const struct ring *ring, uint64_t start, uint64_t end, uint32_t seat)
{
    uint64_t word = lease_word(ring->format, start, end - start, seat, LEASE_TAKEN);
    if (!atomic_compare_exchange_strong_explicit(&ring->leases[start & ring->mask], &word, word | LEASE_DONE,
                                                 memory_order_seq_cst, memory_order_relaxed)) /* A1 */
        return -EBADMSG;
    return reclaim(ring, end);
}

uint64_t ring_done_position(const struct ring *ring)
{
    uint64_t position = atomic_load_explicit(&ring->control->head, memory_order_acquire);
    for (uint64_t steps = 0; steps <= ring->cells; steps++) {
        const uint64_t word = atomic_load_explicit(&ring->leases[position & ring->mask], memory_order_acquire);
        if (lease_word_lap(ring->format, word) != lease_lap_of(ring->format, position) || !lease_word_done(word))
            break;
        position += lease_word_span(ring->format, word);
    }
    return position;
}

/* ------------------------------------------------------------------ dropping */

#define LOCATE_TRIES 64

/* Return: 0; -EAGAIN if head has moved on; -EBADMSG. */
static int locate_from(const struct ring *ring, uint64_t head, uint64_t position, struct ring_place *place)
{
    const struct lane_control *control = ring->control;
    uint64_t start = head;
    for (uint64_t steps = 0; steps <= ring->cells; steps++) {
        const uint64_t word = atomic_load_explicit(&ring->leases[start & ring->mask], memory_order_seq_cst);
        const uint64_t tail = atomic_load_explicit(&control->tail, memory_order_acquire);
        const uint64_t lap = lease_lap_of(ring->format, start);
        const bool leased = lease_word_lap(ring->format, word) == lap;
        const uint64_t end = leased ? start + lease_word_span(ring->format, word) : tail;
        if (lease_word_lap(ring->format, word) > lap || end > tail || tail - start > ring->cells)
            return atomic_load_explicit(&control->head, memory_order_acquire) != head ? -EAGAIN : -EBADMSG;
        if (!leased || position < end) {
            *place = (struct ring_place){.state = !leased                 ? RING_UNCLAIMED
                                                  : lease_word_done(word) ? RING_DONE
                                                                          : RING_LEASED,
                                         .start = start,
                                         .end = end,
                                         .seat = lease_word_seat(ring->format, word)};
            return 0;
        }
        start = end;
    }
    return -EBADMSG;
}

int ring_locate(const struct ring *ring, uint64_t position, struct ring_place *place)
{
    for (int tries = 0; tries < LOCATE_TRIES; tries++) {
        const uint64_t head = atomic_load_explicit(&ring->control->head, memory_order_acquire);
        *place = (struct ring_place){.state = RING_DONE};
        if (position < head)
            return 0;
        if (head < ring->cells)
            return -EBADMSG;
        const int error = locate_from(ring, head, position, place);
        if (error != -EAGAIN)
            return error;
    }
    return -EAGAIN;
}

int ring_find_record(const struct ring *ring, const struct ring_place *place, uint64_t position, uint64_t *word,
                     uint64_t *index)
{
    uint64_t at = place->start;
    for (*index = 0; at < place->end; ++*index) {
        if (at > position)
            return -ENOMSG;
        if (!ring_read_word(ring, at, place->end, word)) {
            atomic_thread_fence(memory_order_acquire);
            return atomic_load_explicit(&ring->control->head, memory_order_relaxed) > place->start ? -EAGAIN
                                                                                                   : -EBADMSG;
        }
        if (at == position)
            return 0;
        at += record_cells(*word);
    }
    return -ENOMSG;
}

bool ring_drop(const struct ring *ring, uint64_t position, uint64_t word)
{
    shared_u64 *const shared = &ring_record(ring, position)->word;
    atomic_fetch_add_explicit(&ring->control->drops_begun, 1, memory_order_seq_cst);
    const bool marked = record_is_dropped(word) ||
                        atomic_compare_exchange_strong_explicit(shared, &word, word ^ RECORD_DROPPED, /* D1 */
                                                                memory_order_seq_cst, memory_order_relaxed);
    atomic_fetch_add_explicit(&ring->control->drops, 1, memory_order_seq_cst);
    return marked;
}

/* A record that was marked, and is not counted yet, may be delivered by a consumer that has not seen the mark. */
bool ring_has_only_dropped(const struct ring *ring)
{
    const struct lane_control *control = ring->control;
    uint64_t position = ring_done_position(ring);
    const shared_u64 *lease = &ring->leases[position & ring->mask];
    const uint64_t claimed = atomic_load_explicit(lease, memory_order_seq_cst);
    const uint64_t tail = atomic_load_explicit(&control->tail, memory_order_acquire);
    if (lease_word_lap(ring->format, claimed) == lease_lap_of(ring->format, position) ||
        tail - position > ring->cells)
        return false;
    while (position < tail) {
        uint64_t word;
        if (!ring_read_word(ring, position, tail, &word) || !record_is_dropped(word))
            return false;
        position += record_cells(word);
    }
    atomic_thread_fence(memory_order_seq_cst);
    return atomic_load_explicit(&control->drops, memory_order_seq_cst) ==
               atomic_load_explicit(&control->drops_begun, memory_order_seq_cst) &&
           atomic_load_explicit(lease, memory_order_seq_cst) == claimed;
}
