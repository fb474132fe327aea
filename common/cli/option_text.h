/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_CLI_OPTION_TEXT_H
#define SHMQ_CLI_OPTION_TEXT_H

#include "common/cli/option_table.h"

/*
 * The texts of a table as they are read: with the names of programs in them. Each is the caller's to free; without
 * memory, the program ends with EXIT_FAILED.
 */

/* {self} is say_program(), {prefix} say_prefix(). */
char *option_text_named(const char *text);
/* An option's help, after the verbs that it goes with, if there are any. */
char *option_text_help(const struct option_table *table, const struct option_entry *entry);

#endif
