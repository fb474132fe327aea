/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_MESSAGE_ID_H
#define SHMQ_MESSAGE_ID_H

#include <stddef.h>
#include <stdint.h>

/* The text of a message's id, QUEUE-LANE-POSITION, in two parts: all messages of a batch share the first. */

#define MESSAGE_ID_BATCH_BYTES 28    /* most bytes of the first part: 16 digits, a lane of 10, two dashes */
#define MESSAGE_ID_POSITION_BYTES 20 /* of the second */

/* Writes "QUEUE-LANE-", without a NUL. Return: bytes. */
size_t message_id_write_batch(char *text, uint64_t queue_id, uint32_t lane);
/* Writes a position, without a NUL. Return: bytes. */
size_t message_id_write_position(char *text, uint64_t position);

#endif
