/* SPDX-License-Identifier: MIT */
#include "producer/split.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

/* The first offset after @at - 1 at which a message begins: behind the first delimiter from there on. */
static int after_delimiter(int fd, uint64_t at, uint64_t size, unsigned char delimiter, uint64_t *boundary)
{
    unsigned char buffer[64 * 1024];
    for (uint64_t from = at - 1; from < size;) {
        size_t wanted = size - from < sizeof(buffer) ? (size_t)(size - from) : sizeof(buffer);
        ssize_t got = pread(fd, buffer, wanted, (off_t)from);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -errno;
        if (got == 0)
            break;
        const unsigned char *found = memchr(buffer, delimiter, (size_t)got);
        if (found != NULL) {
            *boundary = from + (uint64_t)(found - buffer) + 1;
            return 0;
        }
        from += (uint64_t)got;
    }
    *boundary = size;
    return 0;
}

/* Where the messages of part @index, counted from 0, begin. */
static int find_boundary(int fd, uint64_t size, const struct options *options, uint64_t index, uint64_t *boundary)
{
    uint64_t parts = options->split_parts;
    uint64_t at = size / parts * index + size % parts * index / parts;
    if (at == 0 || index >= parts) {
        *boundary = index >= parts ? size : 0;
        return 0;
    }
    if (options->framing == FRAMING_DELIMITER)
        return after_delimiter(fd, at, size, options->delimiter, boundary);
    uint64_t up = (options->block_bytes - at % options->block_bytes) % options->block_bytes;
    *boundary = up < size - at ? at + up : size;
    return 0;
}

int split_range(int fd, uint64_t size, const struct options *options, struct range *range)
{
    int error = find_boundary(fd, size, options, options->split_part - 1, &range->begin);
    if (error == 0)
        error = find_boundary(fd, size, options, options->split_part, &range->end);
    return error;
}
