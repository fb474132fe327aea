/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_SOURCE_H
#define SHMQ_SOURCE_H

#include "common/queue/handle.h"

/* What a lane keeps of its source: identity, what its parts have agreed on, and the note of its owner. */

/* A lane's control, read without mapping the lane: there may be a thousand of them. */
union source_peek {
    struct lane_control control;
    unsigned char bytes[sizeof(struct lane_control)];
};

/* Return: false if it cannot be read. */
bool source_peek(const struct shmq *handle, uint32_t lane, union source_peek *peek);
/*
 * Finds what holds for the group: what the first of its parts said, or what this one says.
 * Context: OBJECT_SOURCE_BYTE is held.
 */
void source_agree(const struct shmq *handle, const struct shmq_options *options, struct source_whole *whole);
/*
 * Makes the lane the source's.
 * Ordering: an identity is in place only while what belongs to it is right.
 * Crash:    without an identity, nothing can be resumed; a group is kept as long as it can be.
 */
void source_take_up(struct lane_control *control, const struct shmq_options *options,
                    const struct source_whole *whole, uint64_t stream_offset);
/* Takes back that the source was here, but not what its group has agreed on. */
void source_forget(struct lane_control *control);

static inline uint64_t source_note_length(uint64_t note)
{
    return note & 0xff;
}

#endif
