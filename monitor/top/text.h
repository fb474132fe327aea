/* SPDX-License-Identifier: MIT */
#ifndef MONITOR_TOP_TEXT_H
#define MONITOR_TOP_TEXT_H

/* Numbers as short as a column is wide, beside those of units.h. Writes to @text, of TEXT_SIZE bytes, and returns
 * it. */

enum { TEXT_SIZE = 32 };

/* "950", "12.3 k": at most 6 columns; something less than 1 a second: "<1". */
char *text_rate(char *text, double per_second);

#endif
