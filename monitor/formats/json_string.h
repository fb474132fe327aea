/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_MONITOR_JSON_STRING_H
#define SHMQ_MONITOR_JSON_STRING_H

#include <stddef.h>
#include <stdio.h>

/*
 * Writes a JSON string, with its quotes. Each byte that is not printable ASCII is one character, U+0000 to U+00FF:
 * what a damaged queue holds, or a program is called, stays valid JSON, whatever its encoding.
 */
void json_string(FILE *out, const char *text);
void json_string_of(FILE *out, const char *bytes, size_t length);

#endif
