/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_MONITOR_SAVED_FILE_H
#define SHMQ_MONITOR_SAVED_FILE_H

#include <limits.h>
#include <stdbool.h>

/*
 * A file that gets its name only when it is complete and on disk. Until then it has none, so nothing is left of it
 * if this process is killed; where the file system does not know such files, it has another name in the same
 * folder. One that replaces another has such a name for a moment at the end.
 */
struct saved_file {
    const char *path;
    int fd;
    char temporary[PATH_MAX]; /* name, until it gets its own; "": it has none */
};

/* Return: 0; negative errno. */
int saved_file_begin(struct saved_file *file, const char *path);
/* A path by which it can be opened now. Valid until the next call. */
const char *saved_file_now(const struct saved_file *file);
/* Gives it its name. @replace: even if there is a file of that name. Return: 0; -EEXIST; negative errno. */
int saved_file_finish(struct saved_file *file, bool replace);
/* Closes it, and removes what has not got its name. */
void saved_file_end(struct saved_file *file);

#endif
