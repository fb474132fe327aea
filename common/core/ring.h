/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_RING_H
#define SHMQ_RING_H

/*
 * The algorithm of one lane, on plain memory: no system call, no waiting, no allocation. Threads, tests and fault
 * injection can drive it directly.
 *
 *   head <= claim <= tail <= head + cells, all 64-bit positions in cells that only grow and are never masked.
 *
 * Put      write record and payload beyond tail, then store tail with release (P1).
 * Lease    at c = claim: store the intent in the seat, compare-and-swap the lease word at c to LEASED (L1), help
 *          claim forward. If the word at c already has c's lap, another consumer has the batch: help claim forward
 *          and try again.
 * Finish   compare-and-swap the word to DONE (A1), then reclaim.
 * Reclaim  while the word at head is DONE: move claim, then head over its span (H1). Any process may do this.
 *
 * Why nothing is lost, duplicated or overwritten, whichever process stops between any two steps:
 *  - The lease word alone determines who has a batch; see lease_word.h.
 *  - head passes a batch only if its word is DONE. So a leased batch is never overwritten: its word, descriptors
 *    and payload stay unchanged until its holder, or the process that took over the holder's seat, finishes it.
 *  - Two consumers that finish adjacent batches at the same time both read head after their own exchange,
 *    sequentially consistent (A1, H0). At least one sees both words DONE and moves head over both. A holder that
 *    dies in between leaves head behind; so a producer that finds its lane full, and a consumer that checks for
 *    the end of the stream, reclaim first.
 */

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "common/core/geometry.h"
#include "common/core/layout.h"
#include "common/core/lease_word.h"

/*
 * A private view of a lane: addresses, and constants that are not read from shared memory again. What each put
 * needs comes first, so that it is on few lines.
 */
struct ring {
    struct lane_control *control;
    struct record *records;
    unsigned char *arena; /* mapped twice in a row: a record is contiguous at every index */
    uint64_t mask;
    struct lease_format format;
    uint32_t lane; /* number of this lane */
    uint64_t max_message_bytes;
    shared_u64 *leases;
    uint64_t cells;
    uint64_t max_position;
    struct lane_mark *marks;
    shared_u32 *times; /* put times, one a cell */
    uint64_t marks_mask;
    uint32_t block_log2;
};

/* The unpacked word of a descriptor. */
struct record_head {
    uint32_t length;
    uint8_t delimiter;
    uint8_t frame; /* enum shmq_frame, or RECORD_HEADERS */
};

#define RECORD_HEADERS 3u /* a header block stands before the payload, and has the frame: header_block.h */

#define RECORD_TAG_BITS 22u
#define RECORD_TAG_SHIFT (64 - RECORD_TAG_BITS)
#define RECORD_FRAME_BITS (UINT64_C(3) << 40)
#define RECORD_TAG_LOW (UINT64_C(1) << RECORD_TAG_SHIFT)
#define RECORD_FRAME_MASK (UINT64_C(0x3ff) << 32)

/*
 * A message is dropped by flipping these bits of its descriptor: the highest one of the length, which no message
 * needs, and the tag. So all else stays readable, and everything that does not expect such a word takes it for an
 * invalid one, and looks again more slowly. Consumers step over the record.
 */
#define RECORD_DROPPED (~(RECORD_TAG_LOW - 1) | UINT64_C(1) << 31)

/* A few bits that mix the position's lap and index. They distinguish a stale descriptor from a current one. */
static inline uint64_t record_tag(const struct ring *ring, uint64_t position)
{
    return (position ^ (position >> ring->format.cells_log2)) & ((1u << RECORD_TAG_BITS) - 1);
}

/* A message's framing as stored in its descriptor. */
static inline uint64_t record_frame(uint8_t frame, uint8_t delimiter)
{
    return (uint64_t)frame << 40 | (uint64_t)delimiter << 32;
}

static inline uint64_t record_pack(const struct ring *ring, uint64_t position, struct record_head head)
{
    return record_tag(ring, position) << RECORD_TAG_SHIFT | record_frame(head.frame, head.delimiter) | head.length;
}

