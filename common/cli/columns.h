/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_CLI_COLUMNS_H
#define SHMQ_CLI_COLUMNS_H

#include <stddef.h>

/*
 * How wide a text is on a terminal, in the user's locale: a character may take several bytes, and none, one or two
 * columns.
 */

/* Replaces what the terminal would not show as text, such as a control character, by '?'. */
void columns_clean(char *text);

/* Return: the width of a text that is clean. */
size_t columns_of(const char *text);

/*
 * Cuts a clean text that is too wide: behind a word, with an ellipsis behind it ("..." where there is no UTF-8). A
 * word that does not fit by itself is cut.
 *
 * @size      of the memory at @text
 * @columns   the most that it may take
 * @kept      so many bytes at its beginning are not cut, if they fit
 */
void columns_cut(char *text, size_t size, size_t columns, size_t kept);

/*
 * Leaves out the middle of a name that is too wide, with an ellipsis there ('~' where there is no UTF-8): long
 * names often differ at their ends.
 *
 * @size      of the memory at @name
 * @columns   the most that it may take
 */
void columns_cut_middle(char *name, size_t size, size_t columns);

#endif
