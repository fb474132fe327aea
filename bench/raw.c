/* SPDX-License-Identifier: MIT */

/*
 * The baseline: the plain spinning ring. Every message is published by a store, both sides spin, and each reads
 * the other's index only when what it saw of it last is used up.
 */

#include <string.h>

#include "bench/support/harness.h"
#include "bench/support/raw_ring.h"

static int produce(struct source *source, uint64_t count)
{
    static struct raw_side kept;
    struct raw_side side = kept;
    const size_t size = source->size;
    const uint64_t cells = raw_cells_for(size);
    for (uint64_t i = 0; i < count; i++) {
        const void *message = source_take(source);
        while (side.next + cells - side.other > RAW_CELLS) {
            side.other = atomic_load_explicit(&raw_ring->head, memory_order_acquire);
            if (side.next + cells - side.other > RAW_CELLS)
                bench_relax();
        }
        memcpy(raw_payload(side.next), message, size);
        raw_ring->lengths[raw_index(side.next)] = size;
        side.next += cells;
        atomic_store_explicit(&raw_ring->tail, side.next, memory_order_release);
    }
    kept = side;
    return 0;
}

static int consume(struct checker *checker, uint64_t count)
{
    static struct raw_side kept;
    struct raw_side side = kept;
    for (uint64_t i = 0; i < count; i++) {
        while (side.next == side.other) {
            side.other = atomic_load_explicit(&raw_ring->tail, memory_order_acquire);
            if (side.next == side.other)
                bench_relax();
        }
        const uint64_t length = raw_ring->lengths[raw_index(side.next)];
        checker_take(checker, raw_payload(side.next), length);
        side.next += raw_cells_for(length);
        atomic_store_explicit(&raw_ring->head, side.next, memory_order_release);
    }
    kept = side;
    return 0;
}

int main(int argc, char **argv)
{
    static const struct contender contender = {
        .name = "raw", .prepare = raw_ring_prepare, .produce = produce, .consume = consume};
    return bench_run(argc, argv, &contender);
}
