/* SPDX-License-Identifier: MIT */
#include "common/kernel/byte_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

static int lock_command(int fd, int command, short type, uint64_t offset, struct flock *lock)
{
    *lock = (struct flock){.l_type = type, .l_whence = SEEK_SET, .l_start = (off_t)offset, .l_len = 1};
    while (fcntl(fd, command, lock) != 0)
        if (errno != EINTR)
            return -errno;
    return 0;
}

static int try_lock(int fd, short type, uint64_t offset)
{
    struct flock lock;
    const int error = lock_command(fd, F_OFD_SETLK, type, offset, &lock);
    return error == -EACCES ? -EAGAIN : error;
}

int byte_lock_try(int fd, uint64_t offset)
{
    return try_lock(fd, F_WRLCK, offset);
}

int byte_lock_try_shared(int fd, uint64_t offset)
{
    return try_lock(fd, F_RDLCK, offset);
}

void byte_lock_release(int fd, uint64_t offset)
{
    struct flock lock;
    (void)lock_command(fd, F_OFD_SETLK, F_UNLCK, offset, &lock);
}

bool byte_lock_find(int fd, uint64_t offset, uint64_t bytes, uint64_t *at)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = (off_t)offset, .l_len = (off_t)bytes};
    int result;
    do
        result = fcntl(fd, F_OFD_GETLK, &lock);
    while (result != 0 && errno == EINTR);
    *at = result == 0 ? (uint64_t)lock.l_start : offset;
    return result != 0 || lock.l_type != F_UNLCK;
}

bool byte_lock_held_from(int fd, uint64_t offset)
{
    uint64_t at;
    return byte_lock_find(fd, offset, 0, &at); /* to the end of all files */
}

bool byte_lock_held(int fd, uint64_t offset)
{
    struct flock lock;
    return lock_command(fd, F_OFD_GETLK, F_WRLCK, offset, &lock) != 0 || lock.l_type != F_UNLCK;
}
