/* SPDX-License-Identifier: MIT */
#include "common/core/marks.h"

#include "common/core/header_block.h"

#define MS_NS INT64_C(1000000)
/* A put time is in milliseconds after its mark; after 12 days, this bit is set and the unit is 90 ms. */
#define TIME_COARSE (UINT32_C(1) << 31)
#define COARSE_MS 90
/* Later times are damaged: no machine has been up for so long. */
#define LATEST_NS (INT64_C(100) * 366 * 86400 * 1000000000)
/* The messages before it that are not dated were put right after the last one that is. */
#define TIME_SLOWER (UINT32_C(1) << 30)
#define TIME_COUNT (TIME_SLOWER - 1)
/* How far beyond tail a killed owner may have written marks: where messages of a portion begin. */
#define PORTION_CELLS UINT64_C(1024)
/* How many blocks behind its own a message's next date is looked for in. */
#define BLOCKS_AHEAD 4u

/* Cells from the beginning of the block. */
static uint64_t cell_in_block(const struct ring *ring, uint64_t position)
{
    return position & ((UINT64_C(1) << ring->block_log2) - 1);
}

static struct lane_mark *mark_of_block(const struct ring *ring, uint64_t block)
{
    return &ring->marks[block & ring->marks_mask];
}

/* ------------------------------------------------------------------ reading a mark */

/* Whether the mark is still the one that was read. */
static bool is_unchanged(const struct lane_mark *shared, const struct mark *mark)
{
    atomic_thread_fence(memory_order_acquire);
    return atomic_load_explicit(&shared->position, memory_order_relaxed) == mark->position;
}

bool marks_read(const struct ring *ring, uint64_t block, struct mark *mark)
{
    const struct lane_mark *shared = mark_of_block(ring, block);
    mark->position = atomic_load_explicit(&shared->position, memory_order_acquire);
    mark->messages = atomic_load_explicit(&shared->messages, memory_order_relaxed);
    mark->bytes = atomic_load_explicit(&shared->bytes, memory_order_relaxed);
    mark->time_ns = (int64_t)atomic_load_explicit(&shared->time_ns, memory_order_relaxed);
    return mark->position != 0 && marks_block(ring, mark->position) == block && is_unchanged(shared, mark);
}

bool marks_is_time(int64_t time_ns)
{
    return time_ns > 0 && time_ns <= LATEST_NS;
}

/* The same without a mark whose time is damaged, so that sums with others cannot overflow. */
static bool read_mark(const struct ring *ring, uint64_t block, struct mark *mark)
{
    return marks_read(ring, block, mark) && marks_is_time(mark->time_ns);
}

bool marks_last(const struct ring *ring, uint64_t first, uint64_t position, struct mark *mark)
{
    for (uint64_t block = marks_block(ring, position) + 1; block-- > marks_block(ring, first);)
        if (read_mark(ring, block, mark) && mark->position <= position && mark->position >= first)
            return true;
    return false;
}

bool marks_first(const struct ring *ring, uint64_t position, uint64_t end, struct mark *mark)
{
    for (uint64_t block = marks_block(ring, position); block <= marks_block(ring, end); block++)
        if (read_mark(ring, block, mark) && mark->position >= position && mark->position < end)
            return true;
    return false;
}

/* ------------------------------------------------------------------ counting */

/* Payload bytes of a record. Return: false if its header block is invalid. */
static bool payload_bytes(const struct ring *ring, uint64_t position, uint64_t word, uint64_t *bytes)
{
    struct header_view view;
    *bytes = (uint32_t)word;
    if (!record_has_headers(word))
        return true;
    if (!header_read(ring_payload(ring, position), (uint32_t)word, &view))
        return false;
    *bytes -= view.payload_offset;
    return true;
}

