/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_HANDLE_H
#define SHMQ_HANDLE_H

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/core/geometry.h"
#include "common/core/layout.h"
#include "common/core/ring.h"
#include "common/core/words.h"
#include "common/kernel/barrier.h"
#include "common/kernel/clock.h"
#include "common/kernel/doorbell.h"
#include "common/kernel/object.h"
#include "common/queue/interrupt.h"
#include "common/shmq.h"

#define HANDLE_MAGIC 0x73686d71u

/* What a consumer has acknowledged of a lane and not yet counted in its latency histogram; see latency.h. */
struct lane_latency {
    uint64_t waiting;    /* {messages 32, batches that need not look at the clock 32}: one store for both */
    uint64_t from;       /* where the first of the messages begins, or the next one will */
    int64_t from_ns;     /* when it was put, or the one before it */
    uint32_t next_plus1; /* the next lane in the list of those with such messages, plus 1; 0: none */
    bool listed;
};

/* This process's mapping of a lane. Of a size by which the compiler multiplies with a shift. */
struct lane_view {
    _Alignas(LINE_BYTES) struct ring ring;
    unsigned char *base; /* NULL: not mapped yet */
    struct doorbell space;
    int64_t dead_since_ns;       /* consumers: when its owner was first seen dead; 0: alive, or not checked yet */
    uint64_t dead_attached;      /* which owner that was: the lane's attached at that time */
    struct lane_latency latency; /* beside the following, which each lease reads */
    uint32_t priority;           /* as of the last membership check */
    uint64_t drops;              /* consumers: ring_drops, as last seen */
    bool damage_told;            /* recorded by this handle */
    uint64_t gone;               /* messages that have left the ring, as last counted */
    uint64_t acknowledged;       /* as last shown by shmq_stat_lane */
};

_Static_assert(sizeof(struct lane_view) == 512, "a power of two");

/* This process's mapping of a seat's buffer. */
struct buffer_view {
    unsigned char *base;
    uint64_t reserved_bytes;
    bool damage_told; /* of the seat, recorded by this handle */
};

/* How long to spin before sleeping; adapts to the length of past sleeps. */
struct spin {
    uint32_t limit;
};

struct lane_list {
    uint32_t *lanes; /* their numbers */
    uint32_t count;
};

/* The batch that a consumer has leased, or the message that it holds. */
struct batch {
    struct lane_view *view; /* NULL: nothing */
    uint64_t start;
    uint64_t end;
    uint64_t next;                /* position of the next message to hand out */
    const unsigned char *payload; /* of that message */
    shared_u64 *progress;         /* of the seat that holds it; not used for a message in the buffer */
    uint32_t count;               /* messages; if it is split, records up to the end of the present run */
    uint32_t handed;              /* messages handed out so far; if it is split, records */
    uint32_t seat;                /* the seat that holds it: our own, or a dead consumer's whose byte we hold */
    uint32_t attempts;            /* of the first message that is not acknowledged */
    uint32_t done;                /* messages acknowledged so far; if it is split, records */
    bool redelivered;             /* every message of it was leased before */
    bool held;                    /* in the seat's buffer, no longer in the ring */
    bool split;                   /* by records that are dropped, into runs of messages */
    uint64_t bytes;               /* payload of those handed out and not counted */
};

/* What the parts of a source have agreed on, for one round. */
struct source_whole {
    uint64_t group; /* 0: the source is not part of a whole */
    uint64_t round; /* from 1 */
    uint64_t size;
    uint64_t check;
};

/* The state in which an owner found its lane, so that it can leave it like that. */
struct lane_found {
    uint64_t life;
    uint64_t next;
    uint32_t priority;
    uint32_t mover;
    bool same_source;
    pid_t unfinished; /* its last owner, of another source, left its stream so; 0: it did not */
    bool died;        /* that owner did not leave it so itself */
};

/* A producer's wait for room, over several calls if they time out. */
struct full_wait {
    int64_t since_ns;  /* 0: none */
    uint64_t position; /* of the message that waits */
    bool told;         /* recorded */
};

/* Dead letters that are not recorded yet. */
struct dead_letter_count {
    uint64_t count;
    int64_t recorded_ns; /* when the last ones were; 0: never */
};

#define EVENTS_IN_CHUNK 64 /* events whose memory is reserved together: 4096 bytes */
_Static_assert(EVENTS / EVENTS_IN_CHUNK == 64, "the chunks fit the bits of a word");

/* This process's part of the flight recorder: see events.h. */
struct recorder {
    struct event *slots; /* mapping of all; NULL: not mapped yet */
    uint64_t reserved;   /* bit i: chunk i has memory, as far as this handle knows */
    struct full_wait full;
    struct dead_letter_count letters;
    bool passing; /* a mover, which attaches for single messages: its coming and going is not recorded */
};

/* The last wait for room. */
struct blocked {
    int64_t since_ns;   /* when it began, on the monotonic clock */
    int64_t counted_ns; /* up to when its time is counted */
    int64_t ended_ns;   /* when it was given up; 0: it was not, or is accounted for */
};

