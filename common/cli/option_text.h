/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_CLI_OPTION_TEXT_H
#define SHMQ_CLI_OPTION_TEXT_H

#include "common/cli/option_table.h"

/*
 * Texts of an option table with the placeholders for program names expanded. The caller frees each result. Without
 * memory, the program exits with EXIT_FAILED.
 */

/* Replaces {self} by say_program() and {prefix} by say_prefix(). */
char *option_text_expand(const char *text);
/* An option's help. If the option applies to some verbs only, their names come first. */
char *option_text_help(const struct option_table *table, const struct option_entry *entry);

#endif