static inline struct record_head record_unpack(uint64_t word)
{
    return (struct record_head){
        .length = (uint32_t)word, .delimiter = (uint8_t)(word >> 32), .frame = (uint8_t)(word >> 40 & 3)};
}

static inline bool record_has_headers(uint64_t word)
{
    return (word & RECORD_FRAME_BITS) == RECORD_FRAME_BITS;
}

static inline bool record_is_dropped(uint64_t word)
{
    return (word >> 31 & 1) != 0;
}

/* The descriptor as it was before the message was dropped. */
static inline uint64_t record_undropped(uint64_t word)
{
    return record_is_dropped(word) ? word ^ RECORD_DROPPED : word;
}

/* Cells of a record, dropped or not. */
static inline uint64_t record_cells(uint64_t word)
{
    return cells_for((uint32_t)record_undropped(word));
}

/* Bytes that a message without headers takes in its lane's stream, framing included, according to its descriptor.
 */
static inline uint64_t record_stream_bytes(uint64_t word)
{
    const uint32_t overheads = 0x0410; /* four bits for each frame: none 0, delimiter 1, length 4 */
    return (uint32_t)word + (uint64_t)(overheads >> (word >> 38 & 12) & 15);
}

/* Whether frame and length are valid in a word without its tag. With headers, the length is more than a cell. */
static inline bool record_rest_is_valid(uint64_t rest)
{
    return rest < RECORD_FRAME_BITS || (rest < RECORD_TAG_LOW && (uint32_t)rest > CELL_BYTES);
}

/* Whether a descriptor's word is valid for a message at @position: tag, frame and length. */
static inline bool record_is_valid(const struct ring *ring, uint64_t position, uint64_t word)
{
    const uint64_t rest = word ^ record_tag(ring, position) << RECORD_TAG_SHIFT;
    return record_rest_is_valid(rest) && (uint32_t)word <= ring->max_message_bytes;
}

static inline struct record *ring_record(const struct ring *ring, uint64_t position)
{
    return &ring->records[position & ring->mask];
}

static inline unsigned char *ring_payload(const struct ring *ring, uint64_t position)
{
    return ring->arena + ((position & ring->mask) << CELL_SHIFT);
}

/*
 * Copies the descriptor's word at @position. Returns false if it is not valid for a message, dropped or not, that
 * ends at or before @limit. The caller must use only the copy, and not read the shared word again.
 */
static inline bool ring_read_word(const struct ring *ring, uint64_t position, uint64_t limit, uint64_t *word)
{
    *word = atomic_load_explicit(&ring_record(ring, position)->word, memory_order_relaxed);
    return record_is_valid(ring, position, record_undropped(*word)) && record_cells(*word) <= limit - position;
}

/* The same, unpacked, as if it were not dropped. */
static inline bool ring_read_record(const struct ring *ring, uint64_t position, uint64_t limit,
                                    struct record_head *head)
{
    uint64_t word;
    const bool valid = ring_read_word(ring, position, limit, &word);
    *head = record_unpack(record_undropped(word));
    return valid;
}

/* ------------------------------------------------------------------ the producer's side */

/* What a lane's owner remembers of the marks and put times that it leaves: see marks.h. */
struct ring_marker {
    uint64_t sample_end;    /* the message that ends beyond it is sampled */
    uint64_t clock_at;      /* the clock is not read before this position */
    uint64_t block_end;     /* of the block that has a mark of this owner's */
    uint64_t since;         /* messages put when the clock was seen to advance */
    int64_t sampled_ns;     /* what it said then; 0: not read yet */
    int64_t mark_ns;        /* of the block's mark */
    uint64_t high_cells;    /* the most that was used at once, as far as seen */
    uint64_t high_at;       /* head is not read before this position to find out more */
    uint64_t framing;       /* bytes that the framing of the present messages adds */
    uint64_t framed_from;   /* messages put when it was set */
    uint64_t framing_bytes; /* of all messages before that */
    bool slower;            /* messages come more slowly from the next one on */
};

