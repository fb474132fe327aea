/* SPDX-License-Identifier: MIT */
#include "common/cli/pseudo_file.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

/* The second fstat excludes a file that is being written or truncated at this moment: its size changes. */
bool file_is_pseudo(int fd)
{
    char byte;
    struct stat before;
    struct stat now;
    if (fstat(fd, &before) != 0 || !S_ISREG(before.st_mode))
        return false;
    const off_t last = before.st_size > 0 ? before.st_size - 1 : 0;
    const ssize_t got = pread(fd, &byte, 1, last);
    const bool differs = before.st_size > 0 ? got == 0 : got > 0 || (got < 0 && errno == EAGAIN);
    return differs && fstat(fd, &now) == 0 && now.st_size == before.st_size;
}
