/* SPDX-License-Identifier: MIT */
#include "consumer/record_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "common/cli/stop.h"

const struct record_range record_lock_all = {0, 0};
const struct record_range record_lock_pipe_turns = {0, RECORD_LOCK_PRESENCE};

static struct flock lock_of(short type, struct record_range range)
{
    return (struct flock){.l_type = type, .l_whence = SEEK_SET, .l_start = range.start, .l_len = range.length};
}

int record_lock_take(int fd, struct record_range range)
{
    struct flock lock = lock_of(F_WRLCK, range);

    while (fcntl(fd, F_SETLKW, &lock) < 0) {
        if (errno != EINTR)
            return -errno;
        if (stop_requested)
            return -EINTR;
    }
    return 0;
}

void record_lock_drop(int fd, struct record_range range)
{
    struct flock lock = lock_of(F_UNLCK, range);

    (void)fcntl(fd, F_SETLK, &lock);
}

int record_lock_try(int fd, struct record_range range)
{
    struct flock lock = lock_of(F_WRLCK, range);

    if (fcntl(fd, F_SETLK, &lock) == 0)
        return 0;
    return errno == EACCES ? -EAGAIN : -errno;
}

bool record_lock_is_held(int fd, struct record_range range)
{
    struct flock lock = lock_of(F_WRLCK, range);

    return fcntl(fd, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}
