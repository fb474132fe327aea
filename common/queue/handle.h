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
#include "common/kernel/doorbell.h"
#include "common/kernel/object.h"
#include "common/queue/interrupt.h"
#include "common/shmq.h"

#define HANDLE_MAGIC 0x73686d71u

/* A lane as this process has it mapped. */
struct lane_view {
    struct ring ring;
    unsigned char *base; /* NULL: not mapped yet */
    struct doorbell space;
    int64_t dead_since_ns;  /* consumers: when its owner was first seen dead; 0: alive or not looked */
    uint64_t dead_attached; /* which of its owners that was: attached, as then */
    uint32_t priority;      /* as of the last look at the membership */
};

/* A seat's buffer as this process has it mapped. */
struct buffer_view {
    unsigned char *base;
    uint64_t reserved_bytes;
};

/* How long it pays to spin before sleeping, learnt from what came of it. */
struct spin {
    uint32_t limit;
};

struct lane_list {
    uint32_t *lanes; /* their numbers */
    uint32_t count;
};

/* What a consumer has leased or holds. */
struct batch {
    const struct lane_view *view; /* NULL: nothing */
    uint64_t start;
    uint64_t end;
    uint64_t next;                /* position of the next message to hand out */
    const unsigned char *payload; /* of that message */
    shared_u64 *progress;         /* of the seat that holds it; not of what is in its buffer */
    uint32_t count;               /* messages */
    uint32_t handed;              /* handed out so far */
    uint32_t seat;                /* that holds it: our own, or a dead one's whose byte we hold */
    uint32_t attempts;            /* of the message at done */
    uint32_t done;                /* acknowledged so far */
    bool redelivered;             /* every message of it was leased before */
    bool held;                    /* in the seat's buffer, no longer in the ring */
    uint64_t bytes;               /* handed out, payload */
};

/* What the parts of a source have agreed on: one round of it. */
struct source_whole {
    uint64_t group; /* 0: it is no part of anything */
    uint64_t round; /* from 1 */
    uint64_t size;
    uint64_t check;
};

/* The lane as it was found, for an owner that leaves it so. */
struct lane_found {
    uint64_t life;
    uint64_t next;
    uint32_t priority;
    bool same_source;
};

struct producer_side {
    struct ring_producer ring;
    struct lane_view *view;
    uint64_t reserved_at; /* the ring's next, as long as what was reserved may be committed */
    uint64_t reserved_bytes;
    uint64_t most_short;   /* a cell, or the largest message where that is less */
    uint64_t frame;        /* of the next messages, as in their descriptors */
    uint64_t framing;      /* what that adds to a message's bytes in the stream */
    uint64_t needed_cells; /* of the message that waits for room */
    bool finished;         /* then, the ring's limit is 0, too */
    bool resumable;
    struct source_whole whole;
    struct lane_found found;
};

struct consumer_side {
    _Atomic uint32_t seat; /* R: also who interrupts */
    struct batch batch;
    uint64_t *words;             /* [SHMQ_PREFETCH_MAX]: descriptors of the batch leased, checked, ours alone */
    struct buffer_view *buffers; /* [seats] */
    struct lane_list active;     /* lanes in use, by priority */
    struct lane_list busy;       /* of these, the ones that had something when all were looked at */
    uint32_t busy_leases;        /* left until all are looked at again */
    int64_t busy_found_ns;       /* by the coarse clock */
    uint32_t turns[SHMQ_PRIORITIES]; /* of each priority, lanes from this number on are next */
    uint32_t last_plus1;             /* the lane that was served last, plus 1; 0: none yet */
    uint32_t glance;                 /* where in active it was looked last, while spinning */
    uint32_t membership;             /* as of active */
    uint32_t sharers;                /* consumers alive, a guess */
    int64_t sharers_ns;              /* when they were counted */
    int64_t orphans_ns;              /* when to look for dead consumers' leases again */
    uint32_t prefetch;
    uint32_t producers;
    int64_t grace_ns;
    bool follow;
    uint32_t patience;                  /* looks that a small batch is let grow; 0: not now */
    uint32_t small_batches;             /* since it was found not to grow */
    uint32_t false_rings;               /* in a row */
    uint32_t interrupts;                /* header.interrupts as of the last look */
    uint32_t asides;                    /* sleeps aside since that changed, for others that are interrupted */
    bool aside;                         /* whether the last sleep was one */
    int64_t busy_ns;                    /* when there was last a batch, or a ring */
    uint64_t write_turn;                /* of the write intent that this handle has pending; 0: none */
    const struct intent_found *visited; /* while a visitor looks at one */
};

struct shmq {
    uint32_t magic; /* 0 in a forked child: the handle's pages are wiped there */
    enum shmq_role role;
    struct object object;
    struct header *header;
    struct seat *seats;
    uint64_t front_bytes; /* header and seats, mapped together */
    uint64_t handle_bytes;
    struct doorbell_access access;
    struct doorbell items;
    struct spin spin;
    const volatile int *stop;
    struct interrupt interrupt;
    struct lane_view *lanes; /* [lanes], behind this struct */
    uint32_t lanes_end;      /* no lane from here on is mapped: those need not be looked at */
    struct producer_side producer;
    struct consumer_side consumer;
};

static inline const struct geometry *handle_geometry(const struct shmq *handle)
{
    return &handle->object.geometry;
}

static inline uint32_t handle_flags(const struct shmq *handle)
{
    return atomic_load_explicit(&handle->header->flags, memory_order_relaxed);
}

/* First thing in every public function. */
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

static inline bool handle_stop_is_set(const struct shmq *handle)
{
    return handle->stop != NULL && *handle->stop != 0;
}

/* Whether a wait may not go on; asked after saying where it is going to sleep. */
static inline bool handle_stopped(const struct shmq *handle)
{
    return interrupt_is_pending(&handle->interrupt) || handle_stop_is_set(handle);
}

/* The same for a wait that then ends: an interrupt ends no other. */
static inline bool handle_ends_wait(struct shmq *handle)
{
    return interrupt_take(&handle->interrupt) || handle_stop_is_set(handle);
}

static inline uint64_t handle_seat_byte(const struct shmq *handle, uint32_t seat)
{
    return handle_geometry(handle)->seats_offset + (uint64_t)seat * sizeof(struct seat);
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
 * A handle without anything mapped yet, which takes the object over. Its pages are wiped in a forked child, so
 * that it is refused there whatever is done with it. Return: NULL when there is no memory.
 */
struct shmq *handle_allocate(const struct object *object, enum shmq_role role);
/* Frees it, and closes the object, whose locks go with the descriptor. What was mapped is unmapped before. */
void handle_free(struct shmq *handle);

/* Whether the queue is gone: removed, or its name deleted. Context: one system call. */
bool handle_is_stale(const struct shmq *handle);

#endif
