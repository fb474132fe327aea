/* SPDX-License-Identifier: MIT */
#ifndef SUPPORT_HALF_MOVE_H
#define SUPPORT_HALF_MOVE_H

#include "common/shmq.h"

/*
 * Moves the oldest of at least two leased messages, and leaves all as a death between put and acknowledgement
 * does: the copy is in the other queue, in an unfinished lane, and the message is still leased. The caller has to
 * die next.
 *
 * @destination  the mover's, which nobody has put into yet
 * @options      for opening it
 *
 * Return: 0; negative errno.
 */
int half_move(struct shmq_mover *mover, struct shmq *consumer, const char *destination,
              const struct shmq_options *options, const char *headers);

#endif
