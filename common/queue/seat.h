/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_SEAT_H
#define SHMQ_SEAT_H

#include "common/queue/handle.h"

/*
 * A consumer's seat, what it holds, and what becomes of it when the consumer dies.
 *
 * Whoever holds the seat's byte acts for the seat: the consumer that sits there, or after its death another one
 * that finishes what it held, in the dead one's name. Nothing is moved or marked in taking over, so there is no
 * step at which dying could lose or double it: the undertaker's death leaves the same seat, as its own death did.
 */

/* What a seat holds, as far as its entry and the lease word say. */
enum seat_work { SEAT_EMPTY, SEAT_LEASE, SEAT_HELD };
/* Return: enum seat_work; -EBADMSG; -ENOMEM. */
int seat_work(struct shmq *handle, uint32_t seat);

/* Whether the message in a seat's buffer can be one. */
bool seat_held_makes_sense(const struct shmq *handle, uint32_t seat);

/* Takes a free seat. Crash: leaves the seat free. Return: 0; -EUSERS; other system errors. */
int seat_attach(struct shmq *handle);
/* Leaves the seat, and gives back what is held. */
void seat_detach(struct shmq *handle);

/*
 * Takes over what a dead consumer, or this seat's last one, held.
 * Return: 0 with the batch leased; -EAGAIN when there is nothing; -EBADMSG; -ENOSPC; -ENOMEM; other system
 * errors.
 */
int seat_adopt(struct shmq *handle);
/*
 * Gives back what is held, by leaving it in the seat that it is in, and going on in another one.
 * Crash:  until it is marked as given back, it is a dead one's; then anybody's.
 * Return: 0; -EUSERS when no seat is free, with nothing changed; other system errors.
 */
int seat_give_back(struct shmq *handle);
/* Lets go of a dead consumer's seat, once its work is done or given back. */
void seat_release_adopted(struct shmq *handle);

#endif
