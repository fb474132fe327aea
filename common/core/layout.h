/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_LAYOUT_H
#define SHMQ_LAYOUT_H

/*
 * The shared-memory object, byte for byte.
 *
 *   0                 struct header                     one page or more
 *   seats_offset      struct seat [seats]
 *   buffers_offset      seat buffers [seats], buffer_bytes each; reserved only when used
 *   lanes_offset      lanes [lanes], lane_bytes each; reserved only when used:
 *                       struct lane_control             one page or more
 *                       struct lane_mark [marks]        192 bytes each, see marks.h
 *                       put times [cells]               4 bytes a cell, see marks.h
 *                       lease words [cells]             8 bytes a cell
 *                       struct record [cells]           16 bytes a cell
 *                       arena                           64 bytes a cell
 *   slots_offset      slots of the lanes' sources [lanes], slots_bytes each; reserved only as far as used:
 *                       struct source_slot [SHMQ_SLOTS_MAX]
 *   events_offset       struct event [EVENTS]; reserved only as far as used
 *   latency_offset      latency histograms [seats], latency_bytes each; reserved only when used
 *
 * Locks (open file description locks, one byte each; the byte's content does not matter):
 *   0                          creating or removing the queue
 *   1                          held by a producer with a source, or a part of one, while it chooses its lane
 *   2                          supervising the queue's processes
 *   3                          replacing a semaphore
 *   offset of a struct seat    owning that seat, or finishing a dead owner's work
 *   offset of a lane_control   owning that lane
 *
 * To change anything here: raise LAYOUT_ABI, so that old programs refuse new queues and vice versa, and describe
 * the change in docs/DESIGN.md. layout_fingerprint() follows sizes and offsets by itself.
 *
 * Every comment on a field says who writes it (W) and who reads it (R). Fields that different processes write are
 * 128 bytes apart, because processors fetch adjacent cache lines in pairs.
 */

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#if !defined(__linux__) || !defined(__LP64__)
#error "shmq needs 64-bit Linux"
#endif

#define LAYOUT_MAGIC UINT64_C(0x31514d4853a7e5c1)
#define LAYOUT_ABI 6u
#define LINE_BYTES 128
#define LANE_WORDS 16 /* 64-bit words of the bitmap of lanes: SHMQ_LANES_MAX bits */
#define PROGRAM_BYTES 16
#define NAME_BYTES 256       /* more than SHMQ_NAME_MAX */
#define SOURCE_NOTE_WORDS 8  /* SHMQ_NOTE_MAX bytes */
#define CURSOR_WORDS 4       /* SHMQ_CURSOR_WORDS */
#define SOURCE_SLOT_WORDS 15 /* SHMQ_SLOT_MAX bytes */
#define SOURCE_SLOTS 1024    /* SHMQ_SLOTS_MAX */
#define ASIDE_WORDS 4        /* SHMQ_ASIDE_WORDS */
#define EVENTS 4096          /* SHMQ_EVENTS_MAX */
#define EVENT_WORDS 8
#define MARK_DATED_WORDS 16  /* a bit for each cell of a block */
#define BRIDGE_WORDS 16      /* SHMQ_BRIDGE_WORDS */
#define LATENCY_BUCKETS 1728 /* SHMQ_LATENCY_BUCKETS */

#define LINE_ALIGNED _Alignas(LINE_BYTES)

typedef _Atomic uint64_t shared_u64;
typedef _Atomic uint32_t shared_u32;

/* header.state */
enum object_state {
    OBJECT_RAW = 0, /* not ready yet: wait, or complete it */
    OBJECT_READY = 0x52454459,
    OBJECT_REMOVED = 0x474f4e45,
};

/* header.flags; bits are set and never cleared, except for FLAG_PAUSED */
enum header_flag {
    FLAG_FULL_FENCES = 1, /* some process is refused membarrier: wakers and sleepers both use full fences */
    FLAG_DRAIN = 2,       /* no more puts */
    FLAG_NOW = 4,         /* no more gets either */
    FLAG_REMOVED = 8,     /* the same as OBJECT_REMOVED, for the fast path */
    FLAG_LOST = 16,       /* something acknowledged is no longer where it was written; see shmq_report_loss */
    FLAG_PAUSED = 32,     /* nothing is handed out until shmq_resume clears it */
};

