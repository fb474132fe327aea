/* SPDX-License-Identifier: MIT */
#include "common/queue/waiting.h"

#include <unistd.h>

#include "common/kernel/byte_lock.h"
#include "common/kernel/clock.h"
#include "common/kernel/probes.h"
#include "common/queue/count.h"
#include "common/queue/due.h"
#include "common/queue/events.h"

static uint32_t bell_generation(const struct shmq *handle)
{
    return atomic_load_explicit(&handle->header->bell_generation, memory_order_relaxed);
}

void waiting_heavy_barrier(struct shmq *handle)
{
    if (!barrier_heavy())
        atomic_fetch_or_explicit(&handle->header->flags, FLAG_FULL_FENCES, memory_order_seq_cst);
}

/* Counts the processors of the machine, not those of our affinity: the other side may be pinned to another one. */
static bool several_processors(void)
{
    static _Atomic long online; /* cached: sysconf takes longer than all the rest of attaching */
    long count = atomic_load_explicit(&online, memory_order_relaxed);
    if (count == 0) {
        count = sysconf(_SC_NPROCESSORS_ONLN);
        atomic_store_explicit(&online, count, memory_order_relaxed);
    }
    return count != 1;
}

void spin_init(struct spin *spin)
{
    spin->limit = several_processors() ? SPIN_START : 0;
}

/* Makes all processes open the semaphores again. */
static void reopen_doorbells(struct shmq *handle, struct doorbell *bell)
{
    const uint32_t generation =
        atomic_fetch_add_explicit(&handle->header->bell_generation, 1, memory_order_relaxed) + 1;
    (void)doorbell_open(bell, &handle->access, generation);
}

static void record_replacement(struct shmq *handle, const struct doorbell *bell)
{
    if (bell == &handle->items)
        events_record(handle, SHMQ_EVENT_BELL_REPLACED, 0);
    else
        events_record_about(handle, SHMQ_EVENT_BELL_REPLACED, SHMQ_PARTY_PRODUCER,
                            handle->producer.view->ring.lane, 0);
}

/* Return: whether it was replaced, or no longer needs to be. */
static bool replace_under_lock(struct shmq *handle, struct doorbell *bell)
{
    if (bell->generation != bell_generation(handle)) /* perhaps another process has replaced it */
        return doorbell_open(bell, &handle->access, bell_generation(handle));
    if ((handle_flags(handle) & FLAG_REMOVED) != 0 || !doorbell_replace(bell, &handle->access))
        return false;
    count_shared(&handle->header->bells_replaced);
    record_replacement(handle, bell);
    reopen_doorbells(handle, bell);
    /* A remover unlinks the semaphores again after it sets the flag: it unlinks ours too, or we see the flag. */
    atomic_thread_fence(memory_order_seq_cst);
    if ((handle_flags(handle) & FLAG_REMOVED) != 0)
        doorbell_unlink(bell);
    return true;
}

/*
 * Replaces a semaphore whose content makes it unusable. If it cannot be replaced, or another process holds the
 * lock for replacing it, we sleep without it.
 */
static void replace_doorbell(struct shmq *handle, struct doorbell *bell)
{
    bool replaced = false;
    if (byte_lock_try(handle->object.fd, OBJECT_BELL_BYTE) == 0) {
        replaced = replace_under_lock(handle, bell);
        byte_lock_release(handle->object.fd, OBJECT_BELL_BYTE);
    }
    bell->missed = 0;
    bell->noisy = !replaced;
}

/* After a spurious ring: removes superfluous ones. */
static void drain_doorbell(struct shmq *handle, struct doorbell *bell, uint32_t plausible)
{
    if (!doorbell_drain(bell, plausible))
        replace_doorbell(handle, bell);
}

#define MISSED_SUSPICIOUS 4u

/*
 * A wake-up was missed, so the waker rings another semaphore than the one we sleep on: all processes open them
 * again. If wake-ups are still missed after that, the semaphore itself does not work, and is replaced.
 */
