/* SPDX-License-Identifier: MIT */
#include "consumer/lane_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "consumer/deadline.h"

#define TURN_BYTE ((off_t)1 << 62)
#define FIRST_STREAM_BYTE (TURN_BYTE + 1)
#define STREAM_BYTES (((uint64_t)1 << 62) - 2)
/* How long to wait for another stream's consumers: those of a removed queue need a moment to notice. */
#define CLAIM_NS INT64_C(1000000000)
#define CLAIM_PAUSE_NS INT64_C(5000000)

static int kind_error(mode_t mode)
{
    if (S_ISREG(mode))
        return 0;
    return S_ISDIR(mode) ? -EISDIR : -ESPIPE;
}

static int access_error(const char *path, int mode)
{
    return faccessat(AT_FDCWD, path, mode, AT_EACCESS) < 0 ? -errno : 0;
}

/* Whether a file can be created in the directory of @path. */
static int directory_error(const char *path)
{
    const char *slash = strrchr(path, '/');
    char *directory = slash ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");
    int error = directory ? access_error(directory, W_OK | X_OK) : -ENOMEM;

    free(directory);
    return error;
}

int lane_file_check(const char *path)
{
    struct stat status;

    if (stat(path, &status) == 0) {
        int error = kind_error(status.st_mode);

        return error < 0 ? error : access_error(path, R_OK | W_OK);
    }
    return errno == ENOENT ? directory_error(path) : -errno;
}

/* Calls stat before open, because opening a FIFO affects its other end. Shared locks need a readable descriptor.
 */
static int open_regular(struct lane_file *file, const char *path)
{
    struct stat status;

    if (stat(path, &status) == 0 && kind_error(status.st_mode) < 0)
        return kind_error(status.st_mode);
    do {
        file->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0666);
    } while (file->fd < 0 && errno == EINTR && !stop_requested);
    if (file->fd < 0 || fstat(file->fd, &status) < 0)
        return -errno;
    file->device = status.st_dev;
    file->inode = status.st_ino;
    return kind_error(status.st_mode);
}

static int set_lock(int fd, int command, short type, off_t start, off_t length)
{
    struct flock lock = {.l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = length};

    return fcntl(fd, command, &lock) < 0 ? -errno : 0;
}

/* @length 0: to the end of the range of offsets. */
static bool is_locked(int fd, off_t start, off_t length)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = start, .l_len = length};

    return fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

/*
 * Claims the file for @stream, unless another stream has claimed it. It locks first and checks second, so that of
 * two streams that do so at once at least one sees the other.
 */
static int claim_once(struct lane_file *file, uint64_t stream)
{
    off_t byte = FIRST_STREAM_BYTE + (off_t)(stream % STREAM_BYTES);
    int error = set_lock(file->fd, F_OFD_SETLK, F_RDLCK, byte, 1);

    if (error == -EAGAIN || error == -EACCES)
        return -EBUSY;
    file->lockable = error == 0;
    if (!file->lockable)
        return 0;
    if ((byte == FIRST_STREAM_BYTE || !is_locked(file->fd, FIRST_STREAM_BYTE, byte - FIRST_STREAM_BYTE)) &&
        !is_locked(file->fd, byte + 1, 0))
        return 0;
    set_lock(file->fd, F_OFD_SETLK, F_UNLCK, byte, 1);
    return -EBUSY;
}

static int claim(struct lane_file *file, uint64_t stream)
{
    int64_t deadline = deadline_after(CLAIM_NS);

    for (;;) {
        int error = claim_once(file, stream);

        if (error != -EBUSY || stop_now_ns() >= deadline)
            return error;
        if (stop_requested)
            return -EINTR;
        stop_sleep_until(deadline_after(CLAIM_PAUSE_NS));
    }
}

int lane_file_open(struct lane_file *file, const char *path, uint64_t stream)
{
    int error;

    *file = (struct lane_file){.fd = -1, .path = strdup(path)};
    error = file->path ? open_regular(file, path) : -ENOMEM;
    if (error == 0)
        error = claim(file, stream);
    if (error < 0)
        lane_file_close(file);
    return error;
}

int lane_file_begin_turn(const struct lane_file *file, enum lane_file_turn turn)
{
    if (!file->lockable)
        return 0;
    if (turn == TURN_CUT)
        return set_lock(file->fd, F_OFD_SETLK, F_WRLCK, TURN_BYTE, 1) < 0 ? -EAGAIN : 0;
    while (set_lock(file->fd, F_OFD_SETLKW, F_RDLCK, TURN_BYTE, 1) == -EINTR) {
        if (stop_requested)
            return -EINTR;
    }
    return 0;
}

void lane_file_end_turn(const struct lane_file *file)
{
    if (file->lockable)
        set_lock(file->fd, F_OFD_SETLK, F_UNLCK, TURN_BYTE, 1);
}

int lane_file_verify(struct lane_file *file, uint64_t end)
{
    struct stat status;

    if (stat(file->path, &status) < 0)
        return errno == ENOENT || errno == ENOTDIR ? -ESTALE : -errno;
    if (status.st_dev != file->device || status.st_ino != file->inode)
        return -ESTALE;
    if (end < file->end)
        end = file->end;
    if ((uint64_t)status.st_size < end)
        return -ESTALE;
    file->end = end;
    return 0;
}

int lane_file_close(struct lane_file *file)
{
    int error = file->fd >= 0 && close(file->fd) < 0 && errno != EINTR ? -errno : 0;

    free(file->path);
    *file = (struct lane_file){.fd = -1};
    return error;
}