/* header.features */
enum header_feature {
    FEATURE_NO_LATENCY = 1, /* consumers keep no histogram of the time from put to acknowledgement */
};
#define FEATURES_KNOWN ((uint32_t)FEATURE_NO_LATENCY) /* a queue with any other bit is of a later version */

struct header {
    /* W: the creator, before state becomes READY. R: everybody, once, at attach. */
    uint64_t magic;
    uint32_t abi;
    uint32_t fingerprint; /* of the structs' sizes and offsets and of the byte order */
    uint64_t queue_id;    /* random; distinguishes queues that have had the same name */
    uint64_t capacity_bytes;
    uint64_t max_message_bytes;
    uint64_t object_bytes;
    int64_t tick_ns;
    uint32_t lanes;
    uint32_t seats;
    uint32_t page_bytes;
    uint32_t creator_pid; /* for display only */
    int64_t created_s;    /* for display only; seconds since 1970 */
    shared_u32 state;     /* W: creator, remover; stored last, with release. R: everybody */
    uint32_t features;    /* enum header_feature. W: the creator. R: everybody, at attach */
    int64_t created_ns;   /* the same moment as created_s, on the coarse clock, like all put times */

    /* W: attaching and detaching processes, by atomic add. R: consumers, before each lease: after a change, they
     * check again which lanes and seats are in use. */
    LINE_ALIGNED shared_u32 membership;
    shared_u32 flags;           /* W: any process, by atomic or/and. R: everybody, in every operation */
    shared_u32 bell_generation; /* W: a sleeper that missed a wake-up. R: wakers: reopen semaphores on change */
    shared_u64 lanes_used[LANE_WORDS]; /* W: a producer at attach, by atomic or. R: consumers, observers */

    /* {tag, count of sleeping consumers}. W: consumers that start or stop waiting, wakers. R: wakers, after every
     * publish */
    LINE_ALIGNED shared_u64 bell;
    shared_u32 long_sleepers; /* W: consumers before a long sleep (1), wakers (0). R: wakers: if 1, ring for all */
    /* {interrupts so far 31, pending 1}. Pending: a ring may be meant for an interrupted consumer. W: a process
     * that interrupts a consumer; pending also by consumers that find none interrupted, by compare-and-swap.
     * R: consumers, before and after their sleeps */
    shared_u32 interrupts;

    /* The run record: the command that works on this queue. W: the supervisor, which holds its byte. R: the next
     * supervisor */
    LINE_ALIGNED shared_u64 run_command; /* hash of the command line and of what it reads and writes */
    shared_u64 run_inputs;               /* hash of its inputs' sizes and times */
    shared_u32 run_state;                /* enum shmq_run_state; stored last */
    shared_u32 supervisor_pid;           /* for display only */

    /* W: any process, by atomic add. R: observers. */
    LINE_ALIGNED shared_u64 deaths; /* producers and consumers found dead with something unfinished, once each */
    shared_u64 bells_replaced;      /* semaphores replaced */
    /* The flight recorder: see events.h. */
    LINE_ALIGNED shared_u64 events; /* recorded so far. W: any process, by atomic add. R: observers */
    shared_u64 events_lost;         /* that found no memory. W: any process, by atomic add. R: observers */
    shared_u64 empty_ns;            /* when the queue was last recorded as empty. W: consumers, by exchange */
    /* Of a copy in a file: when it was made, on the monotonic and on the wall clock; 0: unknown, or no copy.
     * W: shmq_save, in the copy alone; who attaches to a copy that has taken its queue's place (0). R: observers
     * of files */
    shared_u64 saved_ns;
    shared_u64 saved_realtime_ns;

    /* The queue's name, ended by 0. W: the creator. R: observers of copies in files, which have names of their own
     */
    LINE_ALIGNED unsigned char name[NAME_BYTES];
};

/*
 * Of a lane and a seat in a copy in a file: whether its owner was alive when the copy was made. Its lock, which
 * says so otherwise, is not copied. It counts only while header.saved_ns is set. W: shmq_save, in the copy alone.
 * R: observers of files
 */
enum saved_life {
    SAVED_LIFE_UNKNOWN = 0, /* it is no copy, or shmq_save has not made it */
    SAVED_LIFE_ALIVE = 1,
    SAVED_LIFE_GONE = 2,
};

