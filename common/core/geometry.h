/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_GEOMETRY_H
#define SHMQ_GEOMETRY_H

#include <stdint.h>

#define CELL_BYTES 64u
#define CELL_SHIFT 6u
#define CAPACITY_MIN 4096u
#define CAPACITY_MAX (UINT64_C(1) << 36)
#define TICK_MIN_NS INT64_C(1000000)
#define TICK_MAX_NS INT64_C(10000000000)
#define TICK_DEFAULT_NS INT64_C(50000000)
#define LANES_DEFAULT 64u
#define BLOCK_LOG2_MAX 10u /* as many cells as a mark has bits */
#define BLOCKS_MIN_LOG2 1u /* a lane has at least two blocks */

/* The parameters of a queue. The rest of its layout follows from them. */
struct parameters {
    uint64_t capacity_bytes; /* of a lane's arena: a power of two, whole pages */
    uint64_t max_message_bytes;
    uint32_t lanes;
    uint32_t seats;
    uint32_t page_bytes; /* of the machine that created it */
    int64_t tick_ns;
    uint32_t features; /* enum header_feature */
};

/* Offsets in bytes from the start of the object or of a lane, and the widths of packed fields. */
struct geometry {
    struct parameters parameters;
    uint64_t cells;        /* cells in a lane's arena */
    uint32_t cells_log2;   /* log2 of cells */
    uint32_t seat_bits;    /* bits for a seat number in a lease word */
    uint64_t max_position; /* no message may end beyond it, because the lap would not fit into its lease word */

    uint64_t seats_offset;
    uint64_t buffers_offset; /* seat buffers, buffer_bytes each */
    uint64_t buffer_bytes;
    uint64_t lanes_offset;
    uint64_t lane_bytes;
    uint32_t block_log2;    /* log2 of the cells in a block: see marks.h */
    uint64_t marks;         /* of a lane: two for each block */
    uint64_t marks_offset;  /* inside a lane: marks */
    uint64_t times_offset;  /* inside a lane: put times */
    uint64_t lease_offset;  /* inside a lane: lease words */
    uint64_t record_offset; /* inside a lane: record descriptors */
    uint64_t arena_offset;  /* inside a lane */
    uint64_t slots_offset;  /* slots of the lanes' sources, slots_bytes each */
    uint64_t slots_bytes;
    uint64_t events_offset;
    uint64_t latency_offset; /* histograms of the seats, latency_bytes each */
    uint64_t latency_bytes;
    uint64_t object_bytes;
};

/* Returns 0, or -EINVAL if the parameters are out of bounds. Writes @geometry only on success. */
int geometry_compute(const struct parameters *parameters, struct geometry *geometry);

static inline uint64_t geometry_lane_offset(const struct geometry *geometry, uint32_t lane)
{
    return geometry->lanes_offset + geometry->lane_bytes * lane;
}

static inline uint64_t geometry_buffer_offset(const struct geometry *geometry, uint32_t seat)
{
    return geometry->buffers_offset + geometry->buffer_bytes * seat;
}

/* Of the slots of the lane's source. */
static inline uint64_t geometry_slots_offset(const struct geometry *geometry, uint32_t lane)
{
    return geometry->slots_offset + geometry->slots_bytes * lane;
}

/* Of a seat's latency histogram. */
static inline uint64_t geometry_latency_offset(const struct geometry *geometry, uint32_t seat)
{
    return geometry->latency_offset + geometry->latency_bytes * seat;
}

/* An empty message takes a cell too, so that every message has a position of its own. */
static inline uint64_t cells_for(uint64_t length_bytes)
{
    return (length_bytes + CELL_BYTES - 1 + (length_bytes == 0)) >> CELL_SHIFT;
}

#endif
