/* SPDX-License-Identifier: MIT */

/*
 * The limit: the ring of raw.c with all known techniques for two processors that exchange cache lines. If the
 * consumer is faster, it catches up with the producer, and then both contend for every line, so the plain ring has
 * two speeds. Here the producer publishes and the consumer frees room in batches, lines are prefetched, and a
 * consumer that finds only a few messages waits for more.
 */

#include "bench/support/raw_ring.h"

static int send_in_portions(struct channel *channel, struct source *source, uint64_t count)
{
    const struct raw_channel raw = *raw_of(channel);
    const struct raw_portions portions = raw_portions_of(&raw);
    struct raw_side side = raw.side;
    const size_t size = source->size;
    const uint64_t cells = raw_cells_for(size);
    uint64_t told = side.next;
    for (uint64_t i = 1; i <= count; i++) {
        const void *message = source_take(source);
        if (side.next + cells - side.other > raw.cells) {
            told = side.next;
            atomic_store_explicit(&raw.ring->tail, told, memory_order_release);
            raw_await_room(&raw, &side, cells);
        }
        __builtin_prefetch(raw_payload(&raw, side.next + RAW_AHEAD_CELLS), 1);
        memcpy(raw_payload(&raw, side.next), message, size);
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
        .name = "raw_tuned",
        .loads = LOAD_STREAM | LOAD_ROUND_TRIP,
        .channel_bytes = sizeof(struct raw_channel),
        .prepare = raw_prepare,
        .send = send_in_portions,
        .receive = raw_receive_gathered,
    };
    return bench_run(argc, argv, &contender);
}
