/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_PUT_H
#define SHMQ_PUT_H

#include "common/queue/handle.h"

/* Steps of a put, for those kinds of put that are in other files. */

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

/* Publishes what was appended, and wakes consumers. Return: 0; -ESHUTDOWN; -ESTALE. */
int put_publish(struct shmq *handle, uint32_t messages);

/* Publishes this cursor with all messages from now on; puts then avoid the paths that write no cursor. */
void put_set_cursor(struct producer_side *side, const struct shmq_cursor *cursor);

#endif
