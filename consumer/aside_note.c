/* SPDX-License-Identifier: MIT */
#include "consumer/aside_note.h"

/* Other programs may leave other notes. */
#define TAG UINT64_C(0x6a6f622d6e6f7465)

void aside_note_write(uint64_t words[SHMQ_ASIDE_WORDS], const struct aside_note *note)
{
    words[0] = TAG;
    words[1] = (uint64_t)note->first_failure_ns;
    words[2] = (uint64_t)note->last_failure_ns;
    words[3] = (uint64_t)note->pause_ns;
}

bool aside_note_read(struct aside_note *note, const uint64_t words[SHMQ_ASIDE_WORDS])
{
    const struct aside_note read = {
        .first_failure_ns = (int64_t)words[1],
        .last_failure_ns = (int64_t)words[2],
        .pause_ns = (int64_t)words[3],
    };

    *note = (struct aside_note){0};
    if (words[0] != TAG || read.first_failure_ns < 0 || read.last_failure_ns < read.first_failure_ns ||
        read.pause_ns < 0 || read.pause_ns > SHMQ_ASIDE_DELAY_MAX_NS)
        return false;
    *note = read;
    return true;
}
