/* SPDX-License-Identifier: MIT */
#include "producer/file_identity.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_SECOND INT64_C(1000000000)

enum { SUMS = 4 };

/* Odd, with about as many ones as zeros. */
static const uint64_t multipliers[SUMS] = {UINT64_C(0x9e3779b97f4a7c15), UINT64_C(0xbf58476d1ce4e5b9),
                                           UINT64_C(0x94d049bb133111eb), UINT64_C(0xd6e8feb86659fd93)};

int64_t file_time_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME_COARSE, &now);
    return now.tv_sec * NS_PER_SECOND + now.tv_nsec;
}

static int64_t time_ns(const struct statx_timestamp *time)
{
    return time->tv_sec * NS_PER_SECOND + time->tv_nsec;
}

static int facts_at(int fd, const char *path, int flags, struct file_facts *facts)
{
    struct statx found;
    if (statx(fd, path, flags, STATX_BASIC_STATS | STATX_BTIME, &found) != 0)
        return -errno;
    *facts = (struct file_facts){
        .device = makedev(found.stx_dev_major, found.stx_dev_minor),
        .inode = found.stx_ino,
        .size = found.stx_size,
        .links = found.stx_nlink,
        .mode = found.stx_mode,
        .born_ns = (found.stx_mask & STATX_BTIME) != 0 ? time_ns(&found.stx_btime) : 0,
        .changed_ns = time_ns(&found.stx_mtime),
    };
    return 0;
}

int file_facts_of(const char *path, struct file_facts *facts)
{
    return facts_at(AT_FDCWD, path, 0, facts);
}

int file_facts_of_open(int fd, struct file_facts *facts)
{
    return facts_at(fd, "", AT_EMPTY_PATH, facts);
}

__extension__ typedef unsigned __int128 product;

/* Both halves of a product depend on all bits of its factors. */
static inline uint64_t fold(uint64_t a, uint64_t b)
{
    const product all = (product)a * b;
    return (uint64_t)all ^ (uint64_t)(all >> 64);
}

/* Four sums side by side, since each multiplication waits for the one before it. */
static inline void add_block(uint64_t sums[SUMS], const uint64_t words[2 * SUMS])
{
    for (int i = 0; i < SUMS; i++)
        sums[i] = fold(words[2 * i] ^ multipliers[i], words[2 * i + 1] ^ sums[i]);
}

uint64_t file_sum(const void *data, size_t size)
{
    const unsigned char *next = data;
    uint64_t sums[SUMS] = {size, multipliers[3], multipliers[2], multipliers[1]};
    uint64_t words[2 * SUMS];
    for (; size >= sizeof(words); size -= sizeof(words), next += sizeof(words)) {
        memcpy(words, next, sizeof(words));
        add_block(sums, words);
    }
    if (size > 0) {
        memset(words, 0, sizeof(words));
        memcpy(words, next, size);
        add_block(sums, words);
    }
    return fold(sums[0] ^ sums[2] ^ multipliers[0], sums[1] ^ sums[3] ^ multipliers[1]);
}

static bool read_all(int fd, uint64_t offset, void *buffer, size_t size)
{
    size_t filled = 0;
    while (filled < size) {
        const ssize_t got = pread(fd, (char *)buffer + filled, size - filled, (off_t)(offset + filled));
        if (got == 0 || (got < 0 && errno != EINTR))
            return false;
        filled += got > 0 ? (size_t)got : 0;
    }
    return true;
}

bool file_read_mark(int fd, uint64_t offset, void *mark)
{
    const size_t bytes = file_mark_bytes(offset);
    return read_all(fd, offset - bytes, mark, bytes);
}

bool file_identity_read_head(struct file_identity *identity, int fd, uint64_t length)
{
    unsigned char head[FILE_HEAD_BYTES];
    const size_t bytes = length < FILE_HEAD_BYTES ? (size_t)length : FILE_HEAD_BYTES;
    if (!read_all(fd, 0, head, bytes))
        return false;
    identity->head_length = bytes;
    identity->head_sum = file_sum(head, bytes);
    return true;
}

bool file_has_content(int fd, const struct file_identity *identity, uint64_t offset, uint64_t mark)
{
    struct file_identity found = {0};
    unsigned char bytes[FILE_MARK_BYTES];
    return file_identity_read_head(&found, fd, identity->head_length) && found.head_sum == identity->head_sum &&
           file_read_mark(fd, offset, bytes) && file_sum(bytes, file_mark_bytes(offset)) == mark;
}
