/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_CLI_OPTION_COMMON_H
#define SHMQ_CLI_OPTION_COMMON_H

#include "common/cli/option_table.h"

/*
 * The sections that the tables of all programs have in common. Their entries bear the codes of options.h, so that
 * a program hands them to options_take_common.
 */

extern const struct option_section option_common_section;   /* -Q -v -q -h -V */
extern const struct option_section option_creating_section; /* --capacity and so on */

#endif
