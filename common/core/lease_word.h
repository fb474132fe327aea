/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_LEASE_WORD_H
#define SHMQ_LEASE_WORD_H

/*
 * The word at the first cell of a batch: {lap, span - 1 in cells, seat, state 1 bit}.
 *
 * This word alone determines who has the batch. Boundaries of batches are unique positions, and a word only
 * changes to a later lap, or from LEASED to DONE within its lap. So a compare-and-swap from a value that was read
 * earlier fails once any process has changed the word. Laps count from 1; the all-zero word of fresh memory
 * belongs to an earlier lap than any.
 */

#include <stdbool.h>
#include <stdint.h>

struct lease_format {
    uint32_t seat_bits;
    uint32_t cells_log2;
};

enum lease_state { LEASE_TAKEN = 0, LEASE_DONE = 1 };

static inline uint32_t lease_lap_shift(struct lease_format f)
{
    return 1 + f.seat_bits + f.cells_log2;
}

static inline uint64_t lease_lap_of(struct lease_format f, uint64_t position)
{
    return position >> f.cells_log2;
}

static inline uint64_t lease_word(struct lease_format f, uint64_t position, uint64_t span_cells, uint32_t seat,
                                  enum lease_state state)
{
    return lease_lap_of(f, position) << lease_lap_shift(f) | (span_cells - 1) << (1 + f.seat_bits) |
           (uint64_t)seat << 1 | (uint64_t)state;
}

static inline uint64_t lease_word_lap(struct lease_format f, uint64_t word)
{
    return word >> lease_lap_shift(f);
}

static inline uint64_t lease_word_span(struct lease_format f, uint64_t word)
{
    return ((word >> (1 + f.seat_bits)) & ((UINT64_C(1) << f.cells_log2) - 1)) + 1;
}

static inline uint32_t lease_word_seat(struct lease_format f, uint64_t word)
{
    return (uint32_t)((word >> 1) & ((UINT64_C(1) << f.seat_bits) - 1));
}

static inline bool lease_word_done(uint64_t word)
{
    return (word & 1) == LEASE_DONE;
}

#endif