/* Set in producer_side.reserved_at where shmq_commit has to take its slow path. */
#define RESERVED_SLOWLY (UINT64_C(1) << 63)

struct producer_side {
    /* What each put needs. The two of a reservation are stored at once, so they must not be on two lines. */
    _Alignas(64) uint64_t reserved_at; /* equals the ring's next while a reservation may be committed */
    uint64_t reserved_bytes;
    uint64_t
        max_short_bytes; /* longest short message: a cell, or the largest message if that is less; 0: none is */
    uint64_t frame;      /* framing of the next messages, as in their descriptors */
    uint64_t framing;    /* bytes that the framing adds to a message in the stream */
    bool finished;       /* the ring's limit is then 0 */
    bool resumable;
    bool has_cursor; /* .cursor is published with each message */
    struct ring_producer ring;
    struct lane_view *view;
    uint64_t needed_cells; /* of the message that waits for room */
    size_t last_count;     /* messages given to the last call that puts several */
    struct source_whole whole;
    struct lane_found found;
    struct blocked blocked;
    uint64_t cursor[CURSOR_WORDS];
    struct source_slot *slots; /* mapping of the source's slots; NULL: not mapped yet */
    uint32_t slots_reserved;   /* the first so many have memory of their own, as far as this handle knows */
};

/* What is kept elsewhere in the name of a seat: a mover's lane in another queue. It is let go before the seat's
 * byte is released, because whoever acts for the seat next needs it. */
struct seat_tie {
    struct seat_tie *next;
    void (*let_go)(struct seat_tie *tie, uint32_t seat);
};

/* What a lease from a lane would bring. */
struct ready {
    uint32_t lane;
    uint32_t count; /* messages */
    bool full;      /* it cannot bring more, even if more are put */
};

/* What a consumer knows of its latency histogram; see latency.h. */
struct latency {
    uint32_t looks;        /* batches that looked at the clock since it advanced */
    uint32_t first_plus1;  /* the first lane of the list of those with something to count, plus 1; 0: none */
    int64_t tick_ns;       /* the coarse clock at the last look */
    int64_t resolution_ns; /* its */
    uint64_t counted;      /* what the histogram has of seat.delivered */
    shared_u64 *counts;    /* NULL: not mapped, or no memory */
    int64_t retry_ns;      /* when to try again to map it, on the coarse clock */
};

_Static_assert(sizeof(struct batch) <= 80, "more is not stored with a few instructions");

struct consumer_side {
    _Atomic uint32_t seat; /* R: also threads that interrupt */
    uint32_t counted;      /* messages of the batch, or of its present run, that who gave it back has counted */
    struct batch batch;
    uint64_t *words;  /* [SHMQ_PREFETCH_MAX]: private, checked copies of the leased batch's descriptors */
    uint32_t records; /* of the leased batch, if it is split */
    struct buffer_view *buffers;     /* [seats] */
    struct lane_list active;         /* lanes in use, by priority */
    struct lane_list busy;           /* the active lanes that had messages when all were last checked */
    uint32_t busy_leases;            /* leases left until all lanes are checked again */
    int64_t busy_found_ns;           /* when they were checked, on the coarse clock */
    uint32_t turns[SHMQ_PRIORITIES]; /* for each priority: the lane number from which to search next */
    uint32_t last_plus1;             /* the lane that was served last, plus 1; 0: none yet */
    uint32_t glance;                 /* index in active of the lane checked last while spinning */
    struct latency latency;
    unsigned char *histograms; /* mapping of those of all seats; NULL: not mapped yet */
    uint32_t membership;       /* header.membership when active was built */
    uint32_t sharers;          /* estimated number of live consumers */
    int64_t sharers_ns;        /* when they were counted */
    int64_t orphans_ns;        /* when to look for dead consumers' work again */
    int64_t due_ns;            /* when the next of the messages put aside is due, as of the last look */
    uint32_t prefetch;
    uint32_t producers;
    int64_t grace_ns;
    bool follow;
    bool shared_attempts;    /* of all messages of a batch */
    bool takes_all;          /* leases leave no share to other consumers */
    struct ready ready;      /* as found by lane_schedule_ready */
    bool eager;              /* takes messages also before they are due */
    uint32_t taboo;          /* header flags that forbid to take anything */
    uint32_t patience;       /* how many checks to let a small batch grow; 0: do not wait */
    uint32_t small_batches;  /* small batches since the last one that did not grow */
    uint32_t false_rings;    /* spurious wake-ups so far */
    uint32_t interrupts;     /* header.interrupts when last read */
    uint32_t asides;         /* sleeps aside since that changed, to leave rings to interrupted consumers */
    bool aside;              /* whether the last sleep was aside */
    bool uncounted;          /* whether the last sleep was not counted in header.bell */
    int64_t busy_ns;         /* when the last batch (on the coarse clock) or ring came */
    uint64_t emptied;        /* seat.delivered when the queue was last recorded as empty */
    int64_t idle_ns;         /* when the first sleep since the last batch began; 0: none yet */
    uint64_t idle_delivered; /* seat.delivered then */
    pid_t predecessor;       /* pid that the seat showed when it was taken; 0: its owner left */
    uint64_t write_turn;     /* turn of this handle's pending write intent; 0: none */
    const struct intent_found *visited; /* the write intent that a visitor is called for, or NULL */
    struct seat_tie *ties;
};

