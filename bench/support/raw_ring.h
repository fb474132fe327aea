/* SPDX-License-Identifier: MIT */
#ifndef BENCH_RAW_RING_H
#define BENCH_RAW_RING_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

/*
 * A ring between one producer and one consumer with nothing around it. Cells, capacity and alignment are those of
 * a lane; a word of description a message. Nothing is there for the case that a process dies, sleeps, or has
 * company.
 */

#define RAW_CAPACITY_BYTES (UINT64_C(8) << 20)
#define RAW_CELL_BYTES UINT64_C(64)
#define RAW_CELLS (RAW_CAPACITY_BYTES / RAW_CELL_BYTES)

struct raw_ring {
    _Alignas(128) _Atomic uint64_t tail; /* written by the producer */
    _Alignas(128) _Atomic uint64_t head; /* written by the consumer */
    _Alignas(128) uint64_t lengths[RAW_CELLS];
};

/* What one side knows without looking at the other. */
struct raw_side {
    uint64_t next;  /* to be written, or to be read */
    uint64_t other; /* the other side's index, as last seen */
};

extern struct raw_ring *raw_ring;
extern unsigned char *raw_arena; /* mapped twice in a row */

/* Makes both. Return: 0; negative errno. */
int raw_ring_prepare(size_t size);

static inline uint64_t raw_cells_for(uint64_t length)
{
    return (length + RAW_CELL_BYTES - 1) / RAW_CELL_BYTES;
}

static inline uint64_t raw_index(uint64_t position)
{
    return position & (RAW_CELLS - 1);
}

static inline unsigned char *raw_payload(uint64_t position)
{
    return raw_arena + raw_index(position) * RAW_CELL_BYTES;
}

#endif
