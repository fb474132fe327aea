/* SPDX-License-Identifier: MIT */
#ifndef FUZZ_COMMAND_LINE_H
#define FUZZ_COMMAND_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/cli/options.h"
#include "tests/fuzz/support/fuzz.h"

/*
 * A program's reading of its options. It either takes a command line, or says in its way what is wrong with it and
 * exits with 2, or prints what it was asked to print and exits with 0.
 */

#define COMMAND_LINE_WORDS 64

/*
 * Runs @parse with the NUL-separated words of @data. A first word that begins with '=' is $SHMQ_QUEUE.
 * Return: whether it took them; else it has exited, and that was in order.
 */
bool command_line_run(const char *program, const uint8_t *data, size_t size, void (*parse)(int argc, char **argv));
/* The words end here; until then, what was read from them may point to them. */
void command_line_end(void);

/* What every program makes sure of. */
void command_line_judge(const struct common_options *options);
/* Fails unless the duration can be added to any clock. */
void command_line_judge_ns(int64_t ns);

#endif
