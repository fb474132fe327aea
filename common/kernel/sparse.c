/* SPDX-License-Identifier: MIT */
#include "common/kernel/sparse.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define UNIT_BYTES 4096u /* zeros are left out in units of this size */

uint64_t sparse_next_data(int fd, uint64_t offset, uint64_t end)
{
    const off_t found = lseek(fd, (off_t)offset, SEEK_DATA);
    if (found < 0)
        return errno == ENXIO ? end : offset; /* it knows no holes */
    const uint64_t at = (uint64_t)found - (uint64_t)found % UNIT_BYTES;
    return at > end ? end : at > offset ? at : offset;
}

uint64_t sparse_read(int fd, void *to, uint64_t bytes, uint64_t offset)
{
    uint64_t done = 0;
    while (done < bytes) {
        const ssize_t got = pread(fd, (unsigned char *)to + done, bytes - done, (off_t)(offset + done));
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            break;
        done += (uint64_t)got;
    }
    return done;
}

int sparse_write(int fd, const void *from, uint64_t bytes, uint64_t offset)
{
    uint64_t done = 0;
    while (done < bytes) {
        const ssize_t written =
            pwrite(fd, (const unsigned char *)from + done, bytes - done, (off_t)(offset + done));
        if (written < 0 && errno != EINTR)
            return -errno; /* System errors: -ENOSPC, -EFBIG. */
        if (written == 0)
            return -ENOSPC;
        done += written > 0 ? (uint64_t)written : 0;
    }
    return 0;
}

static bool is_zero(const unsigned char *at, uint64_t bytes)
{
    return at[0] == 0 && memcmp(at, at + 1, bytes - 1) == 0;
}

/* Writes the units that are not all zero, neighbours at once. */
static int write_units(int fd, const unsigned char *from, uint64_t bytes, uint64_t offset)
{
    uint64_t begin = 0; /* of those that are not written yet */
    int error = 0;
    for (uint64_t at = 0; error == 0 && at < bytes; at += UNIT_BYTES) {
        const uint64_t unit = bytes - at < UNIT_BYTES ? bytes - at : UNIT_BYTES;
        if (!is_zero(from + at, unit))
            continue;
        error = sparse_write(fd, from + begin, at - begin, offset + begin);
        begin = at + unit;
    }
    return error != 0 || begin >= bytes ? error : sparse_write(fd, from + begin, bytes - begin, offset + begin);
}

int sparse_copy(int from, int to, uint64_t offset, uint64_t end, uint64_t *done)
{
    unsigned char *piece = malloc(SPARSE_PIECE_BYTES);
    int error = piece == NULL ? -ENOMEM : 0;
    while (error == 0 && (offset = sparse_next_data(from, offset, end)) < end) {
        const uint64_t wanted = end - offset < SPARSE_PIECE_BYTES ? end - offset : SPARSE_PIECE_BYTES;
        const uint64_t got = sparse_read(from, piece, wanted, offset);
        error = write_units(to, piece, got, offset);
        offset += got;
        if (got < wanted)
            break;
    }
    free(piece);
    *done = offset;
    return error;
}
