/* SPDX-License-Identifier: MIT */
#include "consumer/file_end.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CHUNK_BYTES ((size_t)64 * 1024)

/* The rest of the file's end, read in chunks. */
struct rest {
    int fd;
    off_t offset;  /* of the first byte after the chunk */
    uint64_t left; /* bytes after the chunk */
    size_t used;   /* bytes of the chunk already compared */
    size_t length; /* bytes in the chunk */
    unsigned char chunk[CHUNK_BYTES];
};

static bool is_same_file(int fd, int other)
{
    struct stat status;
    struct stat other_status;

    return fstat(fd, &status) == 0 && fstat(other, &other_status) == 0 && status.st_dev == other_status.st_dev &&
           status.st_ino == other_status.st_ino;
}

int file_end_open(int fd, const char *path)
{
    const int flags = O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
    char own[32];
    int read_fd;

    snprintf(own, sizeof(own), "/proc/self/fd/%d", fd);
    read_fd = open(own, flags);
    if (read_fd < 0 && path)
        read_fd = open(path, flags);
    if (read_fd >= 0 && !is_same_file(fd, read_fd)) {
        close(read_fd);
        read_fd = -1;
    }
    return read_fd;
}

bool file_end_is_next(int fd, off_t size)
{
    return (fcntl(fd, F_GETFL) & O_APPEND) != 0 || lseek(fd, 0, SEEK_CUR) == size;
}

static bool read_chunk(struct rest *rest)
{
    const size_t wanted = rest->left < CHUNK_BYTES ? (size_t)rest->left : CHUNK_BYTES;
    const ssize_t got = pread(rest->fd, rest->chunk, wanted, rest->offset);

    if (got <= 0)
        return false;
    rest->offset += got;
    rest->left -= (uint64_t)got;
    rest->used = 0;
    rest->length = (size_t)got;
    return true;
}

static bool is_at_end(const struct rest *rest)
{
    return rest->left == 0 && rest->used == rest->length;
}

/* Whether the file continues with @data or ends within it. */
static bool continues_with(struct rest *rest, const void *data, size_t length)
{
    const unsigned char *expected = data;

    while (length > 0 && !is_at_end(rest)) {
        size_t step;

        if (rest->used == rest->length && !read_chunk(rest))
            return false;
        step = rest->length - rest->used < length ? rest->length - rest->used : length;
        if (memcmp(rest->chunk + rest->used, expected, step) != 0)
            return false;
        rest->used += step;
        expected += step;
        length -= step;
    }
    return true;
}

bool file_end_matches(int read_fd, off_t offset, uint64_t length, const struct framing *framing,
                      const struct shmq_message *messages, size_t count)
{
    struct rest rest = {.fd = read_fd, .offset = offset, .left = length};
    unsigned char added[FRAMING_OVERHEAD_MAX];

    for (size_t i = 0; i < count && !is_at_end(&rest); i++) {
        if (!continues_with(&rest, added, framing_before(framing, &messages[i], added)) ||
            !continues_with(&rest, messages[i].data, messages[i].length) ||
            !continues_with(&rest, added, framing_after(framing, &messages[i], added)))
            return false;
    }
    return is_at_end(&rest);
}

int file_end_cut(int fd, off_t size, off_t end)
{
    struct stat status;

    if (fstat(fd, &status) < 0)
        return -errno;
    if (status.st_size != size)
        return -EAGAIN;
    if (ftruncate(fd, end) < 0)
        return -errno;
    return lseek(fd, end, SEEK_SET) < 0 ? -errno : 0;
}
