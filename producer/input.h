/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_PRODUCER_INPUT_H
#define SHMQ_PRODUCER_INPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "producer/publisher.h"

/* Which part of a file is to be read. */
struct range {
    uint64_t begin;
    uint64_t end;   /* UINT64_MAX: to its end, wherever that is by then */
    uint64_t least; /* its end is nowhere before: else it has become shorter; 0: not known */
    uint64_t base; /* bytes of the source before begin: those of the ranges before, and what is done of this one */
};

/* One input while it is read. Offsets are bytes from the beginning of the file, or of what came from a pipe. */
struct input {
    const char *path;
    const char *label; /* for messages */
    int fd;
    bool regular;
    uint64_t begin;
    uint64_t offset; /* next byte to be read */
    uint64_t end;
    uint64_t least; /* as in its range */
    uint64_t base;
    uint64_t size; /* of a regular file when it was opened */
};

/* Opens @path ("-" is stdin) and goes to where @range begins. A failure is reported. */
enum flow input_open(struct input *input, struct publisher *publisher, const char *path, struct range range);
/*
 * Reads what is there, at most @size bytes, waiting for some; 0 is the end. Statistics go on meanwhile.
 * FLOW_END when an end is asked for.
 */
enum flow input_read(struct input *input, struct publisher *publisher, void *buffer, size_t size, size_t *got);
/*
 * Closes it. Bytes from @unused on were read but not put: stdin is wound back to them, if it can be,
 * so that the next program finds them; else they are gone, which after a signal is a failure: exit status 0 says
 * that everything that was read is in the queue. Returns @flow, or that failure.
 */
enum flow input_close(struct input *input, struct publisher *publisher, uint64_t unused, enum flow flow);

/* What publisher_set_mark wants, for the bytes before @offset, of which the last @size end at @end. */
enum flow input_set_mark(const struct input *input, struct publisher *publisher, uint64_t offset, const void *end,
                         uint64_t size);
/* Bytes left to be read of a regular file, as far as is known. */
uint64_t input_left(const struct input *input);
/* How many messages end before @offset; counted in the file, if it can be. False if that is not
 * known, or an end was asked for meanwhile. */
bool input_count_before(const struct input *input, uint64_t offset, unsigned char delimiter, uint64_t *count);

/* "standard input" for "-". */
const char *input_label(const char *path);

#endif
