/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_CLI_PARSE_H
#define SHMQ_CLI_PARSE_H

#include <stdint.h>

/* Parses numbers that users type. Each function returns 0, or -EINVAL or -ERANGE without changing @value. */

/* Bytes: 4096, 64K, 8M, 1G; powers of 1024; no fraction, no sign. */
int parse_size(const char *text, uint64_t *value);
/* Nanoseconds: 5, 0.5, 250us, 100ms, 2s, 3m, 1h; a bare number is seconds. */
int parse_duration(const char *text, int64_t *value_ns);
/* MIN[:MAX], two durations. MAX defaults to MIN; MAX < MIN is -EINVAL. */
int parse_duration_range(const char *text, int64_t *min_ns, int64_t *max_ns);
/* A whole number from @min to @max. */
int parse_count(const char *text, uint64_t min, uint64_t max, uint64_t *value);
/* A rate in events per second, > 0; fractions are allowed. */
int parse_rate(const char *text, double *value);
/* One byte: a character, or \n \t \r \0 \\ \xHH. */
int parse_delimiter(const char *text, unsigned char *value);

#endif