/* An event of the flight recorder. W: the process that drew its number. R: observers. See events.h. */
struct event {
    shared_u64 words[EVENT_WORDS];
};

/* seat.waiting */
enum waiting_state {
    WAITING_NOT = 0,
    WAITING_TICK = 1, /* may be counted in bell; checks again after a tick */
    WAITING_LONG = 2, /* likewise, but sleeps long */
};

/*
 * A write intent: what the consumer of a seat is about to write to a file, or was writing when it died. It is
 * valid if turn is odd. It outlives its writer, which is dead if another process can lock the file. See intent.c.
 *
 * W: the seat's owner, while it holds an exclusive lock on the file; turn also by a later holder of that lock, by
 * compare-and-swap, to clear the intent. R: holders of that lock; turn also by new consumers, which prefer a seat
 * without a pending intent.
 */
struct write_intent {
    shared_u64 turn; /* only grows; odd: what follows is complete and pending; even: nothing is pending */
    shared_u64 device;
    shared_u64 inode;
    shared_u64 offset; /* byte of the file at which the write begins */
    shared_u64 bytes;  /* the most that it writes */
    shared_u64 format; /* for the caller, not interpreted */
    /* The messages, by their place in the lane, although they may have been moved to the seat's buffer since. */
    shared_u64 start;    /* position of their batch, in cells */
    shared_u64 position; /* of the first message */
    shared_u32 lane;
    shared_u32 seat;  /* the seat that holds them: this one, or a dead consumer's whose work it was finishing */
    shared_u32 first; /* records of the batch before the first message */
    shared_u32 count;
};

/*
 * One consumer's entry. Owner: the process that holds the byte at its offset, which is either the consumer that
 * took the seat or, after its death, another one that finishes its work. Only the owner writes here, unless a
 * comment says otherwise.
 */
struct seat {
    /* The lease that this seat holds, if the lease word at this position agrees. W: owner, before it takes the
     * lease word. R: the next owner */
    shared_u64 intent_lane;     /* lane + 1; 0: no lease yet */
    shared_u64 intent_position; /* first cell of the batch */
    shared_u64 progress;        /* {returned 1, attempts 31, acknowledged records 32}: see seat.h */
    shared_u64 delivered;       /* messages acknowledged. R: observers */
    shared_u64 delivered_bytes; /* R: observers */
    shared_u32 waiting;         /* enum waiting_state. R: other consumers, processes that wake all */
    shared_u32 interrupted;     /* W: owner (0), a thread that interrupts it (1). R: other consumers */
    shared_u64 leased_ns;       /* when it last leased something, on the coarse clock. R: observers */
    shared_u64 active_ns;       /* when it was last seen in a call of the library, likewise. R: observers */
    /* Of the lease, if both name it: how many of its first records are in the counters of those who gave it back.
     * W: owner, before it counts them. R: the next owner */
    shared_u64 counted;          /* {lane + 1 32, records 32} */
    shared_u64 counted_position; /* first cell of the batch; stored last */

    /* For display only; besides, pid != 0 serves to estimate how many consumers share the work. */
    LINE_ALIGNED shared_u32 pid;
    unsigned char program[PROGRAM_BYTES];
    shared_u32 saved_life;  /* enum saved_life */
    shared_u64 attached_ns; /* when its owner took it. R: observers */

    /* The message that was moved from the ring to the seat buffer. It counts if held_valid is 1 and the lease word
     * that the intent names is not LEASED by this seat. W: owner. R: the next owner */
    LINE_ALIGNED shared_u64 held_valid;
    shared_u64 held_lane;
    shared_u64 held_position;
    shared_u64 held_record[2]; /* its descriptor */
    shared_u64 held_attempts;  /* like progress, with acknowledged records always 0 */
    /* {due time 63, which note counts 1}: see words.h. A message that was put aside waits for its due time without
     * an owner. R: also other consumers, processes that attach, observers */
    shared_u64 held_due;
    shared_u64 held_notes[2][ASIDE_WORDS]; /* the caller's, for the next consumer; not interpreted */
    shared_u64 held_put_ns; /* when it was put, on the coarse clock; 0: unknown. R: also observers */

    LINE_ALIGNED struct write_intent write_intent;

