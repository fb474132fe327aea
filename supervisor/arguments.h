/* SPDX-License-Identifier: MIT */
#ifndef SUPERVISOR_ARGUMENTS_H
#define SUPERVISOR_ARGUMENTS_H

#include <stdbool.h>
#include <stddef.h>

/* A growing list of words, such as a command line; NULL-terminated once a word has been added. */
struct arguments {
    char **words;
    size_t count;
    size_t room;
};

/* Adds a copy of @word. Exits if memory runs out. */
void arguments_add(struct arguments *arguments, const char *word);
void arguments_add_all(struct arguments *arguments, const struct arguments *more);
/* Adds a formatted word. */
void arguments_format(struct arguments *arguments, const char *format, ...) __attribute__((format(printf, 2, 3)));
/*
 * Splits @text into words at blanks, heeding quotes and backslashes as a shell does, but without expansion.
 * Returns false, and adds nothing, if a quote is not closed.
 */
bool arguments_split(struct arguments *arguments, const char *text);
/* Whether the list contains @word. */
bool arguments_have(const struct arguments *arguments, const char *word);
void arguments_free(struct arguments *arguments);

#endif
