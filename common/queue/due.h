/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_DUE_H
#define SHMQ_DUE_H

#include "common/core/layout.h"
#include "common/core/words.h"
#include "common/kernel/clock.h"
#include "common/queue/handle.h"

/*
 * Messages that wait aside: in the buffer of a seat without an owner, until they are due. Whoever looks first
 * after that adopts the message, as it would adopt what a dead consumer left.
 *
 * Due times are compared with the precise clock everywhere, so that all processes agree: once one of them has
 * found a message due, it stays due.
 */

/* When the message in the seat's buffer is due; 0: it is not put aside, or there is none. */
static inline int64_t aside_due_ns(const struct seat *seat)
{
    if (atomic_load_explicit(&seat->held_valid, memory_order_acquire) != 1)
        return 0;
    return held_due_ns(atomic_load_explicit(&seat->held_due, memory_order_seq_cst));
}

/* Nobody can have asked for a later time. */
static inline bool aside_is_plausible(int64_t due_ns, int64_t now_ns)
{
    return due_ns <= now_ns || due_ns - now_ns <= SHMQ_ASIDE_DELAY_MAX_NS;
}

/* When the message that waits aside in the seat is due; 0: none waits. Nobody waits for an implausible time:
 * whoever adopts that message reports it. */
static inline int64_t aside_waits_until(const struct seat *seat)
{
    const int64_t due_ns = aside_due_ns(seat);
    if (__builtin_expect(due_ns == 0, 1))
        return 0;
    const int64_t now_ns = clock_now_ns();
    return now_ns != 0 && due_ns > now_ns && aside_is_plausible(due_ns, now_ns) ? due_ns : 0;
}

/* How long a message aside has to wait yet, for display. @now_ns: handle_now_ns. */
static inline int64_t aside_left_ns(const struct seat *seat, int64_t now_ns)
{
    const int64_t due_ns = aside_due_ns(seat);
    return due_ns > now_ns && aside_is_plausible(due_ns, now_ns) ? due_ns - now_ns : 0;
}

#endif
