/* SPDX-License-Identifier: MIT */
#ifndef BENCH_BOARD_H
#define BENCH_BOARD_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

/* Memory that the two sides of a stream or a round trip share to agree on what comes next. */

enum side { PRODUCER, CONSUMER, SIDES };
extern const char *const side_names[SIDES];

struct board {
    _Atomic uint32_t arrived;
    _Alignas(128) int64_t started_ns; /* written by the producer */
    _Alignas(128) int64_t ended_ns;   /* written by the side that ends last: the consumer, or who asked */
    uint64_t messages;                /* of the last move; both write the same */
    /* How many messages the move under way has; 0 until the producer knows, which is before it sends the last. */
    _Alignas(128) _Atomic uint64_t last;
    int64_t sleeps[SIDES];
    double line_ns;                          /* the slower of before and after */
    _Alignas(128) _Atomic uint64_t bouncing; /* the line that both fight for, to see how far apart they are */
};

struct board *board_create(void);

/* Both come here before either goes on. */
void board_meet(struct board *board, uint32_t *meeting);

/*
 * How long a cache line takes from the one side to the other and back, in nanoseconds: where the host moves a
 * virtual machine's processors about, that is what changes most. Both sides call it.
 */
double board_line_ns(struct board *board, enum side side, uint32_t *meeting);

/* Keeps the worst of several. */
void board_note_line(struct board *board, enum side side, uint32_t *meeting);

int64_t board_time_ns(const struct board *board);

#endif
