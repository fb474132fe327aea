/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_PRODUCER_INPUTS_H
#define SHMQ_PRODUCER_INPUTS_H

#include "producer/input.h"
#include "producer/options.h"
#include "producer/publisher.h"

/* The list of inputs: looked at before the queue is made, so that a mistyped name leaves nothing behind. */
struct inputs {
    const char **paths;
    struct range *ranges; /* what is to be read of each */
    uint64_t *sizes;      /* of the regular ones */
    bool *is_pseudo_file; /* says that it is empty, and is not, as the files of /proc */
    size_t count;
    size_t first;   /* those before it are done */
    uint64_t bytes; /* with --resume: of all of them, as far as is known */
    struct source_identity identity;
};

/* Looks at each input, and sets the identity. A failure is reported. */
enum flow inputs_check(struct inputs *inputs, struct publisher *publisher, const struct options *options);
/*
 * Finds what of each is to be read, by what the first of its parts, or the first run, has told the queue. What is
 * not the same any more is refused.
 */
enum flow inputs_find_ranges(struct inputs *inputs, struct publisher *publisher, const struct options *options);
/* How much of it is to be read, as far as is known. */
uint64_t inputs_range_bytes(const struct inputs *inputs, size_t i);
/* Says how far a file has grown since its first part was begun, when the part that has the end has read it. */
void inputs_report_growth(const struct inputs *inputs, const struct options *options, const struct input *input);
/*
 * Reports that what is to be read is not what was begun, and leaves the queue as it was.
 *
 * @i    which it is, or inputs->count where that is not known
 * @why  what is wrong with it
 */
enum flow inputs_fail_changed(const struct inputs *inputs, struct publisher *publisher,
                              const struct options *options, size_t i, const char *why, ...)
    __attribute__((format(printf, 5, 6)));
void inputs_free(struct inputs *inputs);

#endif
