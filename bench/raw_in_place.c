/* SPDX-License-Identifier: MIT */

/* The limit without copying: as raw_tuned, but the message is written in place and read in place. */

#include "bench/support/raw_ring.h"

static int write_in_portions(struct channel *channel, struct source *source, uint64_t count)
{
    const struct raw_channel raw = *raw_of(channel);
    const struct raw_portions portions = raw_portions_of(&raw);
    struct raw_side side = raw.side;
    const size_t size = source->size;
    const uint64_t cells = raw_cells_for(size);
    uint64_t told = side.next;
    for (uint64_t i = 1; i <= count; i++) {
        if (side.next + cells - side.other > raw.cells) {
            told = side.next;
            atomic_store_explicit(&raw.ring->tail, told, memory_order_release);
            raw_await_room(&raw, &side, cells);
        }
        __builtin_prefetch(raw_payload(&raw, side.next + RAW_AHEAD_CELLS), 1);
        payload_write(raw_payload(&raw, side.next), size, source_number(source));
        raw.ring->lengths[raw_index(&raw, side.next)] = size;
        side.next += cells;
        if (side.next - told >= portions.told || i % RAW_TOLD_MESSAGES == 0) {
            told = side.next;
            atomic_store_explicit(&raw.ring->tail, told, memory_order_release);
        }
    }
    atomic_store_explicit(&raw.ring->tail, side.next, memory_order_release);
    raw_of(channel)->side = side;
    return 0;
}

int main(int argc, char **argv)
{
    static const struct contender contender = {
        .name = "raw_in_place",
        .loads = LOAD_STREAM | LOAD_ROUND_TRIP,
        .channel_bytes = sizeof(struct raw_channel),
        .prepare = raw_prepare,
        .send = write_in_portions,
        .receive = raw_receive_gathered,
    };
    return bench_run(argc, argv, &contender);
}
