/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_CLI_UNITS_H
#define SHMQ_CLI_UNITS_H

#include <stdint.h>

/* Numbers as people read them. Each writes into @text, of UNITS_SIZE bytes, and returns it. */

enum { UNITS_SIZE = 32 };

/* What was moved, in powers of 1000: "4.5 MB". */
char *units_bytes(char *text, double bytes);
/* What takes room, in powers of 1024: "8 MiB". */
char *units_memory(char *text, uint64_t bytes);
/* As an option takes it, and exactly: "8M", "100K", "1001". */
char *units_size(char *text, uint64_t bytes);
/* "950", "12.3 k", "4.56 M". */
char *units_count(char *text, double count);
/* As an option takes it, and exactly: "50ms", "2s", "1.5ms". */
char *units_time(char *text, int64_t ns);
/* "1.23 s", "4 m 5 s", "2 h 3 m". */
char *units_duration(char *text, int64_t ns);

#endif
