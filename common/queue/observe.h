/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_OBSERVE_H
#define SHMQ_OBSERVE_H

#include "common/queue/handle.h"

/* The part of opening that all roles share, and that is all for an observer, which has neither lane nor seat. */

/*
 * Allocates a handle and maps header and seats. Takes ownership of the object, even if it fails.
 * Return: 0; -ENOMEM.
 */
int observe_begin(struct shmq **out, struct object *object, enum shmq_role role,
                  const struct shmq_options *options);
/* Completes the handle and releases the creation byte, so that the queue can be removed again. */
void observe_done(struct shmq *handle);
/* Unmaps everything, closes the object and frees the handle. Locks go with the descriptor. */
void observe_end(struct shmq *handle);

/* Opens the queue as an observer that may write to the header, for calls about the queue as a whole. */
int observe_open(struct shmq **handle, const char *name);

#endif