/* Adds the records from @from to @to. Return: false if one is invalid. */
static bool add_records(const struct ring *ring, uint64_t from, uint64_t to, struct marks_count *count)
{
    while (from < to) {
        uint64_t word;
        uint64_t bytes;
        if (!ring_read_word(ring, from, to, &word))
            return false;
        word = record_undropped(word);
        if (!payload_bytes(ring, from, word, &bytes))
            return false;
        count->messages++;
        count->bytes += bytes;
        from += record_cells(word);
    }
    return true;
}

bool marks_count_records(const struct ring *ring, uint64_t from, uint64_t to, struct marks_count *count)
{
    *count = (struct marks_count){0};
    return from <= to && to - from <= ring->cells && add_records(ring, from, to, count);
}

bool marks_count(const struct ring *ring, uint64_t from, uint64_t to, struct marks_count *count)
{
    struct mark first;
    struct mark last;
    *count = (struct marks_count){0};
    if (from > to || to - from > ring->cells)
        return false;
    if (to - from <= UINT64_C(2) << ring->block_log2)
        return add_records(ring, from, to, count);
    if (!marks_first(ring, from, to, &first) || !marks_last(ring, first.position, to, &last))
        return add_records(ring, from, to, count);
    const uint64_t cells = last.position - first.position;
    *count = (struct marks_count){.messages = last.messages - first.messages, .bytes = last.bytes - first.bytes};
    if (count->messages > cells || count->bytes > cells << CELL_SHIFT || (count->messages == 0) != (cells == 0))
        return false;
    return add_records(ring, from, first.position, count) && add_records(ring, last.position, to, count);
}

/* ------------------------------------------------------------------ put times */

/* A moment: what is before the position was put before it, the rest after. */
struct stamp {
    uint64_t position;
    int64_t ns;
    bool slower; /* TIME_SLOWER */
};

static uint64_t dated_word(const struct lane_mark *shared, uint64_t index)
{
    return atomic_load_explicit(&shared->dated[index], memory_order_acquire);
}

static int64_t time_unpack(uint32_t time)
{
    const int64_t count = time & TIME_COUNT;
    return (time & TIME_COARSE) == 0 ? count * MS_NS : count * COARSE_MS * MS_NS;
}

/*
 * Reads the date of the cell at @position. In the next lap, the cell's bit is cleared before its time is
 * overwritten. Return: false if it is not dated.
 */
static bool read_date(const struct ring *ring, const struct mark *mark, uint64_t position, struct stamp *stamp)
{
    const struct lane_mark *shared = mark_of_block(ring, marks_block(ring, position));
    const uint64_t cell = cell_in_block(ring, position);
    const uint64_t bit = UINT64_C(1) << (cell & 63);
    if ((dated_word(shared, cell >> 6) & bit) == 0)
        return false;
    const uint32_t time = atomic_load_explicit(&ring->times[position & ring->mask], memory_order_relaxed);
    *stamp = (struct stamp){
        .position = position, .ns = mark->time_ns + time_unpack(time), .slower = (time & TIME_SLOWER) != 0};
    atomic_thread_fence(memory_order_acquire);
    return (dated_word(shared, cell >> 6) & bit) != 0 && is_unchanged(shared, mark);
}

/* The last dated cell of the mark's block at or before @position. Return: false if there is none. */
static bool date_before(const struct ring *ring, const struct mark *mark, uint64_t position, struct stamp *stamp)
{
    const struct lane_mark *shared = mark_of_block(ring, marks_block(ring, position));
    const uint64_t cell = cell_in_block(ring, position);
    uint64_t word = dated_word(shared, cell >> 6) & (~UINT64_C(0) >> (63 - (cell & 63)));
    for (uint64_t index = cell >> 6;; word = dated_word(shared, --index)) {
        if (word != 0) {
            const uint64_t at = index * 64 + 63 - (uint64_t)__builtin_clzll(word);
            return position - cell + at >= mark->position && read_date(ring, mark, position - cell + at, stamp);
        }
        if (index == 0)
            return false;
    }
}