static void repair_doorbell(struct shmq *handle, struct doorbell *bell)
{
    if (bell->noisy) /* we did not sleep on it */
        return;
    if (++bell->missed >= MISSED_SUSPICIOUS)
        replace_doorbell(handle, bell);
    else
        reopen_doorbells(handle, bell);
}

static int64_t sooner(int64_t a_ns, int64_t b_ns)
{
    return a_ns < b_ns ? a_ns : b_ns;
}

static int64_t tick_ns(const struct shmq *handle)
{
    return handle_geometry(handle)->parameters.tick_ns;
}

/* Sleeps once. Return: true if rung. */
static bool sleep_on(struct shmq *handle, struct doorbell *bell, uint32_t plausible, int64_t deadline_ns)
{
    if (!doorbell_is_intact(bell))
        replace_doorbell(handle, bell);
    if (!doorbell_can_be_heard(bell, plausible)) {
        interrupt_sleep_alone(&handle->interrupt, deadline_ns);
        return false;
    }
    return doorbell_sleep(bell, deadline_ns);
}

/* ------------------------------------------------------------------ consumers */

static struct seat *own_seat(struct shmq *handle)
{
    return &handle->seats[handle->consumer.seat];
}

/* Whether a seat's buffer has a message, other than one put aside for whose due time we are going to wake up. */
static bool has_work_in_buffer(const struct shmq *handle, uint32_t seat)
{
    const struct seat *s = &handle->seats[seat];
    if (atomic_load_explicit(&s->held_valid, memory_order_relaxed) != 1)
        return false;
    return aside_waits_until(s) == 0 || aside_due_ns(s) < handle->consumer.due_ns;
}

/* Whether no work is left: no message, none held by a live or dead consumer, and no dead producer. */
static bool is_quiet(const struct shmq *handle)
{
    const struct consumer_side *c = &handle->consumer;
    for (uint32_t i = 0; i < c->active.count; i++) {
        const struct lane_view *view = &handle->lanes[c->active.lanes[i]];
        if (view->dead_since_ns != 0 || !ring_is_drained(&view->ring))
            return false;
    }
    for (uint32_t i = 0; i < handle_geometry(handle)->parameters.seats; i++)
        if (has_work_in_buffer(handle, i))
            return false;
    return true;
}

#define LONG_AFTER_TICKS 40
#define LONG_TICKS 64
#define LONG_MAX_NS INT64_C(4000000000)

/* Whether another live consumer, in a seat before @end, is in this waiting @state. */
static bool another_waits(const struct shmq *handle, enum waiting_state state, uint32_t end)
{
    for (uint32_t i = 0; i < end; i++)
        if (i != handle->consumer.seat &&
            atomic_load_explicit(&handle->seats[i].waiting, memory_order_seq_cst) == (uint32_t)state &&
            byte_lock_held(handle->object.fd, handle_seat_byte(handle, i)))
            return true;
    return false;
}

/* A consumer that sleeps long although there is work has missed its ring, because another consumer took two. */
static void wake_long_sleepers(struct shmq *handle)
{
    if (another_waits(handle, WAITING_LONG, handle_geometry(handle)->parameters.seats))
        waiting_wake_consumers_slow(handle, UINT32_MAX);
}

static bool was_busy(const struct shmq *handle)
{
    return clock_now_ns() - handle->consumer.busy_ns < LONG_AFTER_TICKS * tick_ns(handle);
}

#define INTERRUPT_PENDING 1u
#define ASIDES_MAX 8u
#define ASIDE_NS INT64_C(1000000)
#define ASIDE_MAX_NS INT64_C(16000000)

