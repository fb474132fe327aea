/* SPDX-License-Identifier: MIT */
#ifndef BENCH_RAW_RING_H
#define BENCH_RAW_RING_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "bench/support/harness.h"

/*
 * A bare ring between one producer and one consumer. Cells, capacity and alignment are those of a lane, with one
 * descriptor word per message. It does not handle processes that die or sleep, or more than two of them.
 */

#define RAW_CELL_BYTES UINT64_C(64)

struct raw_ring {
    _Alignas(128) _Atomic uint64_t tail; /* written by the producer */
    _Alignas(128) _Atomic uint64_t head; /* written by the consumer */
    _Alignas(128) uint64_t lengths[];    /* one for each cell */
};

/* Private state of one side. */
struct raw_side {
    uint64_t next;  /* next index to write or to read */
    uint64_t other; /* the other side's index, as last seen */
};

struct raw_channel {
    struct channel channel;
    struct raw_ring *ring;
    unsigned char *arena; /* mapped twice in a row */
    uint64_t cells;       /* a power of two */
    struct raw_side side; /* of this process */
};

static inline struct raw_channel *raw_of(struct channel *channel)
{
    return (struct raw_channel *)channel;
}

/* Creates both rings. Returns 0 or a negative errno. */
int raw_prepare(struct channel *channel);

static inline uint64_t raw_cells_for(uint64_t length)
{
    return (length + RAW_CELL_BYTES - 1) / RAW_CELL_BYTES;
}

static inline uint64_t raw_index(const struct raw_channel *raw, uint64_t position)
{
    return position & (raw->cells - 1);
}

static inline unsigned char *raw_payload(const struct raw_channel *raw, uint64_t position)
{
    return raw->arena + raw_index(raw, position) * RAW_CELL_BYTES;
}

/* Waits until there is room for the given number of cells. */
static inline void raw_await_room(const struct raw_channel *raw, struct raw_side *side, uint64_t cells)
{
    while (side->next + cells - side->other > raw->cells) {
        side->other = atomic_load_explicit(&raw->ring->head, memory_order_acquire);
        if (side->next + cells - side->other > raw->cells)
            bench_relax();
    }
}

/* One store per message. */
int raw_send_each(struct channel *channel, struct source *source, uint64_t count);
int raw_receive_each(struct channel *channel, struct checker *checker, uint64_t count);

/* With the techniques of raw_tuned.c. */
int raw_receive_gathered(struct channel *channel, struct checker *checker, uint64_t count);

/* The number of cells after which one side publishes its index, and the number for which it waits a moment. */
struct raw_portions {
    uint64_t told;
    uint64_t gathered;
};

struct raw_portions raw_portions_of(const struct raw_channel *raw);

#define RAW_AHEAD_CELLS 24u
#define RAW_TOLD_MESSAGES 256u

#endif
