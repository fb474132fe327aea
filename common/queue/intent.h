/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_INTENT_H
#define SHMQ_INTENT_H

#include "common/queue/handle.h"

/*
 * Write intents: what a consumer is about to write to a file, noted in its seat, so that whoever finds it dead can
 * take the bytes back. The note belongs to the file's lock rather than to the seat's byte: it is written and
 * cleared under the former, and it stays when the seat changes hands.
 */

static inline bool intent_is_pending(const struct write_note *note)
{
    return intent_turn_pending(atomic_load_explicit(&note->turn, memory_order_acquire));
}

/* Whether a seat's intent, if it has one and it stays while it is looked at, can be one. */
bool intent_makes_sense(const struct shmq *handle, uint32_t seat);

#endif
