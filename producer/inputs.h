/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_PRODUCER_INPUTS_H
#define SHMQ_PRODUCER_INPUTS_H

#include "producer/input.h"
#include "producer/options.h"
#include "producer/publisher.h"

/* The list of inputs. It is checked before the queue is created, so that a mistyped name leaves nothing behind. */
struct inputs {
    const char **paths;
    struct range *ranges; /* the part of each to read */
    uint64_t *sizes;      /* of the regular files */
    bool *is_pseudo_file; /* says that it is empty, and is not, as the files of /proc */
    bool unsized;         /* some input is not a regular file */
    size_t count;
    size_t first;   /* index of the first input that is not completed */
    uint64_t bytes; /* with --resume: total of all ranges, going by the sizes */
    struct source_identity identity;
};

/* Checks each input and computes the identity. Reports a failure. */
enum flow inputs_check(struct inputs *inputs, struct publisher *publisher, const struct options *options);
/*
 * Finds the range of each input to read, based on what the first part or the first run recorded in the queue.
 * Fails if the inputs have changed since then.
 */
enum flow inputs_find_ranges(struct inputs *inputs, struct publisher *publisher, const struct options *options);
/* Length of the range of input @i, going by its size. */
uint64_t inputs_range_bytes(const struct inputs *inputs, size_t i);
/* How much there is to read of all inputs, going by their sizes. Return: bytes; 0: not known. */
uint64_t inputs_bytes(const struct inputs *inputs);
/* After the last part was read, reports how much the file has grown since its first part began. */
void inputs_report_growth(const struct inputs *inputs, const struct options *options, const struct input *input);
/*
 * Reports that an input has changed since an earlier run or part, and leaves the queue unchanged.
 *
 * @i    its index, or inputs->count if not known
 * @why  what has changed
 */
enum flow inputs_fail_changed(const struct inputs *inputs, struct publisher *publisher,
                              const struct options *options, size_t i, const char *why, ...)
    __attribute__((format(printf, 5, 6)));
void inputs_free(struct inputs *inputs);

#endif
