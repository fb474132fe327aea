/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_GENERATOR_H
#define SHMQ_GENERATOR_H

#include "common/cli/option_table.h"

/* What is made of a program's table when the programs are installed. All of it goes to stdout. */

/* The manual page, in mdoc, of the program that say_program() names; @date as "January 2, 2026". */
/* @more  prints further sections; NULL: there are none */
void manual_print(const struct option_table *table, const char *date, void (*more)(void));
/* Prints paragraphs of plain text. */
void manual_text(const char *text);
/* The monitor's section about the fields of JSON and the metrics. */
void fields_print(void);

/* The completion of its options; false: of an unknown shell. */
bool completion_print(const struct option_table *table, const char *shell);

#endif