/* Whether another live consumer was interrupted in its sleep and has not noticed yet. */
static bool finds_interrupted(const struct shmq *handle)
{
    for (uint32_t i = 0; i < handle_geometry(handle)->parameters.seats; i++)
        if (i != handle->consumer.seat &&
            atomic_load_explicit(&handle->seats[i].interrupted, memory_order_seq_cst) != 0 &&
            atomic_load_explicit(&handle->seats[i].waiting, memory_order_seq_cst) != WAITING_NOT &&
            byte_lock_held(handle->object.fd, handle_seat_byte(handle, i)))
            return true;
    return false;
}

static bool another_is_interrupted(struct shmq *handle)
{
    struct consumer_side *c = &handle->consumer;
    uint32_t now = atomic_load_explicit(&handle->header->interrupts, memory_order_seq_cst);
    if ((now | INTERRUPT_PENDING) != c->interrupts) {
        c->interrupts = now | INTERRUPT_PENDING;
        c->asides = 0;
    }
    if ((now & INTERRUPT_PENDING) == 0)
        return false;
    if (finds_interrupted(handle))
        return true;
    if (atomic_load_explicit(&own_seat(handle)->interrupted, memory_order_seq_cst) != 0)
        return false; /* we are interrupted ourselves, so the others still have to see the mark */
    /* Clears the mark, unless another interrupt has come meanwhile and changed the number. */
    (void)atomic_compare_exchange_strong_explicit(&handle->header->interrupts, &now, now & ~INTERRUPT_PENDING,
                                                  memory_order_seq_cst, memory_order_relaxed);
    return false;
}

/* If another consumer is interrupted, sleeps without the semaphore, so as not to take the ring meant for it. */
static bool sleeps_aside(struct shmq *handle, int64_t deadline_ns)
{
    struct consumer_side *c = &handle->consumer;
    if (!another_is_interrupted(handle) || c->asides >= ASIDES_MAX)
        return false;
    const int64_t longest = sooner(sooner(ASIDE_NS << c->asides, ASIDE_MAX_NS), tick_ns(handle));
    c->asides++;
    interrupt_sleep_alone(&handle->interrupt, sooner(clock_now_ns() + longest, deadline_ns));
    return true;
}

/*
 * The ring that woke us may have been meant for an interrupted consumer. Without a ring, one that was killed may
 * have taken it.
 */
static void ring_for_interrupted(struct shmq *handle, bool rung)
{
    if (another_is_interrupted(handle) && (!rung || handle->consumer.asides < ASIDES_MAX))
        doorbell_ring(&handle->items, 1);
}

uint32_t waiting_seats(const struct shmq *handle)
{
    uint32_t waiting = 0;
    for (uint32_t i = 0; i < handle_geometry(handle)->parameters.seats; i++)
        waiting += atomic_load_explicit(&handle->seats[i].waiting, memory_order_seq_cst) != WAITING_NOT;
    return waiting;
}

static void interrupt_consumer(struct shmq *handle)
{
    shared_u32 *interrupts = &handle->header->interrupts;
    atomic_store_explicit(&own_seat(handle)->interrupted, 1, memory_order_seq_cst);
    uint32_t now = atomic_load_explicit(interrupts, memory_order_relaxed);
    while (!atomic_compare_exchange_weak_explicit(interrupts, &now, (now + 2) | INTERRUPT_PENDING,
                                                  memory_order_seq_cst, memory_order_relaxed))
        ;
    const uint32_t sleepers = waiting_seats(handle);
    doorbell_ring_anywhere(&handle->items, sleepers > 0 ? sleepers : 1);
}

