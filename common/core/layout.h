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
 *                       lease words [cells]             8 bytes a cell
 *                       struct record [cells]           16 bytes a cell
 *                       arena                           64 bytes a cell
 *
 * Locks (open file description locks, one byte each; the byte's content has nothing to do with it):
 *   0                          creating or removing the queue
 *   1                          a producer with a source, or a part of one, while it chooses its lane
 *   2                          supervising the queue's processes
 *   3                          replacing a semaphore
 *   offset of a struct seat    owning, or clearing up after, that seat
 *   offset of a lane_control   owning that lane
 *
 * To change anything here: raise LAYOUT_ABI, so that old programs refuse new queues and the other way round,
 * and say in docs/DESIGN.md what changed. LAYOUT_FINGERPRINT follows the structs by itself.
 *
 * Every comment on a field says who writes it (W) and who reads it (R). Fields that several parties write are
 * 128 bytes apart: adjacent lines are fetched in pairs.
 */

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#if !defined(__linux__) || !defined(__LP64__)
#error "shmq needs 64-bit Linux"
#endif

#define LAYOUT_MAGIC UINT64_C(0x31514d4853a7e5c1)
#define LAYOUT_ABI 2u
#define LINE_BYTES 128
#define LANE_WORDS 16 /* 64-bit words of the bitmap of lanes: SHMQ_LANES_MAX bits */
#define PROGRAM_BYTES 16
#define SOURCE_NOTE_WORDS 8 /* SHMQ_NOTE_MAX bytes */

#define LINE_ALIGNED _Alignas(LINE_BYTES)

typedef _Atomic uint64_t shared_u64;
typedef _Atomic uint32_t shared_u32;

/* header.state */
enum object_state {
    OBJECT_RAW = 0, /* not ready: wait, or complete it */
    OBJECT_READY = 0x52454459,
    OBJECT_REMOVED = 0x474f4e45,
};

/* header.flags; bits are only ever added */
enum header_flag {
    FLAG_FULL_FENCES = 1, /* somebody cannot membarrier: wakers and sleepers both fence */
    FLAG_DRAIN = 2,       /* no more puts */
    FLAG_NOW = 4,         /* no more gets either */
    FLAG_REMOVED = 8,     /* the same as OBJECT_REMOVED, where the fast path looks */
    FLAG_LOST = 16, /* something acknowledged is no longer where it was written; for people and supervisors */
};

struct header {
    /* W: the creator, before state becomes READY. R: everybody, once, at attach. */
    uint64_t magic;
    uint32_t abi;
    uint32_t fingerprint; /* of the structs' sizes and offsets and of byte order */
    uint64_t queue_id;    /* random; tells generations under one name apart */
    uint64_t capacity_bytes;
    uint64_t max_message_bytes;
    uint64_t object_bytes;
    int64_t tick_ns;
    uint32_t lanes;
    uint32_t seats;
    uint32_t page_bytes;
    uint32_t creator_pid; /* for people */
    int64_t created_s;    /* for people: seconds since 1970 */
    shared_u32 state;     /* W: creator, remover; stored last, with release. R: everybody */

    /* W: attaching and detaching processes, by atomic add. R: consumers, before each lease. Any change:
     * look again at which lanes and seats are in use. */
    LINE_ALIGNED shared_u32 membership;
    shared_u32 flags;           /* W: whoever has the reason, by atomic or. R: everybody, every operation */
    shared_u32 bell_generation; /* W: a sleeper that missed a wake-up. R: wakers: reopen semaphores on change */
    shared_u64 lanes_used[LANE_WORDS]; /* W: a producer at attach, by atomic or. R: consumers, observers */

    /* W: consumers that go to sleep or give up, wakers. R: wakers, after every publish. {tag, count} */
    LINE_ALIGNED shared_u64 bell;
    shared_u32
        long_sleepers; /* W: consumers before a long sleep (1), wakers (0). R: wakers: rings for everybody */
    /* {interrupts so far 31, pending 1}: a ring may be meant for who is interrupted. W: who interrupts a consumer
     * (and pending: consumers that see none, by compare-and-swap). R: consumers, around their sleeps. */
    shared_u32 interrupts;

    /* The run record: which command is at work here. W: the supervisor, who holds its byte. R: the next one. */
    LINE_ALIGNED shared_u64 run_command; /* hash of the command line and of what it reads and writes */
    shared_u64 run_inputs;               /* hash of its inputs' sizes and times */
    shared_u32 run_state;                /* enum shmq_run_state; stored last */
    shared_u32 supervisor_pid;           /* for people */
};

/* seat.waiting */
enum waiting_state {
    WAITING_NOT = 0,
    WAITING_TICK = 1, /* may be counted in bell; looks again after a tick */
    WAITING_LONG = 2, /* likewise, but sleeps long */
};

/*
 * A write intent: what the consumer of a seat is about to write to a file, or was writing when it died. It counts
 * if turn is odd. It outlives its writer, who is dead if somebody else can lock the file. See intent.c.
 *
 * W: the seat's owner, while it holds an exclusive lock on the file that it names; turn also by whoever holds that
 * lock later, by compare-and-swap, to clear it. R: whoever holds that lock; turn also by newcomers, who prefer a
 * seat without one.
 */
struct write_intent {
    shared_u64 turn; /* only grows; odd: what follows is whole and pending; even: nothing is under way */
    shared_u64 device;
    shared_u64 inode;
    shared_u64 offset; /* byte of the file at which the write begins */
    shared_u64 bytes;  /* that it writes at the most */
    shared_u64 format; /* the caller's */
    /* The messages: as they stand in their lane, although they may have been moved into seat's buffer since. */
    shared_u64 start;    /* of their batch, in cells */
    shared_u64 position; /* of the first one of them */
    shared_u32 lane;
    shared_u32 seat;  /* whose lease or held message it is: this seat's, or that of a dead seat it finishes */
    shared_u32 first; /* records of the batch before them */
    shared_u32 count;
};

/*
 * One consumer's entry. Owner: who holds the byte at its offset. Only the owner writes here, where nothing else is
 * said; it may be the consumer that sits here or, after its death, another that finishes its work.
 */
struct seat {
    /* The lease this seat holds, if the lease word at this place says so too. W: owner, before the lease word
     * is taken. R: whoever locks the byte next. */
    shared_u64 intent_lane;     /* lane + 1; 0: none ever */
    shared_u64 intent_position; /* first cell of the batch */
    shared_u64 progress;        /* {returned 1, attempts 31, acknowledged records 32}: see seat.h */
    shared_u64 delivered;       /* messages acknowledged. R: observers */
    shared_u64 delivered_bytes; /* R: observers */
    shared_u32 waiting;         /* enum waiting_state. R: other consumers */
    shared_u32 interrupted;     /* W: owner (0), who interrupts its sleep (1). R: other consumers */

    /* For people, and pid != 0 for an estimate of how many share the work. */
    LINE_ALIGNED shared_u32 pid;
    unsigned char program[PROGRAM_BYTES];

    /* The seat buffer holds a message moved out of the ring. It counts if held_valid is 1 and the lease word named
     * by the intent is not LEASED by this seat. W: owner. R: whoever locks the byte next. */
    LINE_ALIGNED shared_u64 held_valid;
    shared_u64 held_lane;
    shared_u64 held_position;
    shared_u64 held_record[2]; /* its descriptor */
    shared_u64 held_attempts;  /* as progress, acknowledged records always 0 */

    LINE_ALIGNED struct write_intent write_intent;
};

/* The entry whose tail is the lane's tail tells what had been put up to there. */
struct checkpoint {
    shared_u64 tail;          /* cells */
    shared_u64 stream_offset; /* bytes, framing included */
    shared_u64 messages;
};

/* lane_control.life: {finishes so far 56, state 8}, one word so that a finish counts exactly once */
enum lane_state {
    LANE_UNUSED = 0,
    LANE_ACTIVE = 1,   /* has an owner, or its owner died unfinished */
    LANE_FINISHED = 2, /* its last owner left cleanly */
};

/* Owner: the producer that holds the byte at its offset. */
struct lane_control {
    /* W: owner. R: consumers. */
    shared_u64 tail; /* everything before it is published */

    /* W: owner. R: its successor, observers. */
    LINE_ALIGNED struct checkpoint checkpoints[2];
    shared_u64 source_id;   /* 0: none */
    shared_u64 source_base; /* stream offset at which this source began */

    /* W: owner at attach and detach; life also by whoever finishes it for a dead one, whose byte it then holds.
     * R: consumers when membership changes, observers. */
    LINE_ALIGNED shared_u64 life;
    shared_u64 attached; /* owners so far */
    shared_u32 priority;
    shared_u32 pid; /* for people */
    unsigned char program[PROGRAM_BYTES];

    /* W: consumers, by compare-and-swap. R: consumers. */
    LINE_ALIGNED shared_u64 claim; /* everything before it has been leased by someone */

    /* W: whoever reclaims, by compare-and-swap. R: the owner. */
    LINE_ALIGNED shared_u64 head; /* everything before it is acknowledged and may be overwritten */

    /* W: owner when it goes to sleep, wakers (to 0). R: whoever moves head. */
    LINE_ALIGNED shared_u64 wanted_head; /* wake the owner once head has come this far; 0: it is awake */

    /* What the source is a part of. W: owner. R: its successors, newcomers of the same group. */
    LINE_ALIGNED shared_u64 source_group; /* 0: none; in place only while what follows is right */
    shared_u64 source_round;              /* how often the group was begun anew, from 1 */
    shared_u64 source_size;               /* as the first of the round said */
    shared_u64 source_check;              /* likewise */
    shared_u64 source_part;               /* which part it is; 0: none */

    /* The source's note. W: owner: the copy that does not count, then this. R: its successors. */
    shared_u64 note; /* {times set 56, length in bytes 8}; the lowest bit of the times: which copy counts */
    LINE_ALIGNED shared_u64 note_copies[2][SOURCE_NOTE_WORDS];
    LINE_ALIGNED unsigned char reserved[LINE_BYTES];
};

/* A message's descriptor, at the index of its first cell. W: the lane's owner before tail. R: consumers. */
struct record {
    shared_u64 word;          /* {tag 22, frame 2, delimiter 8, length 32}: see ring.h */
    shared_u64 stream_offset; /* bytes of the lane's stream before this message */
};

_Static_assert(ATOMIC_LLONG_LOCK_FREE == 2 && ATOMIC_INT_LOCK_FREE == 2, "atomics must be lock-free");
_Static_assert(sizeof(shared_u64) == 8 && sizeof(shared_u32) == 4, "atomics must have no hidden lock");
_Static_assert(sizeof(struct header) == 4 * LINE_BYTES + LINE_BYTES, "header has five lines");
_Static_assert(offsetof(struct header, membership) == LINE_BYTES, "header: constants take one line");
_Static_assert(offsetof(struct header, bell) == 3 * LINE_BYTES, "header: bell has its own line");
_Static_assert(sizeof(struct seat) == 4 * LINE_BYTES, "seat has four lines");
_Static_assert(sizeof(struct write_intent) <= LINE_BYTES, "a write intent takes one line");
_Static_assert(offsetof(struct seat, write_intent) == 3 * LINE_BYTES, "seat: the write intent has its own line");
_Static_assert(sizeof(struct lane_control) == 9 * LINE_BYTES, "lane control has nine lines");
_Static_assert(offsetof(struct lane_control, claim) - offsetof(struct lane_control, tail) >= LINE_BYTES, "lines");
_Static_assert(offsetof(struct lane_control, head) - offsetof(struct lane_control, claim) >= LINE_BYTES, "lines");
_Static_assert(sizeof(struct record) == 16, "record is 16 bytes");

/* A value that changes with any size, offset or byte order that two builds must agree on. */
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
    hash = LAYOUT_MIX(hash, sizeof(struct write_intent));
    hash = LAYOUT_MIX(hash, offsetof(struct seat, write_intent));
    hash = LAYOUT_MIX(hash, sizeof(struct lane_control));
    hash = LAYOUT_MIX(hash, offsetof(struct lane_control, claim));
    hash = LAYOUT_MIX(hash, offsetof(struct lane_control, wanted_head));
    hash = LAYOUT_MIX(hash, offsetof(struct lane_control, note_copies));
    hash = LAYOUT_MIX(hash, sizeof(struct record));
    return hash;
}

#endif
