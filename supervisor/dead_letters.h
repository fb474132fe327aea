/* SPDX-License-Identifier: MIT */
#ifndef SUPERVISOR_DEAD_LETTERS_H
#define SUPERVISOR_DEAD_LETTERS_H

#include <stdint.h>

#include "common/cli/dead_letter_name.h"
#include "supervisor/options.h"

/* What consumers have put into the dead-letter queue. It is read there: a consumer that was killed reports
 * nothing. */
struct dead_letters {
    char text[DEAD_LETTER_NAME_BYTES];
    const char *name;    /* NULL: there are none */
    uint64_t queue_id;   /* before this run; 0: there was no such queue */
    uint64_t put_before; /* messages put into it by then */
    int error;           /* why it could not be read then; 0: it could, or there was none */
};

void dead_letters_begin(struct dead_letters *letters, const struct options *options);
/*
 * Counts those that were put since the beginning. Other pipelines that share the queue count, too.
 * Return: 0; negative errno if the queue cannot be read, or could not be read in the beginning.
 */
int dead_letters_count(const struct dead_letters *letters, uint64_t *count);
/* Says that they cannot be counted. */
void dead_letters_report_uncounted(const struct dead_letters *letters, int error);
/* Says where they are, and what to do about them. */
void dead_letters_report(const struct dead_letters *letters, uint64_t count);

#endif