void waiting_arm_consumer(struct shmq *handle)
{
    shared_u64 *bell = &handle->header->bell;
    if (!is_quiet(handle))
        wake_long_sleepers(handle);
    (void)doorbell_open(&handle->items, &handle->access, bell_generation(handle));
    atomic_store_explicit(&own_seat(handle)->interrupted, 0, memory_order_seq_cst);
    interrupt_begin_sleep(&handle->interrupt, SLEEP_ON_BELL);
    atomic_store_explicit(&own_seat(handle)->waiting, WAITING_TICK, memory_order_seq_cst);
    handle->consumer.uncounted =
        (atomic_load_explicit(&handle->header->flags, memory_order_seq_cst) & FLAG_PAUSED) != 0 &&
        !handle->consumer.eager;
    uint64_t now = atomic_load_explicit(bell, memory_order_relaxed);
    while (!handle->consumer.uncounted &&
           !atomic_compare_exchange_weak_explicit(bell, &now, bell_with(now, bell_count(now) + 1), /* S0 */
                                                  memory_order_seq_cst, memory_order_relaxed))
        ;
    waiting_heavy_barrier(handle);
}

/*
 * How long to sleep at most.
 * Ordering: like S1, after S0. A waker that sees long_sleepers rings for us too; one that does not see it has
 * published before, so we find that the queue is not quiet.
 */
static int64_t longest_sleep_ns(struct shmq *handle)
{
    const int64_t tick = tick_ns(handle);
    const int64_t longest = sooner(LONG_TICKS * tick, LONG_MAX_NS);
    if (longest <= tick || handle->consumer.uncounted || was_busy(handle) ||
        !another_waits(handle, WAITING_TICK, handle->consumer.seat) || handle->items.semaphore == NULL ||
        handle->items.noisy)
        return tick;
    atomic_store_explicit(&own_seat(handle)->waiting, WAITING_LONG, memory_order_seq_cst);
    atomic_store_explicit(&handle->header->long_sleepers, 1, memory_order_seq_cst);
    waiting_heavy_barrier(handle);
    if (is_quiet(handle))
        return longest;
    atomic_store_explicit(&own_seat(handle)->waiting, WAITING_TICK, memory_order_seq_cst);
    return tick;
}

/* Whether a message waits aside, until it is tried again: it is not worked on, but left. */
static bool has_any_aside(const struct shmq *handle)
{
    for (uint32_t i = 0; i < handle_geometry(handle)->parameters.seats; i++)
        if (atomic_load_explicit(&handle->seats[i].held_valid, memory_order_relaxed) == 1 &&
            aside_waits_until(&handle->seats[i]) != 0)
            return true;
    return false;
}

/* Records that nothing is left, once after this consumer has had something. */
static void note_empty(struct shmq *handle)
{
    struct consumer_side *c = &handle->consumer;
    const uint64_t delivered = atomic_load_explicit(&own_seat(handle)->delivered, memory_order_relaxed);
    if (delivered == c->emptied)
        return;
    const int64_t now = clock_now_ns();
    if (c->idle_ns == 0 || delivered != c->idle_delivered) {
        c->idle_delivered = delivered;
        c->idle_ns = now;
    }
    if (events_empty_is_due(handle, now) && is_quiet(handle) && !has_any_aside(handle) &&
        events_empty(handle, now, c->idle_ns))
        c->emptied = delivered;
}

static bool sleep_as_consumer(struct shmq *handle, int64_t deadline_ns)
{
    handle->consumer.aside = sleeps_aside(handle, deadline_ns);
    if (handle->consumer.aside)
        return false;
    const int64_t longest = longest_sleep_ns(handle);
    const bool rung = sleep_on(handle, &handle->items, handle_geometry(handle)->parameters.seats,
                               sooner(clock_now_ns() + longest, deadline_ns));
    if (rung)
        handle->consumer.busy_ns = clock_now_ns();
    ring_for_interrupted(handle, rung);
    return rung;
}

bool waiting_sleep_consumer(struct shmq *handle, int64_t deadline_ns)
{
    note_empty(handle);
    PROBE_SLEEP(SHMQ_CONSUMER, (uint32_t)handle->consumer.seat);
    const bool rung = sleep_as_consumer(handle, deadline_ns);
    PROBE_WAKE(SHMQ_CONSUMER, (uint32_t)handle->consumer.seat, rung);
    return rung;
}

