/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_MARKS_H
#define SHMQ_MARKS_H

/*
 * Marks and put times: what a lane's owner leaves behind so that anybody can tell, without walking over records,
 * when the message at a position was put, and how many messages lie between two positions.
 *
 * A lane is divided into blocks of cells. The owner writes a block's mark before the first message that begins in
 * the block: so the block of every message has a mark, at or before the message. A block that lies inside a long
 * message has none. Two marks share an index if they are two laps apart: while the lane is nearly full, tail is in
 * the same block as head, one lap later.
 *
 * A message at which the clock was read is dated: the time since the mark's is in times, and the cell's bit in the
 * mark's .dated is set. The first message of a block needs neither: the mark's time is its own. How often that is
 * depends on how many messages were put since the coarse clock advanced: of the first SAMPLE_SHARE of them each
 * one, then fewer and fewer. So a slow producer dates every message, and a fast one hardly ever reads the clock.
 * The fast paths of a put know nothing of all this: they only compare a position with a limit, and the limit is
 * where the next sample is due, if there is room that far.
 *
 * Nothing depends on marks but what observers show. They are written before the messages are published, so a
 * killed owner leaves marks beyond tail; the next one removes them. Whoever reads them expects anything.
 */

#include <stdbool.h>
#include <stdint.h>

#include "common/core/ring.h"

#define SAMPLE_SHARE 64u       /* messages that may go undated, as a share of those since the clock advanced */
#define SAMPLE_CELLS_MAX 1024u /* the most cells without a look at the clock */

/* ------------------------------------------------------------------ the owner's side */

/*
 * Goes on with the marks that the lane's last owner left; called after ring_producer_init. If they are invalid,
 * all are removed.
 */
void marks_take_up(struct ring_producer *producer);

/* Whether a sample at next needs to know the time. */
static inline bool marks_want_clock(const struct ring_producer *producer)
{
    return producer->next >= producer->marker.clock_at || producer->next >= producer->marker.block_end;
}

/*
 * Samples: marks the block and dates the message at next, which is about to be put, as far as that is due. Moves
 * the producer's limit.
 *
 * @need_cells  of the message; the limit is at least its end if there is room
 * @now_ns      the coarse clock; 0: it was not read
 */
void marks_sample(struct ring_producer *producer, uint64_t need_cells, int64_t now_ns);

/* Dates the message at next again, at which marks_sample was called, because it is put only now. */
void marks_date_again(struct ring_producer *producer, int64_t now_ns);

/* Whether the first message of what was just published needs a date: it has none. */
bool marks_want_date(const struct ring_producer *producer);

/* Dates that message: it is the first after a while. Those before it that are not dated are of one burst. */
void marks_date_published(struct ring_producer *producer, int64_t now_ns);

/* Makes the next message a sample. */
static inline void marks_expect_sample(struct ring_producer *producer)
{
    producer->marker.clock_at = 0;
    if (producer->limit > producer->next)
        producer->limit = producer->next;
}

/* The same; the next message comes later than those before it, which are of one burst. */
static inline void marks_expect_slower(struct ring_producer *producer)
{
    producer->marker.slower = true;
    marks_expect_sample(producer);
}

/* From now on, the framing adds @framing bytes to a message in the stream. */
static inline void marks_set_framing(struct ring_producer *producer, uint64_t framing)
{
    struct ring_marker *m = &producer->marker;
    m->framing_bytes += (producer->messages - m->framed_from) * m->framing;
    m->framed_from = producer->messages;
    m->framing = framing;
}

/* The message that is appended next has a framing of its own, of @framing bytes. */
static inline void marks_except_framing(struct ring_producer *producer, uint64_t framing)
{
    producer->marker.framing_bytes += framing - producer->marker.framing;
}

/* ------------------------------------------------------------------ looking */

/* When a message was put, on the coarse clock. */
struct put_time {
    int64_t ns;          /* most probably */
    int64_t earliest_ns; /* the bounds */
    int64_t latest_ns;
};

/*
 * Finds out when the message at @position was put.
 *
 * @position  where a message begins, between head and tail
 * @now_ns    the coarse clock
 *
 * Return: false if it is not known.
 */
bool marks_put_time(const struct ring *ring, uint64_t position, int64_t now_ns, struct put_time *time);

/*
 * The latest time that a mark or a date of the lane says, of a queue that nobody changes; 0: none does. Reads all
 * marks.
 */
int64_t marks_latest_ns(const struct ring *ring);

/*
 * Finds out when the message was put that has the cell at @position, or will have it: when a consumer knows where
 * messages are, but not where each begins.
 *
 * @first   where a message begins, at or before @position
 * @now_ns  the coarse clock
 *
 * Return: false if it is not known.
 */
bool marks_cell_time(const struct ring *ring, uint64_t first, uint64_t position, int64_t now_ns, int64_t *ns);

struct marks_count {
    uint64_t messages; /* dropped ones are counted, too */
    uint64_t bytes;    /* their payload */
};

/* A copy of a mark. */
struct mark {
    uint64_t position;
    uint64_t messages;
    uint64_t bytes;
    int64_t time_ns;
};

/* The block of a position. */
static inline uint64_t marks_block(const struct ring *ring, uint64_t position)
{
    return position >> ring->block_log2;
}

/* Reads the mark of a block. Return: false if the block has none, or it changes meanwhile. */
bool marks_read(const struct ring *ring, uint64_t block, struct mark *mark);
/* Whether a mark's time can be one. */
bool marks_is_time(int64_t time_ns);
/* The first mark at or behind @position, but before @end. Return: false if there is none. */
bool marks_first(const struct ring *ring, uint64_t position, uint64_t end, struct mark *mark);
/* The last mark at or before @position, but not before @first. Return: false if there is none. */
bool marks_last(const struct ring *ring, uint64_t first, uint64_t position, struct mark *mark);
/* Counts by looking at each record, without the marks. Return: false if one is invalid. */
bool marks_count_records(const struct ring *ring, uint64_t from, uint64_t to, struct marks_count *count);

/*
 * Counts the messages from @from to @to, between head and tail, where messages begin. Looks at a few hundred
 * records at most, however many there are, except that it steps over long messages block by block.
 *
 * Return: false if the marks or records are invalid.
 */
bool marks_count(const struct ring *ring, uint64_t from, uint64_t to, struct marks_count *count);

/*
 * Says to observers what tail was: everything before @tail was put by @now_ns, on the coarse clock, and what is
 * behind it not before. Context: a consumer that has something leased in the lane, so that tail cannot go on by
 * more than a lap meanwhile.
 */
static inline void marks_see(const struct ring *ring, uint64_t tail, int64_t now_ns)
{
    const uint32_t shift = ring->format.cells_log2 > 23 ? ring->format.cells_log2 - 23 : 0;
    const uint64_t time = (uint64_t)now_ns / 1000000 << 24;
    atomic_store_explicit(&ring->control->seen, time | (tail >> shift & 0xffffff), memory_order_relaxed);
}

#endif
