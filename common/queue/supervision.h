/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_SUPERVISION_H
#define SHMQ_SUPERVISION_H

#include "common/queue/handle.h"

/* Locks the byte of the queue's only supervisor. Return: 0; -EBUSY if another process holds it; other system
 * errors. */
int supervision_attach(struct shmq *handle);
/* Releases the byte. */
void supervision_detach(struct shmq *handle);

#endif
