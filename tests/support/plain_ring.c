/* SPDX-License-Identifier: MIT */
#include "tests/support/plain_ring.h"

#include <check.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

/* ------------------------------------------------------------------ memory */

static size_t page_bytes(void)
{
    return (size_t)sysconf(_SC_PAGESIZE);
}

/* Maps @bytes, as often as @times in a row, so that they end where a guard page begins; one is before them, too.
 */
static void map_section(struct plain_ring *plain, enum plain_section section, size_t bytes, int times)
{
    const size_t page = page_bytes();
    const size_t whole = (bytes + page - 1) / page * page;
    const size_t total = whole * (size_t)times + 2 * page;
    const int fd = memfd_create("plain_ring", MFD_CLOEXEC);
    ck_assert_msg(fd >= 0 && ftruncate(fd, (off_t)whole) == 0, "memfd: %s", strerror(errno));
    unsigned char *map = mmap(NULL, total, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    ck_assert_msg(map != MAP_FAILED, "mmap: %s", strerror(errno));
    for (int i = 0; i < times; i++) {
        void *part =
            mmap(map + page + (size_t)i * whole, whole, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0);
        ck_assert_msg(part != MAP_FAILED, "mmap: %s", strerror(errno));
    }
    (void)close(fd);
    plain->sections[section].map = map;
    plain->sections[section].map_bytes = total;
    plain->sections[section].start = map + page + whole - bytes;
    plain->sections[section].bytes = bytes;
}

void plain_make(struct plain_ring *plain, uint64_t capacity_bytes, uint64_t max_message_bytes)
{
    const struct parameters parameters = {
        .capacity_bytes = capacity_bytes,
        .max_message_bytes = max_message_bytes,
        .lanes = 1,
        .seats = PLAIN_SEATS,
        .page_bytes = (uint32_t)page_bytes(),
        .tick_ns = TICK_DEFAULT_NS,
    };
    struct geometry g;
    ck_assert_int_eq(geometry_compute(&parameters, &g), 0);
    map_section(plain, PLAIN_CONTROL, sizeof(struct lane_control), 1);
    map_section(plain, PLAIN_SEAT_TABLE, PLAIN_SEATS * sizeof(struct seat), 1);
    map_section(plain, PLAIN_MARKS, g.marks * sizeof(struct lane_mark), 1);
    map_section(plain, PLAIN_TIMES, g.cells * sizeof(shared_u32), 1);
    map_section(plain, PLAIN_LEASES, g.cells * sizeof(shared_u64), 1);
    map_section(plain, PLAIN_RECORDS, g.cells * sizeof(struct record), 1);
    map_section(plain, PLAIN_ARENA, capacity_bytes, 2);
    plain->seats = (struct seat *)(void *)plain->sections[PLAIN_SEAT_TABLE].start;
    plain->ring = (struct ring){
        .control = (struct lane_control *)(void *)plain->sections[PLAIN_CONTROL].start,
        .leases = (shared_u64 *)(void *)plain->sections[PLAIN_LEASES].start,
        .records = (struct record *)(void *)plain->sections[PLAIN_RECORDS].start,
        .arena = plain->sections[PLAIN_ARENA].start,
        .marks = (struct lane_mark *)(void *)plain->sections[PLAIN_MARKS].start,
        .times = (shared_u32 *)(void *)plain->sections[PLAIN_TIMES].start,
        .marks_mask = g.marks - 1,
        .block_log2 = g.block_log2,
        .cells = g.cells,
        .mask = g.cells - 1,
        .max_position = g.max_position,
        .max_message_bytes = max_message_bytes,
        .format = {.seat_bits = g.seat_bits, .cells_log2 = g.cells_log2},
    };
    plain_start(plain, g.cells);
}

void plain_free(struct plain_ring *plain)
{
    for (int i = 0; i < PLAIN_SECTIONS; i++)
        (void)munmap(plain->sections[i].map, plain->sections[i].map_bytes);
}

void plain_start(struct plain_ring *plain, uint64_t position)
{
    for (int i = 0; i < PLAIN_SECTIONS; i++)
        memset(plain->sections[i].start, i == PLAIN_RECORDS || i == PLAIN_ARENA ? 0xa5 : 0,
               plain->sections[i].bytes);
    ring_format(&plain->ring, position);
}

uint64_t plain_position(const struct plain_ring *plain, int start, uint64_t laps)
{
    const uint64_t cells = plain->ring.cells;
    if (start == 0)
        return cells;
    return start == 1 ? (UINT64_C(1) << 32) - cells : plain->ring.max_position - laps * cells;
}

/* ------------------------------------------------------------------ copies */

static size_t all_bytes(const struct plain_ring *plain)
{
    size_t bytes = 0;
    for (int i = 0; i < PLAIN_SECTIONS; i++)
        bytes += plain->sections[i].bytes;
    return bytes;
}

void plain_save(const struct plain_ring *plain, struct plain_copy *copy)
{
    copy->bytes = malloc(all_bytes(plain));
    ck_assert_ptr_nonnull(copy->bytes);
    unsigned char *to = copy->bytes;
    for (int i = 0; i < PLAIN_SECTIONS; to += plain->sections[i++].bytes)
        memcpy(to, plain->sections[i].start, plain->sections[i].bytes);
}

void plain_restore(const struct plain_ring *plain, const struct plain_copy *copy)
{
    const unsigned char *from = copy->bytes;
    for (int i = 0; i < PLAIN_SECTIONS; from += plain->sections[i++].bytes)
        memcpy(plain->sections[i].start, from, plain->sections[i].bytes);
}

bool plain_is_same(const struct plain_ring *plain, const struct plain_copy *copy)
{
    const unsigned char *with = copy->bytes;
    for (int i = 0; i < PLAIN_SECTIONS; with += plain->sections[i++].bytes)
        if (memcmp(plain->sections[i].start, with, plain->sections[i].bytes) != 0)
            return false;
    return true;
}

void plain_copy_free(struct plain_copy *copy)
{
    free(copy->bytes);
    copy->bytes = NULL;
}

/* ------------------------------------------------------------------ messages */

static unsigned char byte_of(uint64_t sequence, uint32_t index)
{
    return (unsigned char)(sequence * 31 + index * 7u + (index >> 8) + 1);
}

void plain_fill(unsigned char *payload, uint32_t length, uint64_t sequence)
{
    for (uint32_t i = 0; i < length; i++)
        payload[i] = byte_of(sequence, i);
}

bool plain_is_filled(const unsigned char *payload, uint32_t length, uint64_t sequence)
{
    for (uint32_t i = 0; i < length; i++)
        if (payload[i] != byte_of(sequence, i))
            return false;
    return true;
}

void plain_append(struct ring_producer *producer, uint32_t length, uint64_t sequence)
{
    plain_fill(ring_payload(&producer->ring, producer->next), length, sequence);
    ring_append(producer, record_frame(1, '\n') | length);
}

int plain_put(struct ring_producer *producer, uint32_t length, uint64_t sequence)
{
    const int error = ring_make_room(producer, cells_for(length));
    if (error == 0) {
        plain_append(producer, length, sequence);
        ring_publish(producer);
    }
    return error;
}

uint64_t plain_random(uint64_t *state)
{
    *state += UINT64_C(0x9e3779b97f4a7c15);
    uint64_t z = *state;
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* ------------------------------------------------------------------ steps that have to succeed */

struct ring_producer plain_producer(const struct plain_ring *plain)
{
    struct ring_producer producer;
    ck_assert_int_eq(ring_producer_init(&producer, &plain->ring), 0);
    return producer;
}

void plain_must_put(struct ring_producer *producer, uint32_t length, uint64_t sequence)
{
    ck_assert_int_eq(plain_put(producer, length, sequence), 0);
}

struct ring_batch plain_lease(const struct plain_ring *plain, uint32_t seat, uint32_t records)
{
    struct ring_batch batch = {0};
    ck_assert_int_eq(ring_lease(&plain->ring, &plain->seats[seat], seat, &PLAIN_LIMIT(records), &batch), 0);
    ck_assert(ring_is_leased(&plain->ring, batch.start, seat));
    return batch;
}

void plain_finish(const struct plain_ring *plain, uint32_t seat, const struct ring_batch *batch)
{
    ck_assert_int_eq(ring_finish(&plain->ring, batch->start, batch->end, seat), 0);
}

int plain_try_lease(const struct plain_ring *plain, uint32_t seat)
{
    struct ring_batch batch;
    return ring_lease(&plain->ring, &plain->seats[seat], seat, &PLAIN_LIMIT(1), &batch);
}

void plain_mark_done(const struct plain_ring *plain, const struct ring_batch *batch)
{
    atomic_fetch_or(&plain->ring.leases[batch->start & plain->ring.mask], LEASE_DONE);
}

void plain_expect(const struct plain_ring *plain, uint64_t head, uint64_t claim, uint64_t tail)
{
    ck_assert_uint_eq(plain_load(&plain->ring.control->head), head);
    ck_assert_uint_eq(plain_load(&plain->ring.control->claim), claim);
    ck_assert_uint_eq(plain_load(&plain->ring.control->tail), tail);
}

void plain_advance(const struct plain_ring *plain, struct ring_producer *producer, uint64_t cells)
{
    for (uint64_t i = 0; i < cells; i++)
        plain_must_put(producer, 0, 0);
    if (cells == 0)
        return;
    const struct ring_batch batch = plain_lease(plain, 0, UINT32_MAX);
    ck_assert_uint_eq(batch.count, cells);
    plain_finish(plain, 0, &batch);
}

/* ------------------------------------------------------------------ death at every instruction */

/* In the child: waits to be stepped, works, ends. */
static _Noreturn void be_stepped(struct plain_ring *plain, void (*operation)(struct plain_ring *plain))
{
    if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0)
        _exit(2);
    (void)raise(SIGSTOP);
    operation(plain);
    _exit(0);
}

/* Lets @look see what is there if it is something new; the child then finds it as it left it. */
static int look_if_changed(struct plain_ring *plain, struct plain_copy *last,
                           void (*look)(struct plain_ring *plain))
{
    if (plain_is_same(plain, last))
        return 0;
    plain_copy_free(last);
    plain_save(plain, last);
    look(plain);
    plain_restore(plain, last);
    return 1;
}

int plain_step(struct plain_ring *plain, void (*operation)(struct plain_ring *plain),
               void (*look)(struct plain_ring *plain))
{
    struct plain_copy last;
    int status = 0;
    int looks = 0;
    plain_save(plain, &last);
    const pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0)
        be_stepped(plain, operation);
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    while (WIFSTOPPED(status)) {
        looks += look_if_changed(plain, &last, look);
        ck_assert_int_eq(ptrace(PTRACE_SINGLESTEP, child, NULL, NULL), 0);
        ck_assert_int_eq(waitpid(child, &status, 0), child);
    }
    looks += look_if_changed(plain, &last, look);
    plain_copy_free(&last);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 2)
        return -1;
    ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "the operation failed under tracing: %#x",
                  status);
    return looks;
}
