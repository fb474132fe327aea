/* SPDX-License-Identifier: MIT */
#ifndef FUZZ_CHILD_LINE_H
#define FUZZ_CHILD_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/cli/options.h"

/* What a producer or a consumer makes of a command line that a supervisor has made for it. */
struct child_line {
    bool taken; /* it would go to work */
    int status; /* else: with what it exits */
    char *said; /* on stderr; to be freed */
    struct common_options common;

    /* Of a producer. */
    const char *const *inputs; /* that were given */
    size_t input_count;
    char *const *words;
    size_t word_count;
    bool sends_words; /* there may be none */
    uint64_t part;    /* of the inputs */
    uint64_t parts;

    /* Of a consumer. */
    int sink; /* a sink_kind */
    const char *target;
};

/* Runs the program's own parser in this process. What it has taken may be looked at until the next call. */
void child_line_read(struct child_line *line, bool producer, size_t count, char *const *words);

/* Parts of it: they set what they know of @line, or exit. */
void child_line_of_producer(struct child_line *line, int argc, char **argv);
void child_line_of_consumer(struct child_line *line, int argc, char **argv);

#endif
