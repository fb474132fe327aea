/* SPDX-License-Identifier: MIT */
#ifndef MONITOR_TOP_TEXT_H
#define MONITOR_TOP_TEXT_H

#include <stdint.h>

/* Numbers as short as a column is wide. Each function writes to @text, of TEXT_SIZE bytes, and returns it. */

enum { TEXT_SIZE = 32 };

/* "< 1 ms", "3 ms"; from a second on, as units_age has it. */
char *text_milliseconds(char *text, uint64_t ms);
/* "950", "12.3 k": at most 6 columns; something less than 1 a second: "<1". */
char *text_rate(char *text, double per_second);

#endif
