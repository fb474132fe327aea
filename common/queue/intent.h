/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_INTENT_H
#define SHMQ_INTENT_H

#include "common/queue/handle.h"

/*
 * Write intents: a consumer's seat says what the consumer is about to write to a file, so that another one that
 * finds it dead can remove those bytes. The file's lock protects a write intent, not the seat's byte: the intent
 * is written and cleared with the file locked, and it stays when the seat gets another owner.
 */

static inline bool intent_is_pending(const struct write_intent *intent)
{
    return intent_turn_pending(atomic_load_explicit(&intent->turn, memory_order_acquire));
}

/* Whether a seat's write intent is plausible. True if there is none, or it changes meanwhile. */
bool intent_is_valid(const struct shmq *handle, uint32_t seat);

#endif