/* The state of a lane's owner that is private to it. What each put needs is beside the ring's such fields. */
struct ring_producer {
    uint64_t next;          /* position after the last message written; equals tail, except during a put */
    uint64_t limit;         /* what ends before it needs no look at anything: the lesser of room and sample_end */
    uint64_t stream_offset; /* at next */
    uint64_t messages;      /* before next */
    struct ring ring;
    uint32_t turn; /* checkpoint to overwrite next */
    uint64_t head; /* as last read */
    uint64_t room; /* end of the room that is known to be free */
    struct ring_marker marker;
};

/* Counts @cells as used at once. */
static inline void ring_note_used(struct ring_producer *producer, uint64_t cells)
{
    if (cells <= producer->marker.high_cells || cells > producer->ring.cells)
        return;
    producer->marker.high_cells = cells;
    atomic_store_explicit(&producer->ring.control->counters.high_cells, cells, memory_order_relaxed);
}

static inline void ring_read_cursor(const struct lane_control *control, uint32_t entry, uint64_t *cursor)
{
    for (int i = 0; i < CURSOR_WORDS; i++)
        cursor[i] = atomic_load_explicit(&control->cursors[entry][i], memory_order_relaxed);
}

/* Context: called by the lane's owner; @entry is not the checkpoint of tail. */
static inline void ring_write_cursor(struct lane_control *control, uint32_t entry, const uint64_t *cursor)
{
    for (int i = 0; i < CURSOR_WORDS; i++)
        atomic_store_explicit(&control->cursors[entry][i], cursor[i], memory_order_relaxed);
}

/*
 * Becomes the writer of a lane: reads where its last owner stopped.
 * Context: the caller holds the lane's byte.
 * Return:  0; -EBADMSG if positions or checkpoints are invalid.
 */
int ring_producer_init(struct ring_producer *producer, const struct ring *ring);

/* Initialises an unused lane at @position (a multiple of cells). Context: the caller holds the lane's byte. */
void ring_format(const struct ring *ring, uint64_t position);

/*
 * Makes room for @need_cells beyond next, and reclaims if necessary.
 * Return: 0; -EAGAIN if the lane is full; -EOVERFLOW; -EBADMSG.
 */
int ring_make_room(struct ring_producer *producer, uint64_t need_cells);

/* Whether there is known to be room, without reading shared memory, and no sample is due (marks.h). */
static inline bool ring_has_room(const struct ring_producer *producer, uint64_t need_cells)
{
    return producer->next + need_cells <= producer->limit;
}

/* Whether there is known to be room, although a sample may be due. */
static inline bool ring_fits(const struct ring_producer *producer, uint64_t need_cells)
{
    return producer->next + need_cells <= producer->room;
}

/* After a change of room or sample_end. */
static inline void ring_set_limit(struct ring_producer *producer)
{
    const uint64_t end = producer->marker.sample_end;
    producer->limit = producer->room < end ? producer->room : end;
}

/* Prefetches the lines that a message of @cells at @ahead will need, unless consumers may still read them. */
void ring_prefetch_room(const struct ring *ring, uint64_t ahead, uint64_t limit, uint64_t cells);

/* Writes a descriptor. @tag: only its low RECORD_TAG_BITS are used. */
static inline void ring_write_record(struct record *record, uint64_t tag, uint64_t framed_length,
                                     uint64_t stream_offset)
{
    atomic_store_explicit(&record->word, tag << RECORD_TAG_SHIFT | framed_length, memory_order_relaxed);
    atomic_store_explicit(&record->stream_offset, stream_offset, memory_order_relaxed);
}

/*
 * Writes the descriptor of a message at next, and advances next. The payload must be written before publishing.
 *
 * @framed_length  as in a descriptor: record_frame and payload bytes
 * @cells          cells_for the payload
 * @stream_bytes   record_stream_bytes
 */
static inline void ring_append_cells(struct ring_producer *producer, uint64_t framed_length, uint64_t cells,
                                     uint64_t stream_bytes)
{
    const struct ring *ring = &producer->ring;
    const uint64_t next = producer->next, offset = producer->stream_offset;
    ring_write_record(ring_record(ring, next), record_tag(ring, next), framed_length, offset);
    producer->next = next + cells;
    producer->stream_offset = offset + stream_bytes;
    producer->messages++;
}

