/* SPDX-License-Identifier: MIT */
#ifndef CONSUMER_COMMAND_LOOKUP_H
#define CONSUMER_COMMAND_LOOKUP_H

#include <stddef.h>

/*
 * Whether a shell would find what a command begins with, so that a mistyped name is noticed before a message is
 * taken. Only a plain name or path can be looked up; whatever a shell has to expand or to parse is left to it.
 */

enum command_lookup {
    COMMAND_FOUND, /* or nothing is known about it */
    COMMAND_MISSING,
    COMMAND_NOT_EXECUTABLE,
};

/*
 * Looks up the first word of @text, as '/bin/sh -c @text' would in this folder and environment.
 *
 * @word  receives where it begins; @length how long it is
 */
enum command_lookup command_lookup(const char *text, const char **word, size_t *length);

#endif
