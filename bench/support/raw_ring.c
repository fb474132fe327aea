/* SPDX-License-Identifier: MIT */
#include "bench/support/raw_ring.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#define PATIENCE 64
#define PAUSES 8

static int map_arena(struct raw_channel *raw, int fd, uint64_t bytes)
{
    if (ftruncate(fd, (off_t)bytes) != 0)
        return -errno;
    raw->arena = mmap(NULL, 2 * bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (raw->arena == MAP_FAILED)
        return -errno;
    for (uint64_t i = 0; i < 2; i++)
        if (mmap(raw->arena + i * bytes, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0) ==
            MAP_FAILED)
            return -errno;
    return 0;
}

int raw_prepare(struct channel *channel)
{
    struct raw_channel *raw = raw_of(channel);
    const uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
    uint64_t bytes = page;
    while (bytes < channel->plan->capacity_bytes)
        bytes *= 2;
    raw->cells = bytes / RAW_CELL_BYTES;
    raw->ring = mmap(NULL, sizeof(*raw->ring) + raw->cells * sizeof(raw->ring->lengths[0]), PROT_READ | PROT_WRITE,
                     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (raw->ring == MAP_FAILED)
        return -errno;
    const int fd = memfd_create("raw", MFD_CLOEXEC);
    if (fd < 0)
        return -errno;
    const int error = map_arena(raw, fd, bytes);
    (void)close(fd);
    return error;
}

int raw_send_each(struct channel *channel, struct source *source, uint64_t count)
{
    const struct raw_channel raw = *raw_of(channel);
    struct raw_side side = raw.side;
    const size_t size = source->size;
    const uint64_t cells = raw_cells_for(size);
    for (uint64_t i = 0; i < count; i++) {
        const void *message = source_take(source);
        raw_await_room(&raw, &side, cells);
        memcpy(raw_payload(&raw, side.next), message, size);
        raw.ring->lengths[raw_index(&raw, side.next)] = size;
        side.next += cells;
        atomic_store_explicit(&raw.ring->tail, side.next, memory_order_release);
    }
    raw_of(channel)->side = side;
    return 0;
}

int raw_receive_each(struct channel *channel, struct checker *checker, uint64_t count)
{
    const struct raw_channel raw = *raw_of(channel);
    struct raw_side side = raw.side;
    for (uint64_t i = 0; i < count; i++) {
        while (side.next == side.other) {
            side.other = atomic_load_explicit(&raw.ring->tail, memory_order_acquire);
            if (side.next == side.other)
                bench_relax();
        }
        const uint64_t length = raw.ring->lengths[raw_index(&raw, side.next)];
        checker_take(checker, raw_payload(&raw, side.next), length);
        side.next += raw_cells_for(length);
        atomic_store_explicit(&raw.ring->head, side.next, memory_order_release);
    }
    raw_of(channel)->side = side;
    return 0;
}

struct raw_portions raw_portions_of(const struct raw_channel *raw)
{
    const uint64_t told = raw->cells / 8 < 512 ? raw->cells / 8 : 512;
    const uint64_t gathered = raw->cells / 4 < 4096 ? raw->cells / 4 : 4096;
    return (struct raw_portions){.told = told, .gathered = gathered};
}

/* Waits for messages; while there are only a few, waits a little longer for more. */
static uint64_t await_tail(const struct raw_channel *raw, uint64_t next, uint64_t enough)
{
    for (int looks = 0;; looks++) {
        const uint64_t tail = atomic_load_explicit(&raw->ring->tail, memory_order_acquire);
        if (tail - next >= enough || (tail != next && looks >= PATIENCE))
            return tail;
        for (int i = 0; i < PAUSES; i++)
            bench_relax();
    }
}

int raw_receive_gathered(struct channel *channel, struct checker *checker, uint64_t count)
{
    const struct raw_channel raw = *raw_of(channel);
    const struct raw_portions portions = raw_portions_of(&raw);
    const uint64_t still_to_come = count * raw_cells_for(checker->size);
    struct raw_side side = raw.side;
    const uint64_t end = side.next + still_to_come;
    uint64_t told = side.next;
    while (side.next != end) {
        if (side.next == side.other)
            side.other = await_tail(&raw, side.next,
                                    end - side.next < portions.gathered ? end - side.next : portions.gathered);
        if (side.next + RAW_AHEAD_CELLS < side.other)
            __builtin_prefetch(raw_payload(&raw, side.next + RAW_AHEAD_CELLS));
        const uint64_t length = raw.ring->lengths[raw_index(&raw, side.next)];
        checker_take(checker, raw_payload(&raw, side.next), length);
        side.next += raw_cells_for(length);
        if (side.next - told >= portions.told) {
            told = side.next;
            atomic_store_explicit(&raw.ring->head, told, memory_order_release);
        }
    }
    atomic_store_explicit(&raw.ring->head, side.next, memory_order_release);
    raw_of(channel)->side = side;
    return 0;
}
