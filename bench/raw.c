/* SPDX-License-Identifier: MIT */

/*
 * The limit: a ring between one producer and one consumer that does nothing but move messages. Cells, capacity
 * and alignment are those of a lane; there is one word of description a message, and nothing for the case that a
 * process dies, sleeps, or has company: both spin. Each side keeps a copy of the other's index and reads the
 * shared one only when that is used up.
 */

#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bench/support/harness.h"

#define CAPACITY_BYTES (UINT64_C(8) << 20)
#define CELL_BYTES 64u
#define CELLS (CAPACITY_BYTES / CELL_BYTES)
#define MASK (CELLS - 1)

struct ring {
    _Alignas(128) _Atomic uint64_t tail; /* written by the producer */
    _Alignas(128) _Atomic uint64_t head; /* written by the consumer */
    _Alignas(128) uint32_t lengths[CELLS];
};

static struct ring *ring;
static unsigned char *arena; /* twice in a row */

/* What each side remembers from one call to the next. */
static uint64_t produced, seen_head;
static uint64_t consumed, seen_tail;

static uint64_t cells_for(uint64_t length)
{
    return (length + CELL_BYTES - 1) / CELL_BYTES;
}

static int map_arena(void)
{
    const int fd = memfd_create("raw", MFD_CLOEXEC);
    if (fd < 0 || ftruncate(fd, (off_t)CAPACITY_BYTES) != 0)
        return -errno;
    arena = mmap(NULL, 2 * CAPACITY_BYTES, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (arena == MAP_FAILED)
        return -errno;
    for (uint64_t i = 0; i < 2; i++)
        if (mmap(arena + i * CAPACITY_BYTES, CAPACITY_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd,
                 0) == MAP_FAILED)
            return -errno;
    return close(fd) == 0 ? 0 : -errno;
}

static int prepare(size_t size)
{
    (void)size;
    ring = mmap(NULL, sizeof(*ring), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return ring == MAP_FAILED ? -errno : map_arena();
}

static int produce(struct source *source, uint64_t count)
{
    const size_t size = source->size;
    const uint64_t cells = cells_for(size);
    uint64_t next = produced, head = seen_head;
    for (uint64_t i = 0; i < count; i++) {
        const void *message = source_take(source);
        while (next + cells - head > CELLS) {
            head = atomic_load_explicit(&ring->head, memory_order_acquire);
            if (next + cells - head > CELLS)
                bench_relax();
        }
        memcpy(arena + (next & MASK) * CELL_BYTES, message, size);
        ring->lengths[next & MASK] = (uint32_t)size;
        next += cells;
        atomic_store_explicit(&ring->tail, next, memory_order_release);
    }
    produced = next;
    seen_head = head;
    return 0;
}

static int consume(struct checker *checker, uint64_t count)
{
    uint64_t next = consumed, tail = seen_tail;
    for (uint64_t i = 0; i < count; i++) {
        while (next == tail) {
            tail = atomic_load_explicit(&ring->tail, memory_order_acquire);
            if (next == tail)
                bench_relax();
        }
        const uint32_t length = ring->lengths[next & MASK];
        checker_take(checker, arena + (next & MASK) * CELL_BYTES, length);
        next += cells_for(length);
        atomic_store_explicit(&ring->head, next, memory_order_release);
    }
    consumed = next;
    seen_tail = tail;
    return 0;
}

int main(int argc, char **argv)
{
    static const struct contender contender = {
        .name = "raw",
        .prepare = prepare,
        .produce = produce,
        .consume = consume,
    };
    return bench_run(argc, argv, &contender);
}
