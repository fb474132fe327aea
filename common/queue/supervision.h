/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_SUPERVISION_H
#define SHMQ_SUPERVISION_H

#include "common/queue/handle.h"

/* Takes the byte that one supervisor at a time holds. Return: 0; -EBUSY another one holds it; other system
 * errors. */
int supervision_attach(struct shmq *handle);
/* Gives it back. */
void supervision_detach(struct shmq *handle);

#endif
