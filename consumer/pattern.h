/* SPDX-License-Identifier: MIT */
#ifndef CONSUMER_PATTERN_H
#define CONSUMER_PATTERN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Names of files, one for each lane: "%l" stands for the lane's number, "%%" for a percent sign. */

/* False where it holds any other "%". */
bool pattern_is_valid(const char *pattern);
/* True if it is another name for each lane. */
bool pattern_has_lane(const char *pattern);
/* Writes the name for @lane to @name. Returns 0, or -ENAMETOOLONG if @size bytes are too few. */
int pattern_expand(const char *pattern, uint32_t lane, char *name, size_t size);

#endif