void waiting_hand_over_watch(struct shmq *handle)
{
    if (atomic_load_explicit(&handle->header->long_sleepers, memory_order_relaxed) != 0)
        waiting_wake_consumers_slow(handle, 1);
}

void waiting_disarm_consumer(struct shmq *handle, bool rung)
{
    shared_u64 *bell = &handle->header->bell;
    uint64_t now = atomic_load_explicit(bell, memory_order_relaxed);
    while (!rung && !handle->consumer.uncounted && bell_count(now) > 0 &&
           !atomic_compare_exchange_weak_explicit(bell, &now, bell_with(now, bell_count(now) - 1),
                                                  memory_order_seq_cst, memory_order_relaxed))
        ;
    atomic_store_explicit(&own_seat(handle)->waiting, WAITING_NOT, memory_order_seq_cst);
    atomic_store_explicit(&own_seat(handle)->interrupted, 0, memory_order_seq_cst);
    interrupt_end_sleep(&handle->interrupt);
}

/* At most the consumers whose seats say so are asleep. The tag prevents the correction if one arms or is woken. */
static void correct_count(struct shmq *handle)
{
    uint64_t before = atomic_load_explicit(&handle->header->bell, memory_order_seq_cst);
    const uint32_t waiting = waiting_seats(handle);
    if (bell_count(before) > waiting)
        (void)atomic_compare_exchange_strong_explicit(&handle->header->bell, &before, bell_with(before, waiting),
                                                      memory_order_seq_cst, memory_order_relaxed);
}

/* A consumer killed in its sleep still counts as waiting. Only the holder of its byte may clear that. */
static void clear_dead_sleepers(struct shmq *handle)
{
    for (uint32_t i = 0; i < handle_geometry(handle)->parameters.seats; i++) {
        struct seat *seat = &handle->seats[i];
        if (seat == own_seat(handle) || atomic_load_explicit(&seat->waiting, memory_order_relaxed) == 0 ||
            i == handle->consumer.batch.seat || byte_lock_try(handle->object.fd, handle_seat_byte(handle, i)) != 0)
            continue;
        atomic_store_explicit(&seat->waiting, 0, memory_order_seq_cst);
        byte_lock_release(handle->object.fd, handle_seat_byte(handle, i));
    }
}

#define FALSE_RINGS_SUSPICIOUS 8u

void waiting_learn_consumer(struct shmq *handle, bool rung, bool found)
{
    if (rung && !found) {
        if (++handle->consumer.false_rings % FALSE_RINGS_SUSPICIOUS == 0)
            clear_dead_sleepers(handle);
        correct_count(handle);
        drain_doorbell(handle, &handle->items, handle_geometry(handle)->parameters.seats);
    } else if (!rung && found) {
        /* Who sleeps aside cannot miss a ring, and who is not counted need not get one. */
        if (!handle->consumer.aside && !handle->consumer.uncounted)
            repair_doorbell(handle, &handle->items);
    } else if (found) {
        handle->items.missed = 0;
    }
}

/* Takes up to @most off the count of sleepers. Return: how many. */
static uint32_t take_counts(struct shmq *handle, uint32_t most)
{
    shared_u64 *bell = &handle->header->bell;
    uint64_t now = atomic_load_explicit(bell, memory_order_relaxed);
    uint32_t taken;
    do {
        taken = bell_count(now) < most ? bell_count(now) : most;
        if (taken == 0)
            return 0;
    } while (!atomic_compare_exchange_weak_explicit(bell, &now, bell_with(now, bell_count(now) - taken),
                                                    memory_order_seq_cst, memory_order_relaxed));
    return taken;
}

static void ring_consumers(struct shmq *handle, uint32_t count)
{
    /* There is never a need for more rings than seats, whatever the count says. */
    const uint32_t seats = handle_geometry(handle)->parameters.seats;
    if (count > 0 && doorbell_open(&handle->items, &handle->access, bell_generation(handle)))
        doorbell_ring(&handle->items, count < seats ? count : seats);
}

