/* SPDX-License-Identifier: MIT */
#include "producer/split.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "common/cli/stop.h"

enum { CHUNK_BYTES = 64 * 1024 };

/*
 * Reads up to @size bytes. Returns how many, or -errno; -EINTR when a stop was requested, since a search may read
 * the whole file.
 */
static ssize_t read_chunk(int fd, unsigned char *buffer, uint64_t size, uint64_t at)
{
    ssize_t got;
    do {
        if (stop_requested != 0)
            return -EINTR;
        got = pread(fd, buffer, size < CHUNK_BYTES ? (size_t)size : CHUNK_BYTES, (off_t)at);
    } while (got < 0 && errno == EINTR);
    return got < 0 ? -errno : got;
}

/* Finds the first message that begins at @at or later: it follows the first delimiter from @at - 1 on. */
static int after_delimiter(int fd, uint64_t at, uint64_t size, unsigned char delimiter, uint64_t *boundary)
{
    unsigned char buffer[CHUNK_BYTES];
    for (uint64_t from = at - 1; from < size;) {
        const ssize_t got = read_chunk(fd, buffer, size - from, from);
        if (got < 0)
            return (int)got;
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

/* Finds the end of the last complete message in the first @size bytes; an incomplete one may still grow. */
static int last_delimiter(int fd, uint64_t size, unsigned char delimiter, uint64_t *boundary)
{
    unsigned char buffer[CHUNK_BYTES];
    uint64_t until = size;
    *boundary = 0;
    while (until > 0) {
        const uint64_t from = until > CHUNK_BYTES ? until - CHUNK_BYTES : 0;
        const ssize_t got = read_chunk(fd, buffer, until - from, from);
        if (got < 0)
            return (int)got;
        const unsigned char *found = memrchr(buffer, delimiter, (size_t)got);
        if (found != NULL) {
            *boundary = from + (uint64_t)(found - buffer) + 1;
            return 0;
        }
        until = from;
    }
    return 0;
}

static int find_whole(int fd, uint64_t size, const struct options *options, uint64_t *whole)
{
    if (options->framing == FRAMING_DELIMITER)
        return last_delimiter(fd, size, options->delimiter, whole);
    *whole = size - size % options->block_bytes;
    return 0;
}

/* Finds where part @index, counted from 0, begins in the @size bytes of whole messages. */
static int find_boundary(int fd, uint64_t size, const struct options *options, uint64_t index, uint64_t *boundary)
{
    const uint64_t parts = options->split_parts;
    const uint64_t at = size / parts * index + size % parts * index / parts;
    *boundary = 0;
    if (at == 0)
        return 0;
    if (options->framing == FRAMING_DELIMITER)
        return after_delimiter(fd, at, size, options->delimiter, boundary);
    const uint64_t up = (options->block_bytes - at % options->block_bytes) % options->block_bytes;
    *boundary = up < size - at ? at + up : size;
    return 0;
}

int split_range(int fd, uint64_t size, const struct options *options, struct range *range)
{
    uint64_t whole;
    int error = find_whole(fd, size, options, &whole);
    if (error == 0)
        error = find_boundary(fd, whole, options, options->split_part - 1, &range->begin);
    if (error != 0)
        return error;
    range->end = UINT64_MAX;
    range->least = size;
    if (options->split_part == options->split_parts)
        return 0;
    error = find_boundary(fd, whole, options, options->split_part, &range->end);
    range->least = range->end;
    return error;
}
