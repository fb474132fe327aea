/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_OBSERVE_H
#define SHMQ_OBSERVE_H

#include "common/queue/handle.h"

/* Opening as far as an observer needs it, which has neither lane nor seat: what all roles begin with. */

/*
 * Maps header and seats. The handle takes the object over, also where this fails.
 * Return: 0; -ENOMEM.
 */
int observe_begin(struct shmq **out, struct object *object, enum shmq_role role,
                  const struct shmq_options *options);
/* The handle is complete: lets go of what kept the queue from being removed meanwhile. */
void observe_done(struct shmq *handle);
/* Gives everything back that the system gave; locks go with the descriptor. */
void observe_end(struct shmq *handle);

/* shmq_open, as an observer that says something to the queue as a whole. */
int observe_open(struct shmq **handle, const char *name);

#endif
