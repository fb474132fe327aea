/* SPDX-License-Identifier: MIT */
#ifndef CONSUMER_COMMAND_LOOKUP_H
#define CONSUMER_COMMAND_LOOKUP_H

#include <stddef.h>

/*
 * Checks whether the shell would find the command, so that a mistyped name is noticed before any message is
 * leased. Only a plain name or path is looked up; anything that the shell has to expand or parse counts as found.
 */

enum command_lookup {
    COMMAND_FOUND, /* or not checked */
    COMMAND_MISSING,
    COMMAND_NOT_EXECUTABLE,
};

/*
 * Looks up the first word of @text as '/bin/sh -c @text' would in this directory and environment.
 *
 * @word    receives its start in @text
 * @length  receives its length in bytes
 */
enum command_lookup command_lookup(const char *text, const char **word, size_t *length);

#endif
