/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_SEAT_H
#define SHMQ_SEAT_H

#include "common/queue/handle.h"

/*
 * A consumer's seat, what it holds, and how that work is recovered when the consumer dies.
 *
 * The process that holds the seat's byte acts for the seat. That is its owner or, after the owner's death, another
 * consumer that finishes the work in place, on behalf of the dead owner. Taking over moves and marks nothing, so
 * no step of it can lose or duplicate a message: if the consumer that took over dies too, the seat is left as it
 * was after the first death.
 */

/* What a seat holds, according to its entry and the lease word. */
enum seat_work { SEAT_EMPTY, SEAT_LEASE, SEAT_HELD };
/* Return: enum seat_work; -EBADMSG; -ENOMEM. */
int seat_work(struct shmq *handle, uint32_t seat);

/* The batch that a seat has leased, as its entry names it. */
struct seat_lease {
    struct lane_view *view;
    uint64_t position;
};

/* The same; of SEAT_LEASE also which. Everything is read once: a living owner changes it meanwhile. */
int seat_work_of(struct shmq *handle, uint32_t seat, struct seat_lease *lease);

/* The fields that describe the message in a seat's buffer. */
struct seat_held {
    uint64_t lane;
    uint64_t position;
    uint64_t word; /* its descriptor */
};

/* Reads them. Return: false if they are not plausible. */
bool seat_read_held(const struct shmq *handle, uint32_t seat, struct seat_held *held);

/* Takes a free seat. Crash: leaves the seat free. Return: 0; -EUSERS; other system errors. */
int seat_attach(struct shmq *handle);
/* Gives back what is held, then leaves the seat. */
void seat_detach(struct shmq *handle);

/*
 * Takes over what a dead consumer, or this seat's previous owner, held, or a message aside that is due. Sets
 * consumer.due_ns.
 * Return: 0 with the batch leased; -EAGAIN if there is nothing; -EBADMSG; -ENOSPC; -ENOMEM; other system errors.
 */
int seat_adopt(struct shmq *handle);
/*
 * Moves this consumer to another seat, away from the one that holds its batch. The batch is then handled like an
 * adopted one. Nothing is done if it is one already.
 * Crash:  what is held counts as a dead consumer's.
 * Return: 0; -EUSERS if no seat is free (nothing changes then); other system errors.
 */
int seat_move_away(struct shmq *handle);
/*
 * Gives back what is held: leaves it in the seat that holds it, and moves this consumer to another seat.
 * Crash:  before the work is marked as given back, it counts as a dead consumer's; afterwards any consumer may
 *         take it.
 * Return: 0; -EUSERS if no seat is free (nothing changes then); other system errors.
 */
int seat_give_back(struct shmq *handle);
/* Releases the seat that has the batch, which is not our own. */
void seat_release_other(struct shmq *handle);

/* Ends the batch; releases a dead consumer's seat once its work is done or given back. */
static inline void seat_release_adopted(struct shmq *handle)
{
    struct consumer_side *c = &handle->consumer;
    const uint32_t own = atomic_load_explicit(&c->seat, memory_order_relaxed);
    if (__builtin_expect(c->batch.seat != own, 0))
        seat_release_other(handle);
    c->batch = (struct batch){.seat = own};
    c->counted = 0;
}

#endif