struct shmq {
    uint32_t magic; /* 0 in a forked child: the handle's pages are wiped there */
    enum shmq_role role;
    struct object object;
    struct header *header;
    struct seat *seats;
    uint64_t front_bytes; /* header and seats, mapped together */
    uint64_t handle_bytes;
    uint64_t acknowledged;      /* as last shown by shmq_stat */
    int64_t copied_ns;          /* of a copy: when it was made, as far as its content says; 0: it does not */
    int64_t copied_realtime_ns; /* the same moment on the wall clock */
    struct doorbell_access access;
    struct doorbell items;
    struct spin spin;
    const volatile int *stop;
    struct interrupt interrupt;
    struct lane_view *lanes; /* [lanes], behind this struct */
    uint32_t lanes_end;      /* no lane from this number on is mapped */
    struct producer_side producer;
    struct consumer_side consumer;
    struct recorder recorder;
};

static inline const struct geometry *handle_geometry(const struct shmq *handle)
{
    return &handle->object.geometry;
}

/* The monotonic time from which ages count: for a copy in a file, the time when it was made. */
static inline int64_t handle_now_ns(const struct shmq *handle)
{
    return handle->object.copy ? handle->copied_ns : clock_now_ns();
}

/* How long ago that was, never negative; -1 if it is not known. */
static inline int64_t handle_age_ns(const struct shmq *handle, uint64_t since_ns)
{
    const int64_t now_ns = handle_now_ns(handle);
    if (since_ns == 0 || now_ns == 0)
        return -1;
    return since_ns < (uint64_t)now_ns ? now_ns - (int64_t)since_ns : 0;
}

static inline uint32_t handle_flags(const struct shmq *handle)
{
    return atomic_load_explicit(&handle->header->flags, memory_order_relaxed);
}

/* Every public function calls this, or handle_check_any, first. */
static inline int handle_check(const struct shmq *handle, enum shmq_role role)
{
    if (__builtin_expect(handle == NULL, 0))
        return -EINVAL;
    if (__builtin_expect(handle->magic != HANDLE_MAGIC, 0))
        return handle->magic == 0 ? -ECHILD : -EINVAL;
    return __builtin_expect(handle->role != role, 0) ? -EINVAL : 0;
}

static inline int handle_check_any(const struct shmq *handle)
{
    return handle == NULL ? -EINVAL : handle_check(handle, handle->role);
}

/* Another thread may set the flag. */
static inline bool handle_stop_is_set(const struct shmq *handle)
{
    return handle->stop != NULL && __atomic_load_n(handle->stop, __ATOMIC_RELAXED) != 0;
}

/* Whether a wait has to end. Called after I0, which announces where the caller is going to sleep. */
static inline bool handle_stopped(const struct shmq *handle)
{
    return interrupt_is_pending(&handle->interrupt) || handle_stop_is_set(handle);
}

/* The same for a wait that ends then: consumes the interrupt, so that it ends no other wait. */
static inline bool handle_ends_wait(struct shmq *handle)
{
    return interrupt_take(&handle->interrupt) || handle_stop_is_set(handle);
}

static inline uint64_t handle_seat_byte(const struct shmq *handle, uint32_t seat)
{
    return handle_geometry(handle)->seats_offset + (uint64_t)seat * sizeof(struct seat);
}

/* Whether this handle holds the seat's byte: its own seat's, or that of a dead consumer whose work it finishes. A
 * look at the lock does not tell. */
static inline bool handle_owns_seat(const struct shmq *handle, uint32_t seat)
{
    const struct consumer_side *c = &handle->consumer;
    return handle->role == SHMQ_CONSUMER && (c->seat == seat || (c->batch.view != NULL && c->batch.seat == seat));
}

static inline uint64_t handle_lane_byte(const struct shmq *handle, uint32_t lane)
{
    return geometry_lane_offset(handle_geometry(handle), lane);
}

static inline bool handle_lane_used(const struct shmq *handle, uint32_t lane)
{
    return (atomic_load_explicit(&handle->header->lanes_used[lane / 64], memory_order_acquire) >> (lane % 64) &
            1) != 0;
}

/*
 * Allocates a handle, which then owns the object; nothing is mapped yet. Its pages are wiped in a forked child, so
 * that every call there refuses it. Return: NULL without memory.
 */
struct shmq *handle_allocate(const struct object *object, enum shmq_role role);
/* Frees the handle and closes the object; its locks go with the descriptor. The caller has unmapped everything. */
void handle_free(struct shmq *handle);

/* Whether the queue is gone: removed, or its name deleted. Context: one system call. */
bool handle_is_stale(const struct shmq *handle);

#endif
