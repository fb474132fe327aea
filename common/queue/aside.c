/* SPDX-License-Identifier: MIT */
#include "common/queue/due.h"

#include <string.h>

#include "common/queue/batch.h"
#include "common/queue/count.h"
#include "common/queue/seat.h"
#include "common/queue/sized.h"
#include "common/queue/waiting.h"

_Static_assert(SHMQ_ASIDE_WORDS == ASIDE_WORDS, "the public header has the same number");

/* How many messages may wait aside: a quarter of the seats stay for consumers, and at least one. */
static uint32_t most_asides(const struct shmq *handle, uint32_t most)
{
    const uint32_t seats = handle_geometry(handle)->parameters.seats;
    const uint32_t limit = seats - (seats >= 4 ? seats / 4 : 1);
    return most < limit ? most : limit;
}

static uint32_t count_asides(const struct shmq *handle)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < handle_geometry(handle)->parameters.seats; i++)
        count += aside_due_ns(&handle->seats[i]) != 0;
    return count;
}

/* Whether there is room for one more than there are, not counting the one in our hands. */
static bool has_room(const struct shmq *handle, uint32_t limit)
{
    const bool counted = aside_due_ns(&handle->seats[handle->consumer.batch.seat]) != 0;
    return count_asides(handle) - counted < limit;
}

static void write_note(struct seat *seat, uint32_t copy, const uint64_t *words)
{
    for (size_t i = 0; i < ASIDE_WORDS; i++)
        atomic_store_explicit(&seat->held_notes[copy][i], words[i], memory_order_relaxed);
}

/*
 * Marks the held message as put aside, while its byte is still ours. The note and the due time change with one
 * store, so whoever takes over after a death finds both, or neither.
 *
 * Several consumers may do so at the same time. Each counts after its own store, so that not all of them can miss
 * the others; who finds too many takes the mark back.
 *
 * Return: 0; -EUSERS, and nothing is marked.
 */
static int mark_aside(struct shmq *handle, const struct shmq_aside *aside, uint32_t limit, int64_t due_ns)
{
    struct seat *s = &handle->seats[handle->consumer.batch.seat];
    const uint64_t due = atomic_load_explicit(&s->held_due, memory_order_relaxed);
    const uint64_t attempts = atomic_load_explicit(&s->held_attempts, memory_order_relaxed);
    const uint32_t copy = 1 - held_due_note(due);
    write_note(s, copy, aside->note);
    atomic_store_explicit(&s->held_attempts, attempts | PROGRESS_RETURNED, memory_order_seq_cst);
    atomic_store_explicit(&s->held_due, held_due_pack(due_ns, copy), memory_order_seq_cst);
    if (count_asides(handle) <= limit)
        return 0;
    atomic_store_explicit(&s->held_due, due, memory_order_seq_cst);
    atomic_store_explicit(&s->held_attempts, attempts, memory_order_seq_cst);
    return -EUSERS;
}

/* Moves the message into the seat's buffer, if it is not there. */
static int hold_it(struct shmq *handle)
{
    struct shmq_message message;
    const int error = batch_oldest(handle, &message);
    return error != 0 ? error : shmq_hold(handle, &message);
}

static int take_aside(struct shmq_aside *known, const struct shmq_aside *aside)
{
    if (aside == NULL)
        return -EINVAL;
    *known = (struct shmq_aside)SHMQ_ASIDE_INIT;
    const int error = sized_take(known, sizeof(*known), aside, ASIDE_FIRST_BYTES);
    if (error != 0)
        return error;
    return known->delay_ns < 0 || known->delay_ns > SHMQ_ASIDE_DELAY_MAX_NS ? -EINVAL : 0;
}

/* Whether exactly one message is held, and no write intent would stay behind. Return: 0; -EINVAL; -EBUSY. */
static int check_batch(const struct shmq *handle)
{
    const struct batch *b = &handle->consumer.batch;
    if (b->handed == b->done)
        return -EINVAL;
    if (b->handed != b->count || b->done + 1 != b->count || !batch_is_last_run(handle) ||
        handle->consumer.write_turn != 0)
        return -EBUSY;
    return 0;
}

int shmq_put_aside(struct shmq *handle, const struct shmq_aside *aside)
{
    struct shmq_aside known;
    int error = handle_check(handle, SHMQ_CONSUMER);
    if (error == 0)
        error = take_aside(&known, aside);
    if (error == 0)
        error = check_batch(handle);
    if (error != 0)
        return error;

    const uint32_t limit = most_asides(handle, known.most);
    if (!has_room(handle, limit))
        return -EUSERS;
    error = seat_move_away(handle);
    if (error == 0)
        error = hold_it(handle);
    if (error != 0)
        return error;
    const int64_t due_ns = clock_now_ns() + known.delay_ns;
    error = mark_aside(handle, &known, limit, due_ns);
    if (error != 0)
        return error;
    struct consumer_side *c = &handle->consumer;
    const int64_t look_ns = clock_coarse_ns() + known.delay_ns; /* it is compared with this clock */
    c->orphans_ns = look_ns < c->orphans_ns ? look_ns : c->orphans_ns;
    c->due_ns = due_ns < c->due_ns ? due_ns : c->due_ns;
    count_one(&handle->seats[c->seat].counters.put_aside);
    seat_release_adopted(handle);
    waiting_wake_consumers_slow(handle, 1); /* it learns when to look again: we may be at work then */
    return 0;
}

int shmq_aside_note(struct shmq *handle, uint64_t note[SHMQ_ASIDE_WORDS])
{
    const int error = handle_check(handle, SHMQ_CONSUMER);
    if (error != 0)
        return error;
    const struct batch *b = &handle->consumer.batch;
    if (note == NULL || b->handed == b->done)
        return -EINVAL;
    memset(note, 0, SHMQ_ASIDE_WORDS * sizeof(note[0]));
    if (!b->held)
        return 0;
    const struct seat *s = &handle->seats[b->seat];
    const uint32_t copy = held_due_note(atomic_load_explicit(&s->held_due, memory_order_acquire));
    for (size_t i = 0; i < ASIDE_WORDS; i++)
        note[i] = atomic_load_explicit(&s->held_notes[copy][i], memory_order_relaxed);
    return 0;
}
