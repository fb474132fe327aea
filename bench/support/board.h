/* SPDX-License-Identifier: MIT */
#ifndef BENCH_BOARD_H
#define BENCH_BOARD_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

/* Memory shared by the two sides of a stream or a round trip, to coordinate the measurement. */

enum side { PRODUCER, CONSUMER, SIDES };
extern const char *const side_names[SIDES];

struct board {
    _Atomic uint32_t arrived;
    _Alignas(128) int64_t started_ns; /* written by the producer */
    _Alignas(128) int64_t ended_ns;   /* written by the side that ends last: the consumer or the requester */
    uint64_t messages;                /* of the last move; both write the same */
    /* Number of messages of the current move; 0 until the producer knows it, before it sends the last one. */
    _Alignas(128) _Atomic uint64_t last;
    int64_t sleeps[SIDES];
    double line_ns;                          /* the slower of before and after */
    _Alignas(128) _Atomic uint64_t bouncing; /* the line that both write in turn, to measure its round-trip time */
};

struct board *board_create(void);

/* Returns once both sides have called it. */
void board_meet(struct board *board, uint32_t *meeting);

/*
 * Measures how long a cache line takes from one side to the other and back, in nanoseconds. Where the host moves a
 * virtual machine's processors, this changes most. Both sides call it.
 */
double board_line_ns(struct board *board, enum side side, uint32_t *meeting);

/* Keeps the slowest of several. */
void board_note_line(struct board *board, enum side side, uint32_t *meeting);

int64_t board_time_ns(const struct board *board);

#endif
