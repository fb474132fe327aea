/* SPDX-License-Identifier: MIT */
#include "common/core/geometry.h"

#include <errno.h>
#include <stdbool.h>

#include "common/core/layout.h"
#include "common/shmq.h"

static bool parameters_are_valid(const struct parameters *p)
{
    return p->page_bytes >= 4096 && p->page_bytes <= (1u << 20) && (p->page_bytes & (p->page_bytes - 1)) == 0 &&
           p->capacity_bytes >= CAPACITY_MIN && p->capacity_bytes >= p->page_bytes &&
           p->capacity_bytes <= CAPACITY_MAX && (p->capacity_bytes & (p->capacity_bytes - 1)) == 0 &&
           p->max_message_bytes >= 1 && p->max_message_bytes <= p->capacity_bytes &&
           p->max_message_bytes <= SHMQ_MESSAGE_MAX && p->lanes >= 1 && p->lanes <= SHMQ_LANES_MAX &&
           p->seats >= 1 && p->seats <= SHMQ_SEATS_MAX && p->tick_ns >= TICK_MIN_NS && p->tick_ns <= TICK_MAX_NS;
}

static uint32_t bits_for(uint64_t values)
{
    uint32_t bits = 1;
    while ((UINT64_C(1) << bits) < values)
        bits++;
    return bits;
}

static uint64_t round_up(uint64_t value, uint64_t unit)
{
    return (value + unit - 1) & ~(unit - 1);
}

int geometry_compute(const struct parameters *parameters, struct geometry *geometry)
{
    if (!parameters_are_valid(parameters))
        return -EINVAL;

    const uint64_t page = parameters->page_bytes;
    struct geometry g = {.parameters = *parameters};
    g.cells = parameters->capacity_bytes >> CELL_SHIFT;
    g.cells_log2 = bits_for(g.cells);
    g.seat_bits = bits_for(parameters->seats);
    /* Lap, span, seat and state share 64 bits. A position has the width of lap and span together. */
    g.max_position = (UINT64_C(1) << (63 - g.seat_bits)) - g.cells;

    g.seats_offset = round_up(sizeof(struct header), page);
    g.buffers_offset = round_up(g.seats_offset + sizeof(struct seat) * parameters->seats, page);
    g.buffer_bytes = round_up(parameters->max_message_bytes, page);
    g.lanes_offset = g.buffers_offset + g.buffer_bytes * parameters->seats;

    g.block_log2 =
        g.cells_log2 - BLOCKS_MIN_LOG2 < BLOCK_LOG2_MAX ? g.cells_log2 - BLOCKS_MIN_LOG2 : BLOCK_LOG2_MAX;
    g.marks = 2 * (g.cells >> g.block_log2);
    g.marks_offset = round_up(sizeof(struct lane_control), page);
    g.times_offset = g.marks_offset + g.marks * sizeof(struct lane_mark);
    g.lease_offset = round_up(g.times_offset + g.cells * sizeof(shared_u32), page);
    g.record_offset = round_up(g.lease_offset + g.cells * sizeof(shared_u64), page);
    g.arena_offset = round_up(g.record_offset + g.cells * sizeof(struct record), page);
    g.lane_bytes = g.arena_offset + parameters->capacity_bytes;
    g.slots_offset = g.lanes_offset + g.lane_bytes * parameters->lanes;
    g.slots_bytes = round_up(sizeof(struct source_slot) * SOURCE_SLOTS, page);
    g.events_offset = g.slots_offset + g.slots_bytes * parameters->lanes;
    g.latency_offset = round_up(g.events_offset + sizeof(struct event) * EVENTS, page);
    g.latency_bytes = round_up(sizeof(shared_u64) * LATENCY_BUCKETS, page);
    g.object_bytes = g.latency_offset + g.latency_bytes * parameters->seats;
    *geometry = g;
    return 0;
}
