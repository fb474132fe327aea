/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_SOURCE_H
#define SHMQ_SOURCE_H

#include "common/queue/handle.h"

/* What a lane stores about its source: identity, what its parts have agreed on, cursor, and its owner's note. */

/* A lane's control, read without mapping the lane, because there may be a thousand lanes. */
union source_peek {
    struct lane_control control;
    unsigned char bytes[sizeof(struct lane_control)];
};

/* Return: false if it cannot be read. */
bool source_peek(const struct shmq *handle, uint32_t lane, union source_peek *peek);
/*
 * Finds what the group has agreed on: the values of its first part, or those of this one if it is the first.
 * Context: OBJECT_SOURCE_BYTE is held.
 */
void source_agree(const struct shmq *handle, const struct shmq_options *options, struct source_whole *whole);
/*
 * Gives the lane to the source.
 * Ordering: the identity is set only while the fields that belong to it are right.
 * Crash:    without an identity, nothing can be resumed; the group's values are kept as long as possible.
 */
void source_take_up(struct ring_producer *producer, const struct shmq_options *options,
                    const struct source_whole *whole);
/* Removes the source's identity from the lane, but not what its group has agreed on. */
void source_forget(struct lane_control *control);

static inline uint64_t source_note_length(uint64_t note)
{
    return note & 0xff;
}

#endif