    /* Of all owners of the seat. Events of an adopted seat's work count in the seat of the consumer that adopted
     * it. R: observers. */
    LINE_ALIGNED struct seat_counters {
        shared_u64 sleeps;
        shared_u64 wake_ups;     /* sleeps that a ring ended */
        shared_u64 spurious;     /* those of them after which there was nothing */
        shared_u64 failed;       /* attempts: shmq_fail */
        shared_u64 redelivered;  /* messages taken over, and handed out again */
        shared_u64 adopted;      /* batches and held messages taken over from a dead owner */
        shared_u64 put_aside;    /* messages, each time */
        shared_u64 given_back;   /* batches and held messages: shmq_release, or closing with something held */
        shared_u64 deaths;       /* dead consumers found with work */
        shared_u64 dead_letters; /* by shmq_count, as the rest */
        shared_u64 dropped;
        shared_u64 too_long;
    } counters;
    LINE_ALIGNED shared_u64 bridge[BRIDGE_WORDS]; /* the caller's: shmq_set_bridge */
};

/* The entry whose tail equals the lane's tail says what was put before that position. */
struct checkpoint {
    shared_u64 tail;          /* cells */
    shared_u64 stream_offset; /* bytes, framing included */
    shared_u64 messages;
};

/* lane_control.life: {finishes so far 56, state 8}, in one word so that a finish counts exactly once */
enum lane_state {
    LANE_UNUSED = 0,
    LANE_ACTIVE = 1,   /* has an owner, or its owner died unfinished */
    LANE_FINISHED = 2, /* its last owner finished */
};

/* Owner: the producer that holds the byte at the lane's offset. */
struct lane_control {
    /* W: owner. R: consumers. */
    shared_u64 tail; /* everything before this position is published */

    /* W: owner. R: its successor, observers. */
    LINE_ALIGNED struct checkpoint checkpoints[2];
    shared_u64 source_id;   /* 0: none */
    shared_u64 source_base; /* stream offset at which this source began */
    /* One for each checkpoint: the source's cursor at the last message before its tail; all 0: none. */
    shared_u64 cursors[2][CURSOR_WORDS];

    /* W: owner at attach and detach; life also by a process that finishes the lane for a dead owner, while it
     * holds the owner's byte. R: consumers when membership changes, observers. */
    LINE_ALIGNED shared_u64 life;
    shared_u64 attached; /* owners so far */
    shared_u32 priority;
    shared_u32 pid; /* for display only */
    unsigned char program[PROGRAM_BYTES];
    shared_u32 mover; /* 1: the source moves messages here, so the lane counts as finished while it has no owner */
    shared_u32
        left; /* 1: its last owner left it unfinished, and did not die. R: the next owner, who finishes it */
    shared_u32 saved_life; /* enum saved_life */

    /* W: consumers, by compare-and-swap. R: consumers. */
    LINE_ALIGNED shared_u64 claim; /* everything before this position has been leased */
    /* {coarse time in ms 40, low bits of tail 24}: what tail was, shifted so as to fit, at a recent lease; see
     * marks.h. W: consumers after a lease. R: observers */
    shared_u64 seen;
    shared_u64 drop_end; /* no message from here on is dropped. W: processes that drop messages. R: observers */
    /* Messages marked as dropped so far. W: processes that drop messages, by atomic add. R: consumers, before they
     * read descriptors and after they have leased them: if it changed, they read them again. */
    shared_u64 drops;
    shared_u64 drops_begun; /* likewise, before the mark. R: who looks whether nothing else is left */
    shared_u64 dropped; /* messages that shmq_drop has dropped. W: who dropped them, by atomic add. R: observers */

    /* W: any process that reclaims, by compare-and-swap. R: the owner. */
    LINE_ALIGNED shared_u64 head; /* everything before this position is acknowledged and may be overwritten */

    /* W: owner before it sleeps, wakers (to 0). R: processes that move head. */
    LINE_ALIGNED shared_u64 wanted_head; /* wake the owner once head has reached this position; 0: it is awake */

    /* The whole that the source is part of. W: owner. R: its successors, new producers of the same group. */
    LINE_ALIGNED shared_u64 source_group; /* 0: none; set only while the fields below are right */
    shared_u64 source_round;              /* number of the group's current round, from 1 */
    shared_u64 source_size;               /* as given by the first part of the round */
    shared_u64 source_check;              /* likewise */
    shared_u64 source_part;               /* number of the part; 0: none */