/* The same, with @cells and @stream_bytes computed. */
static inline void ring_append(struct ring_producer *producer, uint64_t framed_length)
{
    ring_append_cells(producer, framed_length, cells_for((uint32_t)framed_length),
                      record_stream_bytes(framed_length));
}

/*
 * Publishes everything before @next, and sets the producer's next, stream offset and number of messages.
 *
 * Ordering: P1, release; pairs with C1 in ring_lease. The checkpoint of this tail is complete before it.
 * Crash:    before the store of tail nothing has happened: the checkpoint entry being overwritten belongs to an
 *           older tail, so it cannot match the lane's tail at any moment before P1.
 */
static inline void ring_publish_at(struct ring_producer *producer, uint64_t next, uint64_t stream_offset,
                                   uint64_t messages)
{
    struct lane_control *control = producer->ring.control;
    struct checkpoint *entry = &control->checkpoints[producer->turn];
    producer->turn ^= 1;
    producer->next = next;
    producer->stream_offset = stream_offset;
    producer->messages = messages;
    atomic_store_explicit(&entry->stream_offset, stream_offset, memory_order_relaxed);
    atomic_store_explicit(&entry->messages, messages, memory_order_relaxed);
    atomic_store_explicit(&entry->tail, next, memory_order_release);
    atomic_store_explicit(&control->tail, next, memory_order_release); /* P1 */
}

/* Publishes what was appended, and the cursor with it: both become valid with tail (P1). */
static inline void ring_publish_with_cursor(struct ring_producer *producer, const uint64_t *cursor)
{
    ring_write_cursor(producer->ring.control, producer->turn, cursor);
    ring_publish_at(producer, producer->next, producer->stream_offset, producer->messages);
}

/* Publishes what was appended. */
static inline void ring_publish(struct ring_producer *producer)
{
    ring_publish_at(producer, producer->next, producer->stream_offset, producer->messages);
}

/* ------------------------------------------------------------------ the consumers' side */

/* A batch of whole records that one seat has leased. */
struct ring_batch {
    uint64_t start; /* positions */
    uint64_t end;
    uint32_t count; /* records */
    bool dropped;   /* some of them are dropped */
};

struct ring_limits {
    uint32_t records; /* most records in a lease, at least 1 */
    uint64_t cells;   /* most cells, at least 1; a lease has at least one record, however long */
    uint32_t sharers; /* consumers that share the lane: take at most a fair share; 0 is the same as 1 */
    uint64_t *words;  /* receives the records' descriptors; NULL: not wanted */
};

/*
 * Leases a batch for @seat.
 *
 * @owner   the seat's shared entry; the caller holds its byte, and it holds no other work
 *
 * Ordering: C1, acquire of tail; pairs with P1. L1, sequentially consistent exchange of the lease word. The caller
 *           looks at ring_drops afterwards (L2).
 * Crash:    before L1 nothing has happened; after it, the seat's intent names the batch.
 * Return:   0; -EAGAIN if there is nothing to lease; -EBADMSG.
 */
int ring_lease(const struct ring *ring, struct seat *owner, uint32_t seat, const struct ring_limits *limits,
               struct ring_batch *batch);

/*
 * Finds what ring_lease would lease, and leases nothing.
 *
 * @limits  its .words are not needed
 * @more    receives whether the lane has more than the lease would take
 *
 * Return:  0; -EAGAIN if there is nothing to lease; -EBADMSG.
 */
int ring_look(const struct ring *ring, const struct ring_limits *limits, struct ring_batch *batch, bool *more);

/* Whether @seat has a batch leased at @start. */
static inline bool ring_is_leased(const struct ring *ring, uint64_t start, uint32_t seat)
{
    const uint64_t word = atomic_load_explicit(&ring->leases[start & ring->mask], memory_order_acquire);
    return lease_word_lap(ring->format, word) == lease_lap_of(ring->format, start) && !lease_word_done(word) &&
           lease_word_seat(ring->format, word) == seat;
}

/*
 * Finds the batch that @seat has leased at @start.
 * Return: 0; -ENOENT if there is none; -EBADMSG if its records are invalid.
 */
int ring_find_lease(const struct ring *ring, uint64_t start, uint32_t seat, struct ring_batch *batch);

