/* SPDX-License-Identifier: MIT */
#ifndef MONITOR_TOP_CAPABILITIES_H
#define MONITOR_TOP_CAPABILITIES_H

#include <stddef.h>

/* What the terminal can do, by terminfo. */

/* Return: NULL if the full screen can be used; else why not. */
const char *capabilities_refusal(void);

/*
 * Writes what puts the terminal back, for a handler, which cannot call ncurses. Call it once ncurses has been
 * started. Return: the bytes written to @text, at most @size.
 */
size_t capabilities_restoring(char *text, size_t size);

#endif
