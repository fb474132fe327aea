/* SPDX-License-Identifier: MIT */
#ifndef CONSUMER_PATTERN_H
#define CONSUMER_PATTERN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Patterns for file names, one per lane: "%l" stands for the lane number, "%%" for a percent sign. */

/* False if it contains any other "%". */
bool pattern_is_valid(const char *pattern);
/* True if it contains "%l", so that each lane has a file of its own. */
bool pattern_has_lane(const char *pattern);
/* Writes the file name of @lane to @name. Returns 0, or -ENAMETOOLONG if it does not fit into @size bytes. */
int pattern_expand(const char *pattern, uint32_t lane, char *name, size_t size);

#endif
