/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_WORDS_H
#define SHMQ_WORDS_H

/* Words of shared memory that hold several fields. The lease word is in lease_word.h. */

#include <stdbool.h>
#include <stdint.h>

#include "common/core/layout.h"

/* lane_control.life: {finishes so far 56, state 8}. */

static inline enum lane_state lane_life_state(uint64_t life)
{
    return (enum lane_state)(life & 0xff);
}

static inline uint64_t lane_life_finishes(uint64_t life)
{
    return life >> 8;
}

/*
 * seat.progress and seat.held_attempts: {returned 1, attempts 31, acknowledged records 32}.
 *   returned   the batch was given back in an orderly way: the next delivery does not count as an attempt
 *   attempts   failed attempts at the first unacknowledged record
 */

#define PROGRESS_RETURNED (UINT64_C(1) << 63)
#define ATTEMPTS_MAX 0x7fffffffu

static inline uint64_t progress_pack(uint32_t attempts, uint32_t done)
{
    return (uint64_t)(attempts & ATTEMPTS_MAX) << 32 | done;
}

static inline uint32_t progress_done(uint64_t progress)
{
    return (uint32_t)progress;
}

static inline uint32_t progress_attempts(uint64_t progress)
{
    return (uint32_t)(progress >> 32) & ATTEMPTS_MAX;
}

/* seat.counted: {lane + 1 32, records 32}. */

static inline uint64_t counted_pack(uint32_t lane, uint32_t records)
{
    return ((uint64_t)lane + 1) << 32 | records;
}

/* Of another lane's batch: 0. */
static inline uint32_t counted_records(uint64_t counted, uint32_t lane)
{
    return counted >> 32 == (uint64_t)lane + 1 ? (uint32_t)counted : 0;
}

/* seat.held_due: {due time 63, which note counts 1}. The time is in ns on the monotonic clock; 0: the message is
 * not put aside. Both change with one store. */

static inline uint64_t held_due_pack(int64_t due_ns, uint32_t note)
{
    return (uint64_t)due_ns << 1 | (note & 1);
}

static inline int64_t held_due_ns(uint64_t word)
{
    return (int64_t)(word >> 1);
}

static inline uint32_t held_due_note(uint64_t word)
{
    return (uint32_t)(word & 1);
}

/* header.bell: {tag 32, count 32}. The tag changes with every change of the word, so that a correction of the
 * count fails if a sleeper came or went meanwhile. */

static inline uint64_t bell_with(uint64_t bell, uint32_t count)
{
    return ((bell >> 32) + 1) << 32 | count;
}

static inline uint32_t bell_count(uint64_t bell)
{
    return (uint32_t)bell;
}

/* write_intent.turn: odd while the intent is pending. */

static inline bool intent_turn_pending(uint64_t turn)
{
    return (turn & 1) != 0;
}

#endif
