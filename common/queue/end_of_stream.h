/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_END_OF_STREAM_H
#define SHMQ_END_OF_STREAM_H

#include "common/queue/handle.h"

/*
 * Looks whether there will ever be anything more for a consumer that found nothing.
 *
 * Return: -EAGAIN there may be; -ENODATA all producers have finished and everything is acknowledged; -EOWNERDEAD
 * the same, but a producer died unfinished and its grace is over; -ESHUTDOWN drained after a shutdown; -EBADMSG;
 * -ENOMEM.
 */
int end_of_stream_state(struct shmq *handle);

/* Whether every committed message is acknowledged. Return: 1, 0, or -EBADMSG, -ENOMEM. */
int end_of_stream_is_drained(struct shmq *handle);

#endif
