/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_CLI_UNITS_H
#define SHMQ_CLI_UNITS_H

#include <stdint.h>

/* Numbers in human-readable form. Each function writes to @text, of UNITS_SIZE bytes, and returns it. */

enum { UNITS_SIZE = 32 };

/* An amount of data, in powers of 1000: "4.5 MB". */
char *units_bytes(char *text, double bytes);
/* An amount of memory, in powers of 1024: "8 MiB". */
char *units_memory(char *text, uint64_t bytes);
/* The exact size, as an option takes it: "8M", "100K", "1001". */
char *units_size(char *text, uint64_t bytes);
/* "950", "12.3 k", "4.56 M". */
char *units_count(char *text, double count);
/* The exact time, as an option takes it: "50ms", "2s", "1.5ms". */
char *units_time(char *text, int64_t ns);
/* What a noun ends with after @count: "" or "s". */
static inline const char *units_plural(uint64_t count)
{
    return count == 1 ? "" : "s";
}
/* "1.23 s", "4 m 5 s", "2 h 3 m". */
char *units_duration(char *text, int64_t ns);
/* The same of a time in whole milliseconds, rounded down: "< 1 ms" below 1. */
char *units_milliseconds(char *text, uint64_t ms);
/*
 * An age, rounded to one unit: "0.4 s", "99 s", "2 m", "47 h", "5 d"; "-" if it is negative, which means unknown.
 * At most 6 columns, but for more than 27 years.
 */
char *units_age(char *text, int64_t ns);

#endif