/* The first dated cell of the mark's block at or behind @position. Return: false if there is none. */
static bool date_behind(const struct ring *ring, const struct mark *mark, uint64_t position, struct stamp *stamp)
{
    const struct lane_mark *shared = mark_of_block(ring, marks_block(ring, position));
    const uint64_t cell = cell_in_block(ring, position);
    const uint64_t words = ((UINT64_C(1) << ring->block_log2) + 63) >> 6;
    uint64_t word = dated_word(shared, cell >> 6) & (~UINT64_C(0) << (cell & 63));
    for (uint64_t index = cell >> 6;; word = dated_word(shared, index)) {
        if (word != 0)
            return read_date(ring, mark, position - cell + index * 64 + (uint64_t)__builtin_ctzll(word), stamp);
        if (++index == words)
            return false;
    }
}

/* The mark's own message is dated by the mark, unless it was dated again. */
static void date_of_mark(const struct ring *ring, const struct mark *mark, struct stamp *stamp)
{
    if (!read_date(ring, mark, mark->position, stamp))
        *stamp = (struct stamp){.position = mark->position, .ns = mark->time_ns};
}

/* The first date behind @position, in its block or one of the next ones. Return: false if there is none. */
static bool next_date(const struct ring *ring, const struct mark *mark, uint64_t position, struct stamp *stamp)
{
    const uint64_t block = marks_block(ring, position);
    struct mark other;
    if (marks_block(ring, position + 1) == block && date_behind(ring, mark, position + 1, stamp))
        return true;
    for (uint64_t i = block + 1; i <= block + BLOCKS_AHEAD; i++) {
        if (!read_mark(ring, i, &other))
            continue;
        date_of_mark(ring, &other, stamp);
        return true;
    }
    return false;
}

/*
 * What a consumer saw at its last lease: nothing before .position was put later than .ns, and nothing from
 * .position on earlier. Of tail only some low bits are known; it was at most a lap before what it is now.
 */
static bool read_seen(const struct ring *ring, uint64_t *first_after, struct stamp *stamp)
{
    const uint64_t seen = atomic_load_explicit(&ring->control->seen, memory_order_acquire);
    const uint64_t tail = atomic_load_explicit(&ring->control->tail, memory_order_acquire);
    const uint32_t shift = ring->format.cells_log2 > 23 ? ring->format.cells_log2 - 23 : 0;
    const uint64_t back = ((tail >> shift) - seen) & 0xffffff;
    if (seen == 0 || back > tail >> shift)
        return false;
    stamp->position = ((tail >> shift) - back) << shift;
    stamp->ns = (int64_t)(seen >> 24) * MS_NS;
    *first_after = stamp->position + (UINT64_C(1) << shift) - 1;
    return back << shift <= ring->cells;
}

/* Narrows the bounds by what a consumer saw. */
static void narrow(const struct ring *ring, uint64_t position, struct stamp *before, struct stamp *behind)
{
    struct stamp seen;
    uint64_t first_after;
    if (!read_seen(ring, &first_after, &seen) || seen.ns < before->ns || seen.ns > behind->ns)
        return;
    if (position >= first_after)
        *before = seen;
    else if (position < seen.position && seen.ns + MS_NS < behind->ns)
        *behind = (struct stamp){.position = seen.position, .ns = seen.ns + MS_NS};
}

/* Between two moments, by the position. */
static int64_t interpolate(const struct stamp *before, const struct stamp *behind, uint64_t position)
{
    if (position <= before->position || behind->position <= before->position)
        return before->ns;
    const double share = (double)(position - before->position) / (double)(behind->position - before->position);
    return share >= 1 ? behind->ns : before->ns + (int64_t)((double)(behind->ns - before->ns) * share);
}

/* The last date at or before @position. Return: false if it is not known. */
static bool find_before(const struct ring *ring, uint64_t position, int64_t now_ns, struct mark *mark,
                        struct stamp *before)
{
    if (!read_mark(ring, marks_block(ring, position), mark) || mark->position > position || mark->time_ns > now_ns)
        return false;
    if (!date_before(ring, mark, position, before))
        date_of_mark(ring, mark, before);
    return before->ns <= now_ns;
}

