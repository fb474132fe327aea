/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_MONITOR_WATCH_H
#define SHMQ_MONITOR_WATCH_H

#include <stdio.h>

#include "monitor/options.h"

/* Looks once, and prints to @out. Returns the exit status; anything but EXIT_DONE ends the watch. */
typedef int watch_look(const struct options *options, FILE *out);

/*
 * Looks once or, with --watch, again and again until a signal asks for the end: a table on a terminal is drawn
 * again at the same place, whatever else is printed in blocks. Returns the exit status.
 */
int watch(const struct options *options, watch_look *look);

/* Return: how wide the screen is on which the watch draws; 0 if it draws on none: lines may have any width. */
unsigned watch_columns(const struct options *options);

#endif