    /* The source's note. W: owner: first the copy that is not current, then this word. R: its successors. */
    shared_u64 note; /* {times set 56, length in bytes 8}; the lowest bit of times tells which copy is current */
    /* Slots of another epoch are empty. W: owner: one more at each change of the source, while source_id is 0.
     * R: its successors, observers. */
    shared_u64 slot_epoch;
    LINE_ALIGNED shared_u64 note_copies[2][SOURCE_NOTE_WORDS];

    /* Of all owners of the lane. W: owner. R: observers. */
    LINE_ALIGNED struct lane_counters {
        shared_u64 blocked_times; /* waits for room */
        shared_u64 blocked_ns;    /* that they took, up to the last sleep's end */
        shared_u64 blocked_since; /* when the present wait began; 0: none. Means nothing if the owner is dead */
        shared_u64 sleeps;
        shared_u64 wake_ups;     /* sleeps that a ring ended */
        shared_u64 spurious;     /* those of them after which there was no room */
        shared_u64 refused;      /* puts that failed because the lane was full: see blocked.h */
        shared_u64 too_long;     /* puts of messages that are longer than the largest; also by shmq_count */
        shared_u64 dropped;      /* by shmq_count */
        shared_u64 high_cells;   /* the most that was used at once, as far as seen */
        shared_u64 attached_ns;  /* when its owner took it */
        shared_u64 active_ns;    /* when it was last seen in a call of the library, on the coarse clock */
        shared_u64 dead_letters; /* by shmq_count */
        shared_u64 mourned;      /* which owner, by number in attached, is counted as dead */
    } counters;
    LINE_ALIGNED shared_u64 bridge[BRIDGE_WORDS]; /* the caller's: shmq_set_bridge */
};

/*
 * What was known when the first message of a block of cells was put. See marks.h. W: the lane's owner. R:
 * consumers, observers.
 */
struct lane_mark {
    shared_u64 position; /* of the first message that begins in the block; stored last; 0: invalid */
    shared_u64 messages; /* put before position */
    shared_u64 bytes;    /* their payload, without headers and framing */
    shared_u64 time_ns;  /* everything from position on was put then or later, on the coarse clock */
    /* Bit i: the put time of cell i of the block is right. */
    shared_u64 dated[MARK_DATED_WORDS];
    shared_u64 reserved[4];
};

/*
 * A slot of a lane's source. All zero, as reserved, it is empty.
 *
 * W: the lane's owner: first the copy that is not current, then the word. R: its successors; the word also
 * observers.
 */
struct source_slot {
    shared_u64 word; /* {epoch 55, current copy 1, length in bytes 8}; counts only in the lane's slot_epoch */
    shared_u64 copies[2][SOURCE_SLOT_WORDS];
    shared_u64 reserved;
};

/*
 * A message's descriptor, at the index of its first cell. W: the lane's owner, before tail; the word also by a
 * process that drops the message, by compare-and-swap. R: consumers.
 */
struct record {
    shared_u64 word;          /* {tag 22, frame 2, delimiter 8, dropped 1, length 31}: see ring.h */
    shared_u64 stream_offset; /* bytes of the lane's stream before this message */
};

_Static_assert(ATOMIC_LLONG_LOCK_FREE == 2 && ATOMIC_INT_LOCK_FREE == 2, "atomics must be lock-free");
_Static_assert(sizeof(shared_u64) == 8 && sizeof(shared_u32) == 4, "atomics must have no hidden lock");
_Static_assert(sizeof(struct header) == 9 * LINE_BYTES, "header has nine lines");
_Static_assert(offsetof(struct header, membership) == LINE_BYTES, "header: constants take one line");
_Static_assert(offsetof(struct header, bell) == 3 * LINE_BYTES, "header: bell has its own line");
_Static_assert(sizeof(struct seat) == 6 * LINE_BYTES, "seat has six lines");
_Static_assert(offsetof(struct seat, held_valid) == 2 * LINE_BYTES, "seat: the held message has its own line");
_Static_assert(sizeof(struct write_intent) <= LINE_BYTES, "a write intent takes one line");
_Static_assert(offsetof(struct seat, write_intent) == 3 * LINE_BYTES, "seat: the write intent has its own line");
_Static_assert(sizeof(struct lane_control) == 10 * LINE_BYTES, "lane control has ten lines");
_Static_assert(offsetof(struct lane_control, life) == 2 * LINE_BYTES, "cursors fit the line of the checkpoints");
_Static_assert(offsetof(struct lane_control, claim) - offsetof(struct lane_control, tail) >= LINE_BYTES, "lines");
_Static_assert(offsetof(struct lane_control, head) - offsetof(struct lane_control, claim) >= LINE_BYTES, "lines");
_Static_assert(sizeof(struct source_slot) == 2 * LINE_BYTES, "a slot takes two lines");
_Static_assert(sizeof(struct lane_mark) == 3 * 64 && sizeof(struct event) == 64, "whole lines of the cache");
_Static_assert(sizeof(struct seat_counters) <= LINE_BYTES, "the counters of a seat take one line");
_Static_assert(sizeof(struct lane_counters) <= LINE_BYTES, "the counters of a lane take one line");
_Static_assert(sizeof(struct record) == 16, "record is 16 bytes");

