/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_PUT_H
#define SHMQ_PUT_H

#include "common/queue/handle.h"

/* The steps of a put, for the kinds of put that have a file of their own. */

/* A batch is published in portions, so that consumers can work on one portion while the next is written. */
#define PORTION_MESSAGES 64u
#define PORTION_BYTES 32768u

/* Whether a message of @length bytes may be put now. Return: 0; -EINVAL; -ECHILD; -EMSGSIZE; -ESTALE; -ESHUTDOWN.
 */
int put_check(const struct shmq *handle, uint64_t length);

/*
 * Waits for room.
 * Return: 0; -EAGAIN, -ETIMEDOUT, -EINTR, -ESHUTDOWN, -ESTALE, -EBADMSG, -EOVERFLOW.
 */
int put_make_room(struct shmq *handle, uint64_t need_cells, int64_t timeout_ns);

/* Publishes what was appended, and wakes. Return: 0; -ESHUTDOWN; -ESTALE. */
int put_publish(struct shmq *handle, uint32_t messages);

/* From now on, what is published has this cursor; no put takes the path on which none is written. */
void put_set_cursor(struct producer_side *side, const struct shmq_cursor *cursor);

#endif
