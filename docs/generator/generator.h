/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_GENERATOR_H
#define SHMQ_GENERATOR_H

#include "common/cli/option_table.h"

/* What is made of a program's table when the programs are installed. All of it goes to stdout. */

/* The manual page, in mdoc, of the program that say_program() names; @date as "January 2, 2026". */
void manual_print(const struct option_table *table, const char *date);

/* The completion of its options; false: of an unknown shell. */
bool completion_print(const struct option_table *table, const char *shell);

#endif
