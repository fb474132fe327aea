/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_PRODUCER_INPUT_H
#define SHMQ_PRODUCER_INPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "producer/publisher.h"

/* The part of a file to read. */
struct range {
    uint64_t begin;
    uint64_t end;   /* UINT64_MAX: to the end of the file, even if it grows */
    uint64_t least; /* a file that ends before this has been truncated; 0: not known */
    uint64_t base;  /* bytes of the source before begin: earlier ranges and the completed part of this one */
};

/* An input being read. Offsets count from the beginning of the file or of the data from the pipe. */
struct input {
    const char *path;
    const char *label; /* for messages */
    int fd;
    bool regular;
    uint64_t begin;
    uint64_t offset; /* of the next byte to read */
    uint64_t end;
    uint64_t least; /* as in its range */
    uint64_t base;
    uint64_t size; /* size of a regular file when it was opened */
};

/* Opens @path ("-" is stdin) and seeks to the beginning of @range. Reports a failure. */
enum flow input_open(struct input *input, struct publisher *publisher, const char *path, struct range range);
/*
 * Reads at most @size bytes; waits until there are some. Updates the status line meanwhile.
 *
 * @got  receives how many; 0: end of the input
 *
 * Return: FLOW_CONTINUE; FLOW_END when a stop was requested; FLOW_FAILED.
 */
enum flow input_read(struct input *input, struct publisher *publisher, void *buffer, size_t size, size_t *got);
/*
 * Closes the input. Bytes from @unused on were read but not put. If stdin is seekable, it is set back to @unused,
 * so that the next program can read them. Otherwise they are lost. After a signal that is a failure, because exit
 * status 0 means that everything read is in the queue. Returns @flow, or FLOW_FAILED in that case.
 */
enum flow input_close(struct input *input, struct publisher *publisher, uint64_t unused, enum flow flow);

/* Calls publisher_set_mark for @offset of the input; the last @size bytes before it end at @end. */
enum flow input_set_mark(const struct input *input, struct publisher *publisher, uint64_t offset, const void *end,
                         uint64_t size);
/* Number of bytes left to read of a regular file, going by its size when it was opened. */
uint64_t input_left(const struct input *input);
/* Counts the messages that end before @offset. False if the input is not seekable or a stop was requested. */
bool input_count_before(const struct input *input, uint64_t offset, unsigned char delimiter, uint64_t *count);

/* "standard input" for "-". */
const char *input_label(const char *path);

#endif
