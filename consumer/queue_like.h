/* SPDX-License-Identifier: MIT */
#ifndef CONSUMER_QUEUE_LIKE_H
#define CONSUMER_QUEUE_LIKE_H

#include "common/shmq.h"

/*
 * The sizes and permissions of a queue that is made for messages of another one: the same, but its largest message
 * is greater by what is added to each, and it has a lane for each seat at least, because the lane of a dead
 * consumer is kept for whoever completes its move.
 *
 * Return: 0; negative errno.
 */
int queue_like(struct shmq *handle, uint64_t added_bytes, struct shmq_options *sizes);

#endif
