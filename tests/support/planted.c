/* SPDX-License-Identifier: MIT */
#include "tests/support/planted.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/kernel/clock.h"

#if defined(__has_feature)
#define HAS_FEATURE(feature) __has_feature(feature)
#else
#define HAS_FEATURE(feature) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || HAS_FEATURE(address_sanitizer) ||            \
    HAS_FEATURE(thread_sanitizer)
#define SANITIZED true
#else
#define SANITIZED false
#endif

static char prefix[SHMQ_NAME_MAX / 2];

/* ------------------------------------------------------------------ names */

static void set_prefix(void)
{
    const char *given = getenv("SHMQ_TEST_PREFIX");
    if (prefix[0] != '\0')
        return;
    if (given != NULL && given[0] != '\0')
        (void)snprintf(prefix, sizeof(prefix), "%s.%s", given, program_invocation_short_name);
    else
        (void)snprintf(prefix, sizeof(prefix), "test.%d.%s", (int)getpid(), program_invocation_short_name);
}

const char *planted_name(const char *what)
{
    static char names[16][SHMQ_NAME_MAX + 1];
    static unsigned turn;
    char *name = names[turn++ % 16];
    set_prefix();
    (void)snprintf(name, sizeof(names[0]), "%s.%s.%d", prefix, what, (int)getpid());
    return name;
}

/* One of a few buffers in turn. */
static char *next_path(void)
{
    static char paths[16][512];
    static unsigned turn;
    return paths[turn++ % 16];
}

const char *planted_object_path(const char *name)
{
    char *path = next_path();
    (void)snprintf(path, 512, "/dev/shm/shmq.%s", name);
    return path;
}

const char *planted_semaphore_path(const char *name, const char *which)
{
    char *path = next_path();
    (void)snprintf(path, 512, "/dev/shm/sem.shmq.%s.%s", name, which);
    return path;
}

static bool begins(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

/* Goes over the files of /dev/shm that belong to queues whose names begin with @name. Return: how many. */
static int for_each_file(const char *name, void (*visit)(const char *path))
{
    int count = 0;
    DIR *directory = opendir("/dev/shm");
    if (directory == NULL)
        return 0;
    for (const struct dirent *entry = readdir(directory); entry != NULL; entry = readdir(directory)) {
        const char *file = entry->d_name;
        file += begins(file, "sem.shmq.") ? strlen("sem.") : 0;
        if (!begins(file, "shmq.") || !begins(file + strlen("shmq."), name))
            continue;
        char path[512];
        (void)snprintf(path, sizeof(path), "/dev/shm/%.400s", entry->d_name);
        visit(path);
        count++;
    }
    (void)closedir(directory);
    return count;
}

static void print_path(const char *path)
{
    (void)fprintf(stderr, "left behind: %s\n", path);
}

static void remove_path(const char *path)
{
    (void)remove(path);
}

int planted_files(const char *name)
{
    return for_each_file(name, print_path);
}

int planted_run(Suite *suite)
{
    set_prefix();
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    (void)for_each_file(prefix, remove_path);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* ------------------------------------------------------------------ objects */

void planted_map(struct planted *planted, const char *name)
{
    struct stat st;
    const int fd = open(planted_object_path(name), O_RDWR | O_CLOEXEC);
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

struct record *planted_record(const struct planted *planted, uint32_t lane, uint64_t position)
{
    const struct geometry *g = &planted->geometry;
    return (struct record *)(void *)(lane_base(planted, lane) + g->record_offset) + (position & (g->cells - 1));
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

void planted_skip(const char *why)
{
    (void)fprintf(stderr, "# skipped: %s: %s\n", tcase_name(), why);
}

bool planted_sanitized(void)
{
    return SANITIZED;
}

double planted_seconds(double seconds)
{
    return SANITIZED ? 10 * seconds : seconds;
}

void planted_wait(bool (*condition)(void *context), void *context)
{
    const int64_t deadline = clock_deadline(INT64_C(10000000000));
    while (!condition(context)) {
        ck_assert_msg(clock_now_ns() < deadline, "what was waited for did not come");
        clock_sleep_until(clock_now_ns() + 1000000);
    }
}
