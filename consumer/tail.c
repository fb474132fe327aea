/* SPDX-License-Identifier: MIT */
#include "consumer/tail.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* Longer messages are not looked for: they keep their line. */
#define CUT_MAX 4096

/* Opened anew and not read-write: a fifo must have no reader in us, and the file may be write-only. */
int tail_open(const char *path, const struct stat *file)
{
    struct stat status;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

    if (fd >= 0 && fstat(fd, &status) == 0 && status.st_dev == file->st_dev && status.st_ino == file->st_ino)
        return fd;
    if (fd >= 0)
        close(fd);
    return -1;
}

static bool begins_with(const struct framing *framing, const struct shmq_message *message,
                        const unsigned char *cut, size_t length)
{
    size_t prefix = length < framing->prefix_length ? length : framing->prefix_length;

    if (length - prefix > message->length || memcmp(framing->prefix, cut, prefix) != 0)
        return false;
    return length == prefix || memcmp(message->data, cut + prefix, length - prefix) == 0;
}

/* Bytes at the end of the file that are the beginning of one of the messages; 0 if that cannot be said. */
static size_t find_cut(int tail_fd, off_t size, const struct framing *framing, const struct shmq_message *messages,
                       size_t count)
{
    unsigned char end[CUT_MAX];
    size_t length = size < CUT_MAX ? (size_t)size : CUT_MAX;
    const unsigned char *delimiter;
    const unsigned char *cut = end;

    if (pread(tail_fd, end, length, size - (off_t)length) != (ssize_t)length)
        return 0;
    delimiter = memrchr(end, framing->delimiter, length);
    if (delimiter)
        cut = delimiter + 1;
    else if ((off_t)length < size)
        return 0;
    length -= (size_t)(cut - end);
    for (size_t i = 0; i < count; i++) {
        if (messages[i].redelivered && begins_with(framing, &messages[i], cut, length))
            return length;
    }
    return 0;
}

int tail_mend(int fd, int tail_fd, off_t *size, const struct framing *framing, const struct shmq_message *messages,
              size_t count)
{
    unsigned char last;
    size_t cut;

    if (tail_fd < 0 || *size == 0 || pread(tail_fd, &last, 1, *size - 1) != 1 || last == framing->delimiter)
        return 0;
    cut = find_cut(tail_fd, *size, framing, messages, count);
    if (cut > 0 && ftruncate(fd, *size - (off_t)cut) == 0) {
        *size -= (off_t)cut;
        return 0;
    }
    if (write(fd, &framing->delimiter, 1) != 1)
        return -errno;
    *size += 1;
    return 0;
}
