/* SPDX-License-Identifier: MIT */
#include "bench/support/board.h"

#include <sys/mman.h>

#include "bench/support/tools.h"

#define BOUNCES 400u
#define BOUNCE_ROUNDS 5

const char *const side_names[SIDES] = {"producer", "consumer"};

struct board *board_create(void)
{
    struct board *board = mmap(NULL, sizeof(*board), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return board != MAP_FAILED ? board : NULL;
}

void board_meet(struct board *board, uint32_t *meeting)
{
    const uint32_t all = ++*meeting * SIDES;
    atomic_fetch_add(&board->arrived, 1);
    /* On one processor, more spinning would delay the other side. */
    for (unsigned looks = 0; atomic_load_explicit(&board->arrived, memory_order_acquire) < all; looks++)
        if (looks < 10000)
            bench_relax();
        else
            bench_sleep_ns(20000);
}

/* One side makes the number odd, the other even. */
static double bounce(struct board *board, enum side side)
{
    const uint64_t base = atomic_load(&board->bouncing) & ~UINT64_C(1);
    const int64_t start = bench_now_ns();
    for (uint64_t i = 0; i < BOUNCES; i++) {
        const uint64_t mine = base + 2 * i + side;
        while (atomic_load_explicit(&board->bouncing, memory_order_acquire) != mine)
            ;
        atomic_store_explicit(&board->bouncing, mine + 1, memory_order_release);
    }
    return (double)(bench_now_ns() - start) / BOUNCES;
}

double board_line_ns(struct board *board, enum side side, uint32_t *meeting)
{
    double best = 0;
    for (int i = 0; i < BOUNCE_ROUNDS; i++) {
        board_meet(board, meeting);
        const double ns = bounce(board, side);
        board_meet(board, meeting);
        if (best == 0 || ns < best)
            best = ns;
    }
    return best;
}

void board_note_line(struct board *board, enum side side, uint32_t *meeting)
{
    const double ns = board_line_ns(board, side, meeting);
    if (side == CONSUMER && ns > board->line_ns)
        board->line_ns = ns;
}

int64_t board_time_ns(const struct board *board)
{
    return board->ended_ns - board->started_ns;
}
