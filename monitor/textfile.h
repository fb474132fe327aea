/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_MONITOR_TEXTFILE_H
#define SHMQ_MONITOR_TEXTFILE_H

#include <stddef.h>

/*
 * Replaces a file, so that whoever opens it at any time reads the old or the new content as a whole.
 *
 * Crash:  the old file stays; beside it may stay one called @path with ".new" behind, which the next call uses.
 * Return: 0; a negative errno. -EBUSY: another process was writing it for some seconds. -EEXIST: what
 *         has this name is no plain file.
 */
int textfile_replace(const char *path, const char *text, size_t length);

#endif
