/* SPDX-License-Identifier: MIT */
#ifndef MONITOR_TOP_TEXT_H
#define MONITOR_TOP_TEXT_H

#include <stdint.h>

/* Numbers as short as a column is wide. Each function writes to @text, of TEXT_SIZE bytes, and returns it. */

enum { TEXT_SIZE = 32 };

/* "0.2 s", "45 s", "12 m", "30 h", "9 d": at most 6 columns; negative, which means unknown: "-". */
char *text_time(char *text, int64_t ns);
/* "<1 ms", "3 ms", "1.2 s": the same for milliseconds, which are shown where there are few. */
char *text_milliseconds(char *text, uint64_t ms);
/* "950", "12.3 k": at most 6 columns; something less than 1 a second: "<1". */
char *text_rate(char *text, double per_second);

#endif
