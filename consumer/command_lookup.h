/* SPDX-License-Identifier: MIT */
#ifndef CONSUMER_COMMAND_LOOKUP_H
#define CONSUMER_COMMAND_LOOKUP_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Checks whether the shell would find the command, so that a mistyped name is noticed before any message is
 * leased. Only a plain name or path is looked up; anything that the shell has to expand or parse counts as found.
 */

enum command_lookup {
    COMMAND_FOUND,   /* or not checked: the shell has to run it */
    COMMAND_PROGRAM, /* no shell is needed: executing its words does the same */
    COMMAND_MISSING,
    COMMAND_NOT_EXECUTABLE,
};

/*
 * Whether a command line has anything that a shell may treat specially: true unless it consists of letters,
 * digits, blanks, bytes above 127 and @%_+:,./=-, and its first word has only such as are usual in a name. So
 * quotes, variables, globs, ~, #, !, braces, redirections, newlines and assignments all need a shell.
 */
bool command_has_shell_syntax(const char *text);

/*
 * Looks up a program as execvp does: in PATH, unless its name has a slash.
 * Return: COMMAND_PROGRAM, COMMAND_MISSING or COMMAND_NOT_EXECUTABLE.
 */
enum command_lookup command_lookup_program(const char *name);

/*
 * Looks up the first word of @text as '/bin/sh -c @text' would in this directory and environment. The
 * text is COMMAND_PROGRAM if it has no shell syntax and the shell says that its first word is a file, not a
 * builtin, function or reserved word. So is that of true and false, which the shells have built in: the files do
 * the same.
 *
 * @word    receives its start in @text
 * @length  receives its length in bytes
 */
enum command_lookup command_lookup(const char *text, const char **word, size_t *length);

#endif
