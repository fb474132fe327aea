/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_PRODUCER_FOLLOW_STORE_H
#define SHMQ_PRODUCER_FOLLOW_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "producer/follow_record.h"
#include "producer/publisher.h"

/* The records of --follow --resume in the queue. Without --resume, records get sequence numbers and nothing else.
 */
struct follow_store {
    struct publisher *publisher;
    bool resumable;
    uint64_t next_sequence;
    bool taken[SHMQ_SLOTS_MAX]; /* slot 0 says that the first run has found its files */
};

/* What an earlier run has left. */
struct follow_found {
    struct follow_record records[SHMQ_SLOTS_MAX]; /* in the order of their sequence */
    uint32_t slots[SHMQ_SLOTS_MAX];
    size_t count;
    bool started;
    struct follow_place place; /* after the last message */
};

void follow_store_init(struct follow_store *store, struct publisher *publisher);
/* Reads the records. The place of the last message is applied to them already. Reports a failure. */
enum flow follow_store_load(struct follow_store *store, struct follow_found *found);

/* Return: a free slot, which is then taken; 0: there is none. */
uint32_t follow_store_take(struct follow_store *store);
/* A new sequence number. */
uint64_t follow_store_number(struct follow_store *store);
enum flow follow_store_save(struct follow_store *store, uint32_t slot, const struct follow_record *record);
/* Empties a slot, which is then free. */
enum flow follow_store_clear(struct follow_store *store, uint32_t slot);
/* From now on, files that appear are new. */
enum flow follow_store_start(struct follow_store *store);

#endif
