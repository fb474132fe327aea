/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_MONITOR_MESSAGE_IDS_H
#define SHMQ_MONITOR_MESSAGE_IDS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/shmq.h"

/* Ids of messages as users give them: QUEUE-LANE-POSITION, as peek prints it and as a Shmq-Id header keeps it. */

struct message_id {
    uint64_t queue;
    uint32_t lane;
    uint64_t position;
};

/* Return: false if it is not an id. */
bool message_id_read(const char *text, struct message_id *id);

/*
 * Whether a message of the queue has the id, its own or in its Shmq-Id header: the one that it had before it was
 * moved.
 *
 * @queue  the queue's id
 */
bool message_id_is_of(const char *text, uint64_t queue, const struct shmq_message *message);

#endif
