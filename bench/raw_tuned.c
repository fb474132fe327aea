/* SPDX-License-Identifier: MIT */

/*
 * The limit: the ring of raw.c with all that is known to help two processors that pass lines to each other. Lines
 * are asked for ahead of time; the consumer gives room back in portions, and where it finds only a few messages it
 * lets them gather for a moment instead of fighting with the producer for every line.
 */

#include <string.h>

#include "bench/support/harness.h"
#include "bench/support/raw_ring.h"

#define AHEAD_CELLS 24u
#define PORTION 64u
#define PATIENCE 8

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
        __builtin_prefetch(raw_payload(side.next + AHEAD_CELLS), 1);
        memcpy(raw_payload(side.next), message, size);
        raw_ring->lengths[raw_index(side.next)] = size;
        side.next += cells;
        atomic_store_explicit(&raw_ring->tail, side.next, memory_order_release);
    }
    kept = side;
    return 0;
}

/* Until there is something; a moment longer while there is little. */
static uint64_t await_tail(uint64_t next)
{
    for (int looks = 0;; looks++) {
        const uint64_t tail = atomic_load_explicit(&raw_ring->tail, memory_order_acquire);
        if (tail - next >= PORTION || (tail != next && looks >= PATIENCE))
            return tail;
        for (int i = 0; i < PATIENCE; i++)
            bench_relax();
    }
}

static int consume(struct checker *checker, uint64_t count)
{
    static struct raw_side kept;
    struct raw_side side = kept;
    for (uint64_t i = 0; i < count; i++) {
        if (side.next == side.other)
            side.other = await_tail(side.next);
        if (side.next + AHEAD_CELLS < side.other)
            __builtin_prefetch(raw_payload(side.next + AHEAD_CELLS));
        const uint64_t length = raw_ring->lengths[raw_index(side.next)];
        checker_take(checker, raw_payload(side.next), length);
        side.next += raw_cells_for(length);
        if (i % PORTION == PORTION - 1)
            atomic_store_explicit(&raw_ring->head, side.next, memory_order_release);
    }
    atomic_store_explicit(&raw_ring->head, side.next, memory_order_release);
    kept = side;
    return 0;
}

int main(int argc, char **argv)
{
    static const struct contender contender = {
        .name = "raw_tuned", .prepare = raw_ring_prepare, .produce = produce, .consume = consume};
    return bench_run(argc, argv, &contender);
}
