/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_CLI_OPTION_COMMON_H
#define SHMQ_CLI_OPTION_COMMON_H

#include "common/cli/option_table.h"
#include "common/cli/options.h"

/*
 * The sections that the tables of all programs have in common; they fill a struct common_options. A program hands
 * every option that it does not know to option_common_take.
 */

extern const struct option_section option_common_section;   /* -Q -v -q -h -V */
extern const struct option_section option_creating_section; /* --capacity and so on, heeded by who makes a queue */

/*
 * Takes one of OPTION_IS_OWN of these sections. -h and -V print to stdout and exit 0 (1 if stdout cannot be
 * written), -h the help of @table.
 */
void option_common_take(struct common_options *options, const struct option_table *table,
                        const struct option_entry *entry, const char *argument);

/* Whether an option is -V: a program may look at all the others before it takes it. */
bool option_is_version(const struct option_entry *entry);
/* Prints the version to stdout and exits 0, or 1 if it cannot. */
_Noreturn void option_print_version(void);

#endif
