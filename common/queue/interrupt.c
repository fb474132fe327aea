/* SPDX-License-Identifier: MIT */
#include "common/queue/interrupt.h"

#include "common/kernel/clock.h"

void interrupt_init(struct interrupt *interrupt)
{
    (void)sem_init(&interrupt->alone, 0, 0);
}

void interrupt_sleep_alone(struct interrupt *interrupt, int64_t deadline_ns)
{
    const struct timespec deadline = clock_timespec(deadline_ns);
    while (sem_trywait(&interrupt->alone) == 0) /* left by a post that came after the last sleep ended */
        ;
    interrupt_begin_sleep(interrupt, SLEEP_ALONE);
    if (!interrupt_is_pending(interrupt))
        (void)sem_clockwait(&interrupt->alone, CLOCK_MONOTONIC, &deadline);
    interrupt_end_sleep(interrupt);
}

enum sleep_place interrupt_raise(struct interrupt *interrupt)
{
    atomic_store_explicit(&interrupt->pending, 1, memory_order_seq_cst); /* J0 */
    const enum sleep_place place =
        (enum sleep_place)atomic_load_explicit(&interrupt->place, memory_order_seq_cst); /* J1 */
    if (place == SLEEP_ALONE)
        (void)sem_post(&interrupt->alone);
    return place;
}
