/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_MONITOR_TEXTFILE_H
#define SHMQ_MONITOR_TEXTFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/* Whether the name means standard output, as it does to other filters: "-". */
static inline bool textfile_is_stdout(const char *path)
{
    return strcmp(path, "-") == 0;
}

/*
 * Replaces a file, so that whoever opens it at any time reads the old or the new content as a whole.
 *
 * Crash:  the old file stays; beside it may stay one called @path with ".new" behind, which the next call uses.
 * Return: 0; a negative errno. -EBUSY: another process was writing it for some seconds. -EEXIST: what
 *         has this name is no plain file.
 */
int textfile_replace(const char *path, const char *text, size_t length);

#endif
