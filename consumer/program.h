/* SPDX-License-Identifier: MIT */
#ifndef CONSUMER_PROGRAM_H
#define CONSUMER_PROGRAM_H

#include <stdbool.h>
#include <stddef.h>

#include "consumer/command.h"

/* What is run for a message: a program with its arguments, or a shell with a command line. */

struct program {
    char *const *words;                     /* PROGRAM, ARG...; NULL: the shell */
    bool substitutes;                       /* {} in a word is the message */
    struct command_call call;               /* of the current message */
    const char *shell[COMMAND_SHELL_WORDS]; /* its arguments */
    char **split;                           /* the words of a text, which stand in text */
    char **arguments;                       /* of the current message, which stand in text */
    char *text;
    size_t text_bytes;
};

/*
 * Makes a program of words that end with NULL, the first not empty. They must live as long as the program.
 * Return: 0; -ENOMEM.
 */
int program_of_words(struct program *program, char *const *words);
/* Makes a program of a text without shell syntax, cut at blanks. Return: 0; -ENOMEM. */
int program_of_text(struct program *program, const char *text);
/* Makes '/bin/sh -c @text'. */
void program_of_shell(struct program *program, const char *text);
void program_free(struct program *program);

/*
 * Prepares program->call for a message: replaces each {} in the arguments (not in the program's name) by it.
 *
 * Return: 0; -EILSEQ: the message has a NUL byte and cannot be an argument; -E2BIG: it is too long for one;
 *         -ENOMEM.
 */
int program_prepare(struct program *program, const void *message, size_t length);

#endif
