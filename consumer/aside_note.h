/* SPDX-License-Identifier: MIT */
#ifndef CONSUMER_ASIDE_NOTE_H
#define CONSUMER_ASIDE_NOTE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/shmq.h"

/* The note of a message that a consumer of commands has put aside, for whichever consumer runs it next. */

struct aside_note {
    int64_t first_failure_ns; /* of the attempts so far, since 1970; 0: none has failed */
    int64_t last_failure_ns;
    int64_t pause_ns; /* for which it was put aside */
};

void aside_note_write(uint64_t words[SHMQ_ASIDE_WORDS], const struct aside_note *note);
/* Return: false, and all 0, if the words are not such a note. */
bool aside_note_read(struct aside_note *note, const uint64_t words[SHMQ_ASIDE_WORDS]);

#endif
