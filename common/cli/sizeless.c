/* SPDX-License-Identifier: MIT */
#include "common/cli/sizeless.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

/* One that is just being written, or cut short, has another size at the second look. */
bool file_is_sizeless(int fd)
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