/* A hash of the sizes, offsets and byte order that two builds must agree on. */
#define LAYOUT_MIX(hash, value) (((hash) ^ (uint32_t)(value)) * UINT32_C(16777619))
static inline uint32_t layout_fingerprint(void)
{
    const uint32_t probe = 1;
    uint32_t hash = UINT32_C(2166136261);
    hash = LAYOUT_MIX(hash, *(const unsigned char *)&probe);
    hash = LAYOUT_MIX(hash, sizeof(void *));
    hash = LAYOUT_MIX(hash, sizeof(struct header));
    hash = LAYOUT_MIX(hash, offsetof(struct header, state));
    hash = LAYOUT_MIX(hash, offsetof(struct header, bell));
    hash = LAYOUT_MIX(hash, sizeof(struct seat));
    hash = LAYOUT_MIX(hash, offsetof(struct seat, held_valid));
    hash = LAYOUT_MIX(hash, offsetof(struct seat, held_notes));
    hash = LAYOUT_MIX(hash, offsetof(struct seat, held_put_ns));
    hash = LAYOUT_MIX(hash, sizeof(struct write_intent));
    hash = LAYOUT_MIX(hash, offsetof(struct seat, write_intent));
    hash = LAYOUT_MIX(hash, sizeof(struct lane_control));
    hash = LAYOUT_MIX(hash, offsetof(struct lane_control, cursors));
    hash = LAYOUT_MIX(hash, offsetof(struct lane_control, claim));
    hash = LAYOUT_MIX(hash, offsetof(struct lane_control, wanted_head));
    hash = LAYOUT_MIX(hash, offsetof(struct lane_control, note_copies));
    hash = LAYOUT_MIX(hash, offsetof(struct lane_control, slot_epoch));
    hash = LAYOUT_MIX(hash, sizeof(struct source_slot));
    hash = LAYOUT_MIX(hash, offsetof(struct source_slot, copies));
    hash = LAYOUT_MIX(hash, SOURCE_SLOTS);
    hash = LAYOUT_MIX(hash, sizeof(struct record));
    hash = LAYOUT_MIX(hash, offsetof(struct header, events));
    hash = LAYOUT_MIX(hash, offsetof(struct header, created_ns));
    hash = LAYOUT_MIX(hash, offsetof(struct header, name));
    hash = LAYOUT_MIX(hash, offsetof(struct seat, saved_life));
    hash = LAYOUT_MIX(hash, offsetof(struct lane_control, saved_life));
    hash = LAYOUT_MIX(hash, sizeof(struct event));
    hash = LAYOUT_MIX(hash, offsetof(struct seat, leased_ns));
    hash = LAYOUT_MIX(hash, offsetof(struct seat, counters));
    hash = LAYOUT_MIX(hash, offsetof(struct lane_control, seen));
    hash = LAYOUT_MIX(hash, offsetof(struct lane_control, counters));
    hash = LAYOUT_MIX(hash, offsetof(struct lane_control, dropped));
    hash = LAYOUT_MIX(hash, sizeof(struct lane_counters));
    hash = LAYOUT_MIX(hash, sizeof(struct seat_counters));
    hash = LAYOUT_MIX(hash, sizeof(struct lane_mark));
    hash = LAYOUT_MIX(hash, EVENTS);
    hash = LAYOUT_MIX(hash, LATENCY_BUCKETS);
    return hash;
}

#endif
