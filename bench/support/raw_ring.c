/* SPDX-License-Identifier: MIT */
#include "bench/support/raw_ring.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

struct raw_ring *raw_ring;
unsigned char *raw_arena;

static int map_arena(int fd)
{
    if (ftruncate(fd, (off_t)RAW_CAPACITY_BYTES) != 0)
        return -errno;
    raw_arena = mmap(NULL, 2 * RAW_CAPACITY_BYTES, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (raw_arena == MAP_FAILED)
        return -errno;
    for (uint64_t i = 0; i < 2; i++)
        if (mmap(raw_arena + i * RAW_CAPACITY_BYTES, RAW_CAPACITY_BYTES, PROT_READ | PROT_WRITE,
                 MAP_SHARED | MAP_FIXED, fd, 0) == MAP_FAILED)
            return -errno;
    return 0;
}

int raw_ring_prepare(size_t size)
{
    (void)size;
    raw_ring = mmap(NULL, sizeof(*raw_ring), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (raw_ring == MAP_FAILED)
        return -errno;
    const int fd = memfd_create("raw", MFD_CLOEXEC);
    if (fd < 0)
        return -errno;
    const int error = map_arena(fd);
    (void)close(fd);
    return error;
}
