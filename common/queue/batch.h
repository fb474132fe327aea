/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_BATCH_H
#define SHMQ_BATCH_H

#include "common/queue/handle.h"

/* The oldest message that a consumer has leased and not acknowledged. */

/* Returns its position. Context: there must be one. */
uint64_t batch_oldest_position(const struct shmq *handle);

/* Describes the message. Return: 0; -EINVAL if none is leased; -EBADMSG if its headers are invalid. */
int batch_oldest(const struct shmq *handle, struct shmq_message *message);

#endif
