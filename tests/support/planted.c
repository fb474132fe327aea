/* SPDX-License-Identifier: MIT */
#include "tests/support/planted.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/harness.h"

/* ------------------------------------------------------------------ objects */

void planted_map(struct planted *planted, const char *name)
{
    struct stat st;
    const int fd = open(test_object_path(name), O_RDWR | O_CLOEXEC);
    ck_assert_msg(fd >= 0 && fstat(fd, &st) == 0, "%s: %s", name, strerror(errno));
    planted->bytes = (size_t)st.st_size;
    planted->base = mmap(NULL, planted->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    ck_assert_ptr_ne(planted->base, MAP_FAILED);
    (void)close(fd);
    planted->header = (struct header *)(void *)planted->base;
    const struct parameters parameters = {
        .capacity_bytes = planted->header->capacity_bytes,
        .max_message_bytes = planted->header->max_message_bytes,
        .lanes = planted->header->lanes,
        .seats = planted->header->seats,
        .page_bytes = planted->header->page_bytes,
        .tick_ns = planted->header->tick_ns,
    };
    ck_assert_int_eq(geometry_compute(&parameters, &planted->geometry), 0);
    ck_assert_uint_eq(planted->geometry.object_bytes, planted->bytes);
    planted->seats = (struct seat *)(void *)(planted->base + planted->geometry.seats_offset);
}

void planted_unmap(struct planted *planted)
{
    (void)munmap(planted->base, planted->bytes);
}

static unsigned char *lane_base(const struct planted *planted, uint32_t lane)
{
    return planted->base + geometry_lane_offset(&planted->geometry, lane);
}

struct lane_control *planted_lane(const struct planted *planted, uint32_t lane)
{
    return (struct lane_control *)(void *)lane_base(planted, lane);
}

shared_u64 *planted_lease(const struct planted *planted, uint32_t lane, uint64_t position)
{
    const struct geometry *g = &planted->geometry;
    return (shared_u64 *)(void *)(lane_base(planted, lane) + g->lease_offset) + (position & (g->cells - 1));
}

unsigned char *planted_payload(const struct planted *planted, uint32_t lane, uint64_t position)
{
    const struct geometry *g = &planted->geometry;
    return planted->base + geometry_lane_offset(g, lane) + g->arena_offset +
           ((position & (g->cells - 1)) << CELL_SHIFT);
}

struct record *planted_record(const struct planted *planted, uint32_t lane, uint64_t position)
{
    const struct geometry *g = &planted->geometry;
    return (struct record *)(void *)(lane_base(planted, lane) + g->record_offset) + (position & (g->cells - 1));
}

struct source_slot *planted_slot(const struct planted *planted, uint32_t lane, uint32_t slot)
{
    return (struct source_slot *)(void *)(planted->base + geometry_slots_offset(&planted->geometry, lane)) + slot;
}

unsigned char *planted_buffer(const struct planted *planted, uint32_t seat)
{
    return planted->base + geometry_buffer_offset(&planted->geometry, seat);
}

struct lease_format planted_format(const struct planted *planted)
{
    return (struct lease_format){.seat_bits = planted->geometry.seat_bits,
                                 .cells_log2 = planted->geometry.cells_log2};
}

/* ------------------------------------------------------------------ handles */

struct shmq_options planted_small(void)
{
    return (struct shmq_options){SHMQ_OPTIONS_DEFAULTS, .capacity_bytes = 4096, .lanes = 2, .seats = 4,
                                 .tick_ns = 5000000,    .create = true};
}

struct shmq *planted_open(const char *name, enum shmq_role role, const struct shmq_options *options)
{
    struct shmq *handle = NULL;
    const int error = shmq_open(&handle, name, role, options);
    ck_assert_msg(error == 0, "opening %s: %s", name, shmq_strerror(error));
    ck_assert_ptr_nonnull(handle);
    return handle;
}

void planted_put(struct shmq *producer, const char *text)
{
    const int error = shmq_put(producer, text, strlen(text), 0);
    ck_assert_msg(error == 0, "putting %s: %s", text, shmq_strerror(error));
}

/* ------------------------------------------------------------------ processes */

static void become(uid_t uid, gid_t gid)
{
    const gid_t groups[] = {gid};
    ck_assert_int_eq(setgroups(1, groups), 0);
    ck_assert_int_eq(setgid((gid_t)uid), 0);
    ck_assert_int_eq(setuid(uid), 0);
}

void planted_in_child(int (*body)(void *context), void *context, uid_t uid, gid_t gid)
{
    int status = 0;
    const pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        if (uid != 0)
            become(uid, gid);
        _exit(body(context));
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "the child failed: status %#x", status);
}