/* Without a date behind the message, it is most probably of the same burst as the one dated before it. */
bool marks_put_time(const struct ring *ring, uint64_t position, int64_t now_ns, struct put_time *time)
{
    struct mark mark;
    struct stamp before;
    struct stamp date;
    if (!find_before(ring, position, now_ns, &mark, &before))
        return false;
    if (before.position == position) {
        *time = (struct put_time){.ns = before.ns, .earliest_ns = before.ns, .latest_ns = before.ns};
        return true;
    }
    const bool dated = next_date(ring, &mark, position, &date) && date.ns >= before.ns && date.ns <= now_ns;
    struct stamp behind = dated ? date : (struct stamp){.position = UINT64_MAX, .ns = now_ns};
    narrow(ring, position, &before, &behind);
    const int64_t ns = dated && !date.slower ? interpolate(&before, &date, position) : before.ns;
    *time =
        (struct put_time){.ns = ns < behind.ns ? ns : behind.ns, .earliest_ns = before.ns, .latest_ns = behind.ns};
    return true;
}

/* The latest of the mark and the dates of its block. */
static int64_t latest_in_block(const struct ring *ring, const struct mark *mark)
{
    int64_t latest_ns = mark->time_ns;
    const uint64_t end = mark->position - cell_in_block(ring, mark->position) + (UINT64_C(1) << ring->block_log2);
    struct stamp stamp = {.position = mark->position};
    while (stamp.position < end && date_behind(ring, mark, stamp.position, &stamp)) {
        latest_ns = stamp.ns > latest_ns ? stamp.ns : latest_ns;
        stamp.position++;
    }
    return latest_ns;
}

int64_t marks_latest_ns(const struct ring *ring)
{
    struct mark mark;
    struct mark latest = {0};
    for (uint64_t i = 0; i <= ring->marks_mask; i++) {
        const uint64_t position = atomic_load_explicit(&ring->marks[i].position, memory_order_relaxed);
        if (marks_block(ring, position) % (ring->marks_mask + 1) == i &&
            read_mark(ring, marks_block(ring, position), &mark) && mark.time_ns > latest.time_ns)
            latest = mark;
    }
    return latest.time_ns != 0 ? latest_in_block(ring, &latest) : 0;
}

/* A block inside a long message has no mark: then the last cell of the block where the message begins will do. */
bool marks_cell_time(const struct ring *ring, uint64_t first, uint64_t position, int64_t now_ns, int64_t *ns)
{
    struct mark mark;
    struct put_time time;
    if (position < first || position - first > ring->cells)
        return false;
    for (uint64_t block = marks_block(ring, position) + 1; block-- > marks_block(ring, first);) {
        if (!read_mark(ring, block, &mark) || mark.position > position)
            continue;
        const uint64_t last = ((block + 1) << ring->block_log2) - 1;
        if (!marks_put_time(ring, position < last ? position : last, now_ns, &time))
            return false;
        *ns = time.ns;
        return true;
    }
    return false;
}

/* ------------------------------------------------------------------ the owner's side */

/*
 * Goes on counting payload where the last mark behind head leaves off; before head, records may be overwritten by
 * what a killed owner did not publish. If there is none, the bytes begin anew: nothing is compared with earlier
 * marks. Return: false if mark or records are invalid.
 */
static bool recover(struct ring_producer *p)
{
    struct mark mark;
    struct marks_count count;
    p->marker.framing_bytes = p->stream_offset;
    if (!marks_last(&p->ring, p->head, p->next, &mark))
        return true;
    count = (struct marks_count){.messages = mark.messages, .bytes = mark.bytes};
    if (!add_records(&p->ring, mark.position, p->next, &count) || count.messages != p->messages)
        return false;
    p->marker.framing_bytes = p->stream_offset - count.bytes;
    return true;
}

