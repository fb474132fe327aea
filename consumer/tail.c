/* SPDX-License-Identifier: MIT */
#include "consumer/tail.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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

/* The longest that one of the messages may have left. */
static size_t longest_cut(const struct framing *framing, const struct shmq_message *messages, size_t count)
{
    size_t longest = 0;

    for (size_t i = 0; i < count; i++) {
        if (messages[i].redelivered && framing->prefix_length + messages[i].length > longest)
            longest = framing->prefix_length + messages[i].length;
    }
    return longest;
}

/* @end is what the file ends with, and no delimiter: from where a message begins with the rest of it. */
static size_t match_cut(const unsigned char *end, size_t length, bool whole, const struct framing *framing,
                        const struct shmq_message *messages, size_t count)
{
    const unsigned char *delimiter = memrchr(end, framing->delimiter, length);
    const unsigned char *cut = delimiter ? delimiter + 1 : end;

    if (!delimiter && !whole)
        return 0;
    length -= (size_t)(cut - end);
    for (size_t i = 0; i < count; i++) {
        if (messages[i].redelivered && begins_with(framing, &messages[i], cut, length))
            return length;
    }
    return 0;
}

/* Bytes at the end of the file that are the beginning of one of the messages; 0 if that cannot be said. */
static size_t find_cut(int tail_fd, off_t size, const struct framing *framing, const struct shmq_message *messages,
                       size_t count)
{
    const size_t most = longest_cut(framing, messages, count) + 1;
    const size_t length = (uint64_t)size < most ? (size_t)size : most;
    unsigned char *end = most > 1 ? malloc(length) : NULL;
    size_t cut = 0;

    if (end && pread(tail_fd, end, length, size - (off_t)length) == (ssize_t)length)
        cut = match_cut(end, length, (off_t)length == size, framing, messages, count);
    free(end);
    return cut;
}

/* Where the last delimiter before @size ends; @least if there is none behind that. */
static off_t find_end(int tail_fd, off_t size, off_t least, unsigned char delimiter)
{
    unsigned char part[4096];

    while (size > least) {
        const size_t length = size - least < (off_t)sizeof(part) ? (size_t)(size - least) : sizeof(part);
        const unsigned char *found;

        if (pread(tail_fd, part, length, size - (off_t)length) != (ssize_t)length)
            return -1;
        found = memrchr(part, delimiter, length);
        if (found)
            return size - (off_t)length + (found + 1 - part);
        size -= (off_t)length;
    }
    return least;
}

/* What follows is written at the new end, also by others that share the description. */
static bool take_back(int fd, off_t size)
{
    if (ftruncate(fd, size) < 0)
        return false;
    return (fcntl(fd, F_GETFL) & O_APPEND) != 0 || lseek(fd, size, SEEK_SET) == size;
}

int tail_mend(int fd, int tail_fd, off_t *size, enum tail_owner owner, const struct framing *framing,
              const struct shmq_message *messages, size_t count)
{
    unsigned char last;
    size_t cut;

    if (tail_fd < 0 || *size == 0 || pread(tail_fd, &last, 1, *size - 1) != 1 || last == framing->delimiter)
        return 0;
    cut = find_cut(tail_fd, *size, framing, messages, count);
    if (cut > 0 && take_back(fd, *size - (off_t)cut)) {
        *size -= (off_t)cut;
        return 0;
    }
    if (owner == TAIL_ANYBODY)
        return 0;
    if (write(fd, &framing->delimiter, 1) != 1)
        return -errno;
    *size += 1;
    return 0;
}

int tail_cut(int fd, int tail_fd, off_t *size, off_t ended, const struct framing *framing)
{
    const off_t end = *size > ended ? find_end(tail_fd, *size, ended, framing->delimiter) : *size;

    if (end < 0 || end == *size)
        return 0;
    if (!take_back(fd, end))
        return -errno;
    *size = end;
    return 0;
}

off_t tail_ended(int tail_fd, off_t size, const struct framing *framing)
{
    unsigned char last;

    return size == 0 || (pread(tail_fd, &last, 1, size - 1) == 1 && last == framing->delimiter) ? size : -1;
}
