/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_BATCH_H
#define SHMQ_BATCH_H

#include "common/queue/handle.h"

/* The oldest message that a consumer has leased and not acknowledged. */

/* Its position. Context: there is one. */
uint64_t batch_oldest_position(const struct shmq *handle);

/* The message itself. Return: 0; -EINVAL where none is leased; -EBADMSG where its headers make no sense. */
int batch_oldest(const struct shmq *handle, struct shmq_message *message);

#endif
