/* SPDX-License-Identifier: MIT */
#ifndef CONSUMER_COMMAND_TEXT_H
#define CONSUMER_COMMAND_TEXT_H

/* A command as one line of text: one that a shell would run, without tabs and newlines. */

/*
 * The words of a program, quoted where a shell needs it. A word with control characters is in bash's form $'...'.
 *
 * Return: the text, to be freed; NULL: no memory.
 */
char *command_text_of_words(char *const *words);
/* A command line for a shell, with \n, \t and the like in place of control characters. Return: as above. */
char *command_text_of_line(const char *line);

#endif
