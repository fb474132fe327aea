/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_CLI_OPTION_COMMON_H
#define SHMQ_CLI_OPTION_COMMON_H

#include "common/cli/option_table.h"
#include "common/cli/options.h"

/*
 * The sections that the tables of all programs share. They fill a struct common_options. A program passes every
 * option that it does not handle itself to option_common_take.
 */

extern const struct option_section option_common_section;   /* -Q -v -q -h -V */
extern const struct option_section option_creating_section; /* --capacity and so on, for creating a queue */

/*
 * Handles an option of these sections of kind OPTION_IS_OWN. -h prints the help of @table and -V the version to
 * stdout; both exit 0 (1 if stdout cannot be written).
 */
void option_common_take(struct common_options *options, const struct option_table *table,
                        const struct option_entry *entry, const char *argument);

/* Whether an option is -V. A program may postpone it until it has read all other options. */
bool option_is_version(const struct option_entry *entry);
/* Prints the version to stdout and exits: 0, or 1 if stdout cannot be written. */
_Noreturn void option_print_version(void);

#endif