void waiting_wake_consumers_slow(struct shmq *handle, uint32_t count)
{
    if (atomic_load_explicit(&handle->header->long_sleepers, memory_order_seq_cst) != 0) {
        atomic_store_explicit(&handle->header->long_sleepers, 0, memory_order_seq_cst);
        count = UINT32_MAX;
    }
    ring_consumers(handle, take_counts(handle, count));
}

void waiting_wake_all_consumers(struct shmq *handle)
{
    atomic_thread_fence(memory_order_seq_cst);
    atomic_store_explicit(&handle->header->long_sleepers, 0, memory_order_seq_cst);
    const uint32_t counted = take_counts(handle, UINT32_MAX);
    const uint32_t waiting = waiting_seats(handle); /* after the caller's store, which they read after theirs */
    ring_consumers(handle, counted > waiting ? counted : waiting);
}

/* ------------------------------------------------------------------ producers */

void waiting_arm_producer(struct shmq *handle, uint64_t head)
{
    struct lane_view *view = handle->producer.view;
    (void)doorbell_open(&view->space, &handle->access, bell_generation(handle));
    interrupt_begin_sleep(&handle->interrupt, SLEEP_ON_BELL);
    atomic_store_explicit(&view->ring.control->wanted_head, head, memory_order_seq_cst); /* S0 */
    waiting_heavy_barrier(handle);
}

bool waiting_sleep_producer(struct shmq *handle, int64_t deadline_ns)
{
    struct lane_view *view = handle->producer.view;
    PROBE_SLEEP(SHMQ_PRODUCER, view->ring.lane);
    const bool rung = sleep_on(handle, &view->space, 1, sooner(clock_now_ns() + tick_ns(handle), deadline_ns));
    PROBE_WAKE(SHMQ_PRODUCER, view->ring.lane, rung);
    return rung;
}

void waiting_disarm_producer(struct shmq *handle)
{
    atomic_store_explicit(&handle->producer.view->ring.control->wanted_head, 0, memory_order_relaxed);
    interrupt_end_sleep(&handle->interrupt);
}

void waiting_learn_producer(struct shmq *handle, bool rung, bool found)
{
    struct doorbell *bell = &handle->producer.view->space;
    if (rung && !found)
        drain_doorbell(handle, bell, 1);
    else if (!rung && found)
        repair_doorbell(handle, bell);
    else if (found)
        bell->missed = 0;
}

void waiting_wake_producer_slow(struct shmq *handle, struct lane_view *view, uint64_t wanted)
{
    struct lane_control *control = view->ring.control;
    if (atomic_load_explicit(&control->head, memory_order_relaxed) < wanted ||
        !atomic_compare_exchange_strong_explicit(&control->wanted_head, &wanted, 0, memory_order_seq_cst,
                                                 memory_order_relaxed))
        return;
    if (doorbell_open(&view->space, &handle->access, bell_generation(handle)))
        doorbell_ring(&view->space, 1);
}

/* ------------------------------------------------------------------ interrupting, and waking everybody */

void waiting_interrupt(struct shmq *handle)
{
    if (interrupt_raise(&handle->interrupt) != SLEEP_ON_BELL)
        return;
    if (handle->role == SHMQ_PRODUCER)
        doorbell_ring_anywhere(&handle->producer.view->space, 1);
    else
        interrupt_consumer(handle);
}

void waiting_wake_everybody(struct shmq *handle)
{
    waiting_wake_all_consumers(handle);
    for (uint32_t i = 0; i < handle_geometry(handle)->parameters.lanes; i++) {
        struct lane_view *view = &handle->lanes[i];
        if (view->base == NULL ||
            atomic_load_explicit(&view->ring.control->wanted_head, memory_order_relaxed) == 0)
            continue;
        if (doorbell_open(&view->space, &handle->access, bell_generation(handle)))
            doorbell_ring(&view->space, 1);
    }
}