/* Removes the dates from tail on, which is in the mark's block: they are of messages that were not published. */
static void remove_dates(const struct ring_producer *p, struct lane_mark *shared)
{
    const uint64_t cell = cell_in_block(&p->ring, p->next);
    for (uint64_t i = cell >> 6; i < MARK_DATED_WORDS; i++) {
        const uint64_t keep = i == cell >> 6 ? (UINT64_C(1) << (cell & 63)) - 1 : 0;
        atomic_store_explicit(&shared->dated[i], dated_word(shared, i) & keep, memory_order_relaxed);
    }
}

/* Removes what a killed owner has left beyond tail. */
static void remove_unpublished(struct ring_producer *p)
{
    const uint64_t first = marks_block(&p->ring, p->next);
    const uint64_t last = marks_block(&p->ring, p->next + PORTION_CELLS);
    struct mark mark;
    for (uint64_t block = first; block <= last && block - first <= p->ring.marks_mask / 2; block++)
        if (read_mark(&p->ring, block, &mark) && mark.position > p->next)
            atomic_store_explicit(&mark_of_block(&p->ring, block)->position, 0, memory_order_relaxed);
    if (!read_mark(&p->ring, first, &mark))
        return;
    remove_dates(p, mark_of_block(&p->ring, first));
    p->marker.block_end = (first + 1) << p->ring.block_log2;
    p->marker.mark_ns = mark.time_ns;
}

void marks_take_up(struct ring_producer *p)
{
    const uint64_t high = atomic_load_explicit(&p->ring.control->counters.high_cells, memory_order_relaxed);
    p->marker = (struct ring_marker){
        .since = p->messages, .framed_from = p->messages, .high_cells = high <= p->ring.cells ? high : 0};
    if (!recover(p))
        for (uint64_t i = 0; i <= p->ring.marks_mask; i++)
            atomic_store_explicit(&p->ring.marks[i].position, 0, memory_order_relaxed);
    remove_unpublished(p);
    ring_set_limit(p);
}

static void begin_block(struct ring_producer *p)
{
    struct ring_marker *m = &p->marker;
    struct lane_mark *shared = mark_of_block(&p->ring, marks_block(&p->ring, p->next));
    const uint64_t framing = m->framing_bytes + (p->messages - m->framed_from) * m->framing;
    m->mark_ns = m->sampled_ns;
    m->block_end = (marks_block(&p->ring, p->next) + 1) << p->ring.block_log2;
    atomic_store_explicit(&shared->position, 0, memory_order_relaxed);
    atomic_thread_fence(memory_order_release);
    atomic_store_explicit(&shared->messages, p->messages, memory_order_relaxed);
    atomic_store_explicit(&shared->bytes, p->stream_offset - framing, memory_order_relaxed);
    atomic_store_explicit(&shared->time_ns, (uint64_t)m->mark_ns, memory_order_relaxed);
    for (int i = 0; i < MARK_DATED_WORDS; i++)
        atomic_store_explicit(&shared->dated[i], 0, memory_order_relaxed);
    atomic_store_explicit(&shared->position, p->next, memory_order_release);
    const struct lane_mark *const next = mark_of_block(&p->ring, marks_block(&p->ring, p->next) + 1);
    for (size_t i = 0; i < sizeof(*next); i += 64)
        __builtin_prefetch((const unsigned char *)next + i, 1);
}

static uint32_t time_pack(int64_t ns)
{
    const int64_t ms = ns / MS_NS;
    if (ms <= TIME_COUNT)
        return ms > 0 ? (uint32_t)ms : 0;
    return TIME_COARSE | (ms / COARSE_MS < TIME_COUNT ? (uint32_t)(ms / COARSE_MS) : TIME_COUNT);
}

