/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_CLI_TERMINAL_H
#define SHMQ_CLI_TERMINAL_H

#include <stdbool.h>
#include <stddef.h>

/* What a line that is redrawn in place has to know of its terminal. */

/* Whether this process may write there: a job in the background would write into what the user types. */
bool terminal_is_ours(int descriptor);
/* The present width; 80 if it is not known. */
size_t terminal_columns(int descriptor);

#endif
