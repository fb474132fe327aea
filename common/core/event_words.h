/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_EVENT_WORDS_H
#define SHMQ_EVENT_WORDS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/core/layout.h"
#include "common/shmq.h"

/*
 * The words of an event in its slot:
 *
 *   0  number + 1; 0: never written
 *   1  {pid 32, about_party 8, party 8, kind 16}
 *   2  {about 32, index 32}
 *   3  value
 *   4  monotonic time in ns
 *   5  wall-clock time in ns since 1970
 *   6  0
 *   7  check: a hash of all other words
 *
 * So it does not matter in which order they are written, or how far a writer came: a mixture of two events fails
 * the check.
 */

#define EVENT_NUMBER 0
#define EVENT_KIND 1
#define EVENT_CHECK (EVENT_WORDS - 1)

_Static_assert(EVENTS == SHMQ_EVENTS_MAX, "the public header has the same number");

static inline uint32_t event_word_kind(uint64_t word)
{
    return (uint32_t)(word & 0xffff);
}

static inline uint64_t event_check(const uint64_t words[EVENT_WORDS])
{
    uint64_t hash = UINT64_C(0x9e3779b97f4a7c15);
    for (int i = 0; i < EVENT_CHECK; i++) {
        hash = (hash ^ words[i]) * UINT64_C(0xbf58476d1ce4e5b9);
        hash ^= hash >> 29;
    }
    return hash;
}

static inline void event_pack(uint64_t words[EVENT_WORDS], const struct shmq_event *event)
{
    words[EVENT_NUMBER] = event->number + 1;
    words[EVENT_KIND] = (uint64_t)(uint32_t)event->pid << 32 | (event->about_party & 0xff) << 24 |
                        (event->party & 0xff) << 16 | (event->kind & 0xffff);
    words[2] = (uint64_t)event->about << 32 | event->index;
    words[3] = event->value;
    words[4] = (uint64_t)event->monotonic_ns;
    words[5] = (uint64_t)event->realtime_ns;
    words[6] = 0;
    words[EVENT_CHECK] = event_check(words);
}

/* Whether the words are those of one whole event, in the slot of its number. */
static inline bool event_is_whole(const uint64_t words[EVENT_WORDS], uint64_t slot)
{
    return words[EVENT_NUMBER] != 0 && (words[EVENT_NUMBER] - 1) % EVENTS == slot &&
           words[EVENT_CHECK] == event_check(words);
}

static inline void event_unpack(struct shmq_event *event, const uint64_t words[EVENT_WORDS])
{
    *event = (struct shmq_event){
        .size = sizeof(*event),
        .number = words[EVENT_NUMBER] - 1,
        .kind = event_word_kind(words[EVENT_KIND]),
        .party = (uint32_t)(words[EVENT_KIND] >> 16 & 0xff),
        .index = (uint32_t)words[2],
        .pid = (pid_t)(uint32_t)(words[EVENT_KIND] >> 32),
        .about_party = (uint32_t)(words[EVENT_KIND] >> 24 & 0xff),
        .about = (uint32_t)(words[2] >> 32),
        .value = words[3],
        .monotonic_ns = (int64_t)words[4],
        .realtime_ns = (int64_t)words[5],
    };
}

#endif