/* Dates the message at @position. The time of the cell counts no longer for the block of the lap before. */
static void date_at(const struct ring_producer *p, uint64_t position, int64_t after_mark_ns, bool slower)
{
    const uint64_t cell = cell_in_block(&p->ring, position);
    const uint64_t block = marks_block(&p->ring, position);
    const uint64_t bit = UINT64_C(1) << (cell & 63);
    shared_u64 *const before = &mark_of_block(&p->ring, block + (p->ring.marks_mask + 1) / 2)->dated[cell >> 6];
    shared_u64 *const now = &mark_of_block(&p->ring, block)->dated[cell >> 6];
    const uint64_t old = atomic_load_explicit(before, memory_order_relaxed);
    if ((old & bit) != 0)
        atomic_store_explicit(before, old & ~bit, memory_order_relaxed);
    atomic_thread_fence(memory_order_release);
    atomic_store_explicit(&p->ring.times[position & p->ring.mask],
                          time_pack(after_mark_ns) | (slower ? TIME_SLOWER : 0), memory_order_relaxed);
    atomic_store_explicit(now, atomic_load_explicit(now, memory_order_relaxed) | bit, memory_order_release);
}

/* Dates the message at next. */
static void date(const struct ring_producer *p, int64_t now_ns)
{
    date_at(p, p->next, now_ns - p->marker.mark_ns, p->marker.slower);
}

/* Where the last publication begins: the checkpoint that will be overwritten next is of the tail before it. */
static uint64_t published_from(const struct ring_producer *p)
{
    return atomic_load_explicit(&p->ring.control->checkpoints[p->turn].tail, memory_order_relaxed);
}

bool marks_want_date(const struct ring_producer *p)
{
    struct mark mark;
    const uint64_t from = published_from(p);
    const uint64_t cell = cell_in_block(&p->ring, from);
    if (from >= p->next || p->next - from > p->ring.cells ||
        !read_mark(&p->ring, marks_block(&p->ring, from), &mark) || mark.position > from)
        return false;
    const uint64_t word = dated_word(mark_of_block(&p->ring, marks_block(&p->ring, from)), cell >> 6);
    return (word >> (cell & 63) & 1) == 0;
}

void marks_date_published(struct ring_producer *p, int64_t now_ns)
{
    struct mark mark;
    const uint64_t from = published_from(p);
    if (read_mark(&p->ring, marks_block(&p->ring, from), &mark))
        date_at(p, from, now_ns - mark.time_ns, true);
}

/* Looks at head to find out how much is used: seldom, because it is on a line of the consumers'. */
static void note_use(struct ring_producer *p, uint64_t messages)
{
    p->marker.high_at = p->next + messages + 1;
    ring_note_used(p, p->next - atomic_load_explicit(&p->ring.control->head, memory_order_relaxed));
}

static void take_time(struct ring_producer *p, uint64_t need_cells, int64_t now_ns)
{
    struct ring_marker *m = &p->marker;
    if (now_ns != m->sampled_ns) {
        m->sampled_ns = now_ns;
        m->since = p->messages;
        m->high_at = 0;
    }
    const uint64_t messages = p->messages - m->since;
    const uint64_t pause = messages / SAMPLE_SHARE;
    m->clock_at = p->next + need_cells + (pause < SAMPLE_CELLS_MAX ? pause : SAMPLE_CELLS_MAX);
    if (p->next >= m->high_at)
        note_use(p, messages);
}

__attribute__((noinline)) void marks_sample(struct ring_producer *p, uint64_t need_cells, int64_t now_ns)
{
    struct ring_marker *m = &p->marker;
    const bool begins = p->next >= m->block_end; /* the clock was read then */
    if (now_ns != 0)
        take_time(p, need_cells, now_ns);
    if (begins)
        begin_block(p);
    if (now_ns != 0 && (!begins || m->slower)) /* otherwise the mark says when */
        date(p, now_ns);
    if (now_ns != 0)
        m->slower = false;
    const uint64_t end = m->block_end < m->clock_at ? m->block_end : m->clock_at;
    m->sample_end = end > p->next + need_cells ? end : p->next + need_cells;
    ring_set_limit(p);
}

void marks_date_again(struct ring_producer *p, int64_t now_ns)
{
    if (p->next < p->marker.block_end)
        date(p, now_ns);
}
