/* SPDX-License-Identifier: MIT */
#include "monitor/textfile.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cli/stop.h"
#include "monitor/replaceable.h"

#define PATIENCE_NS INT64_C(5000000000)
#define PAUSE_NS INT64_C(10000000)

static bool is_still(int fd, const char *path)
{
    struct stat opened;
    struct stat named;
    return fstat(fd, &opened) == 0 && stat(path, &named) == 0 && opened.st_ino == named.st_ino &&
           opened.st_dev == named.st_dev;
}

/*
 * Opens the file beside, which no other process writes then: the name is always the same, so that a killed process
 * leaves at most one. Return: the descriptor; a negative errno.
 */
static int open_beside(const char *path)
{
    const int64_t deadline = stop_now_ns() + PATIENCE_NS;
    for (;;) {
        int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0666);
        if (fd < 0)
            return -errno;
        const bool locked = flock(fd, LOCK_EX | LOCK_NB) == 0;
        const int error = locked ? 0 : errno;
        if (locked && is_still(fd, path)) /* another may just have renamed it */
            return fd;
        close(fd);
        if (!locked && error != EWOULDBLOCK)
            return -error;
        if (stop_now_ns() >= deadline || stop_requested != 0)
            return -EBUSY;
        stop_sleep_until(stop_now_ns() + PAUSE_NS);
    }
}

static int write_all(int fd, const char *text, size_t length)
{
    while (length > 0) {
        const ssize_t written = write(fd, text, length);
        if (written < 0 && errno != EINTR)
            return -errno;
        if (written > 0) {
            text += written;
            length -= (size_t)written;
        }
    }
    return 0;
}

/* What a crash of the machine leaves is whole, too: hence fsync. */
static int fill(int fd, const char *text, size_t length)
{
    if (ftruncate(fd, 0) != 0)
        return -errno;
    const int error = write_all(fd, text, length);
    return error == 0 && fsync(fd) != 0 ? -errno : error;
}

int textfile_replace(const char *path, const char *text, size_t length)
{
    char beside[PATH_MAX];
    if (!replaceable(path))
        return -EEXIST;
    if (snprintf(beside, sizeof(beside), "%s.new", path) >= (int)sizeof(beside))
        return -ENAMETOOLONG;
    const int fd = open_beside(beside);
    if (fd < 0)
        return fd;
    int error = fill(fd, text, length);
    if (error == 0 && rename(beside, path) != 0)
        error = -errno;
    if (error != 0)
        unlink(beside);
    close(fd);
    return error;
}