/* Copies the descriptors of a leased batch to @words. Return: false if one is invalid. */
bool ring_read_words(const struct ring *ring, const struct ring_batch *batch, uint64_t *words);

/*
 * Marks a batch as done, then reclaims.
 *
 * Ordering: A1; pairs with H0 in ring_reclaim of another consumer, and through head with P2 in ring_make_room.
 * Crash:    before A1 the batch still belongs to the seat; after it, it is done, and any process can reclaim.
 * Return:   0; -EBADMSG if the word is not the one that this holder left there.
 */
int ring_finish(const struct ring *ring, uint64_t start, uint64_t end, uint32_t seat);

/* Moves head past finished batches. Return: 0; -EBADMSG. */
int ring_reclaim(const struct ring *ring);

/* Whether there are messages that nobody has leased; a hint that may be out of date. */
static inline bool ring_has_work(const struct ring *ring)
{
    return atomic_load_explicit(&ring->control->claim, memory_order_relaxed) !=
           atomic_load_explicit(&ring->control->tail, memory_order_relaxed);
}

/* Prefetches the lines of the first message that nobody has leased. */
static inline void ring_prefetch_work(const struct ring *ring)
{
    const uint64_t claim = atomic_load_explicit(&ring->control->claim, memory_order_relaxed);
    __builtin_prefetch(ring_record(ring, claim));
    __builtin_prefetch(ring_payload(ring, claim));
}

/* Whether everything published is acknowledged. Reads head before tail, so that true was right at some moment. */
static inline bool ring_is_drained(const struct ring *ring)
{
    const uint64_t head = atomic_load_explicit(&ring->control->head, memory_order_acquire);
    return head == atomic_load_explicit(&ring->control->tail, memory_order_acquire);
}

/* ------------------------------------------------------------------ dropping */

enum ring_place_state {
    RING_DONE,      /* the record is acknowledged, or there never was one */
    RING_LEASED,    /* its batch is leased */
    RING_UNCLAIMED, /* nobody has leased it */
};

/* Where in a lane a position is. */
struct ring_place {
    enum ring_place_state state;
    uint64_t start; /* of its batch; of what is not leased */
    uint64_t end;   /* of its batch; tail */
    uint32_t seat;  /* that has leased the batch */
};

/*
 * Finds out who has what is at @position, by the lease words alone.
 * Return: 0; -EAGAIN if the lane changes too fast; -EBADMSG.
 */
int ring_locate(const struct ring *ring, uint64_t position, struct ring_place *place);

/*
 * Looks for a record at @position, which may be anything, from the beginning of its place.
 *
 * @word   receives its descriptor
 * @index  receives the number of records before it in the place
 *
 * Return: 0; -ENOMSG if no record begins there; -EAGAIN if the place has changed; -EBADMSG.
 */
int ring_find_record(const struct ring *ring, const struct ring_place *place, uint64_t position, uint64_t *word,
                     uint64_t *index);

/*
 * Marks the record at @position as dropped.
 *
 * @word  its descriptor as it was read; may be dropped already
 *
 * Ordering: D1, sequentially consistent: the mark, then drops. The caller looks at the lease words afterwards: if
 *           the record is unclaimed then, whoever leases it later finds at L2 that drops has grown.
 * Return:   false if the descriptor is no longer @word.
 */
bool ring_drop(const struct ring *ring, uint64_t position, uint64_t word);

/*
 * Whether nothing is left in the lane but dropped records that nobody has leased, and none of them can be
 * delivered any more. Conservative: after the death of a process that was dropping a message, it may be false
 * until a consumer has stepped over the records.
 */
bool ring_has_only_dropped(const struct ring *ring);

/*
 * How many records were marked in the lane.
 *
 * Ordering: L2, after L1; pairs with D1. If the number is the same as before the descriptors of a leased batch
 *           were read, then nobody has marked one of them since and found it unclaimed. Otherwise they have to be
 *           read again.
 */
static inline uint64_t ring_drops(const struct ring *ring)
{
    return atomic_load_explicit(&ring->control->drops, memory_order_seq_cst);
}

/* The position before which everything is done, whether or not head has been moved there. Changes nothing. */
uint64_t ring_done_position(const struct ring *ring);

#endif
