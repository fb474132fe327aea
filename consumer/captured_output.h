/* SPDX-License-Identifier: MIT */
#ifndef CONSUMER_CAPTURED_OUTPUT_H
#define CONSUMER_CAPTURED_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * What a command has written to one of its descriptors, kept until it is written out in one turn: in memory up to
 * CAPTURED_MEMORY_BYTES, beyond that in a temporary file without a name, in $TMPDIR or /tmp.
 */

#define CAPTURED_MEMORY_BYTES ((size_t)1024 * 1024)

struct captured_output {
    unsigned char *memory; /* what is not in the file yet: the end of the output */
    size_t used;
    size_t room;
    int fd;           /* of the temporary file; -1: none yet */
    uint64_t in_file; /* bytes */
};

/* Takes part of the output at a time. Return: 0; a negative errno, which ends the walk. */
typedef int captured_output_visitor(void *context, const void *data, size_t length);

void captured_output_init(struct captured_output *output);
void captured_output_free(struct captured_output *output);
/* Forgets what was captured. */
void captured_output_reset(struct captured_output *output);

static inline uint64_t captured_output_bytes(const struct captured_output *output)
{
    return output->in_file + output->used;
}

/* Whether the last byte, if it is in memory, is a newline. */
static inline bool captured_output_ends_line(const struct captured_output *output)
{
    return output->used > 0 && output->memory[output->used - 1] == '\n';
}

/*
 * Appends to what was captured.
 *
 * Return: 0; otherwise it is incomplete: -ENOMEM, or the error of the temporary file, such as -ENOSPC.
 */
int captured_output_add(struct captured_output *output, const void *data, size_t length);
/*
 * Appends what a non-blocking pipe holds at the moment, without a copy in between.
 *
 * @most   bytes to read, so that a fast command does not keep the caller from everything else
 * @ended  receives whether all writers have closed it
 *
 * Return: as captured_output_add; the error of read.
 */
int captured_output_read(struct captured_output *output, int pipe, size_t most, bool *ended);

/*
 * Hands out everything, from the beginning, in parts.
 *
 * Return: 0; what the visitor returned; the error of the temporary file.
 */
int captured_output_visit(struct captured_output *output, captured_output_visitor *visit, void *context);

/* Where the temporary files are: $TMPDIR if it is set and not empty, else /tmp. */
const char *captured_output_folder(void);

#endif
