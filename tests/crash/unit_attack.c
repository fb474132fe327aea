/* SPDX-License-Identifier: MIT */
/*
 * What others, or the system, do to a queue from outside: names taken before, an object cut short under those who
 * use it, a kernel that refuses membarrier, limits, a /dev/shm that cannot be written.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/kernel/barrier.h"
#include "common/kernel/clock.h"
#include "tests/support/harness.h"
#include "tests/support/planted.h"
#include "tests/support/process.h"

#define MS INT64_C(1000000)
#define SECOND INT64_C(1000000000)
#define STRANGER 65534u
#define ANNA 54001u
#define SHARED_GROUP 54100u
#define NOT_PERMITTED 77 /* exit status */
#define ROUNDS 300

static const char *name;
static struct shmq_options small;

static void set_up(void)
{
    name = test_name("attack");
    small = planted_small();
}

static void tear_down(void)
{
    (void)shmq_remove(name, true);
    ck_assert_uint_eq(test_leftovers(name), 0);
}

static void expect(int code, int result)
{
    ck_assert_msg(result == code, "%d instead of %d", result, code);
}

/* Runs @body in a child of its own. Return: false where the system does not permit what it needs. */
static bool permitted_in_child(int (*body)(void))
{
    int status = 0;
    const pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0)
        _exit(body());
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    if (WIFEXITED(status) && WEXITSTATUS(status) == NOT_PERMITTED)
        return false;
    ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "the child failed: status %#x", status);
    return true;
}

/* ------------------------------------------------------------------ names taken before */

static int take_name(void *queue)
{
    const int fd = open(test_object_path(queue), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(fchmod(fd, 0666), 0);
    return close(fd);
}

/* Nothing is written to it, and its owner gets nothing of it. */
START_TEST(an_empty_file_of_another_user_is_not_made_a_queue)
{
    struct stat st;
    struct shmq *handle;
    if (geteuid() != 0) {
        test_skip("only root can become somebody else");
        return;
    }
    planted_in_child(take_name, (void *)(uintptr_t)name, STRANGER, STRANGER);
    expect(-EPERM, shmq_create(name, &small));
    expect(-EPERM, shmq_open(&handle, name, SHMQ_PRODUCER, &small));
    expect(-EPERM, shmq_open(&handle, name, SHMQ_CONSUMER, &small));
    ck_assert_int_eq(stat(test_object_path(name), &st), 0);
    ck_assert_int_eq(st.st_size, 0);
    ck_assert_uint_eq(st.st_uid, STRANGER);
}
END_TEST

/* ------------------------------------------------------------------ cut short under way */

enum victim { PUTTING, GETTING, HOLDING, ASKING, VICTIMS };

struct cut {
    enum victim victim;
    off_t left; /* bytes */
};

/* Goes on for ever, but for errors. */
static int use(struct shmq *handle, enum victim victim)
{
    char text[1024] = "text";
    size_t length;
    struct shmq_stat stat = SHMQ_STAT_INIT;
    switch (victim) {
    case PUTTING:
        return shmq_put(handle, text, sizeof(text), 50 * MS);
    case GETTING:
    case HOLDING:
        return shmq_get(handle, text, sizeof(text), &length, 50 * MS);
    default:
        return shmq_stat(handle, &stat);
    }
}

/* With a message in hand whose memory goes away under its eyes. */
static void hold_one(struct shmq *handle)
{
    unsigned char sum = 0;
    struct shmq_message message;
    process_require_equal(shmq_lease(handle, &message, 0), 0);
    process_report(1);
    (void)process_await_order();
    for (size_t i = 0; i < message.length; i++)
        sum = (unsigned char)(sum ^ ((const unsigned char *)message.data)[i]);
    process_report(sum);
    const int code = shmq_acknowledge(handle, 1);
    _exit(code == -EBADMSG ? 0 : 1);
}

static void be_victim(void *context)
{
    const struct cut *cut = context;
    struct shmq *handle = NULL;
    const enum shmq_role role = cut->victim == PUTTING  ? SHMQ_PRODUCER
                                : cut->victim == ASKING ? SHMQ_OBSERVER
                                                        : SHMQ_CONSUMER;
    struct shmq_options options = small;
    options.follow = true;
    (void)signal(SIGBUS, SIG_DFL); /* a sanitizer would report it */
    process_require_equal(shmq_open(&handle, name, role, &options), 0);
    if (cut->victim == HOLDING)
        hold_one(handle);
    process_report(1);
    int code;
    do
        code = use(handle, cut->victim);
    while (code == 0 || code == -EAGAIN || code == -ETIMEDOUT);
    _exit(code == -EBADMSG ? 0 : 1);
}

/*
 * It is SIGBUS, as documented, or -EBADMSG where nothing that is gone is touched; never an endless wait. Whoever
 * comes later is told that it is damaged, and can remove it.
 */
START_TEST(an_object_cut_short_under_way_ends_whoever_uses_it)
{
    static const off_t lefts[] = {0, 4096, 8192};
    struct cut cut = {.victim = (enum victim)(_i % VICTIMS), .left = lefts[_i / VICTIMS]};
    struct process victim;
    struct shmq *handle;
    struct shmq *producer = planted_open(name, SHMQ_PRODUCER, &small);
    planted_put(producer, "one");
    planted_put(producer, "two");
    expect(0, shmq_close(producer)); /* or this process would be one of the victims */
    process_start(&victim, be_victim, &cut);
    (void)process_hear(&victim);
    ck_assert_int_eq(truncate(test_object_path(name), cut.left), 0);
    if (cut.victim == HOLDING)
        process_order(&victim, 1);
    const int status = process_collect(&victim);
    ck_assert_msg((WIFSIGNALED(status) && WTERMSIG(status) == SIGBUS) ||
                      (WIFEXITED(status) && WEXITSTATUS(status) == 0),
                  "victim %d, %d bytes left: status %#x", (int)cut.victim, (int)cut.left, status);
    const int code = shmq_open(&handle, name, SHMQ_CONSUMER, NULL);
    ck_assert_msg(code == -EBADMSG || (cut.left == 0 && code == -ENOENT), "%d", code);
    expect(0, shmq_remove(name, true));
}
END_TEST

/* Its size is looked at once, at attach: whoever is there goes on. */
START_TEST(an_object_made_longer_under_way_is_refused_by_who_comes_and_harms_nobody_there)
{
    char text[8];
    size_t length;
    struct stat st;
    struct shmq *handle;
    struct shmq *producer = planted_open(name, SHMQ_PRODUCER, &small);
    struct shmq *consumer = planted_open(name, SHMQ_CONSUMER, &small);
    ck_assert_int_eq(stat(test_object_path(name), &st), 0);
    ck_assert_int_eq(truncate(test_object_path(name), (off_t)1 << 40), 0);
    for (int i = 0; i < 100; i++) {
        planted_put(producer, "text");
        expect(0, shmq_get(consumer, text, sizeof(text), &length, 0));
    }
    expect(-EBADMSG, shmq_open(&handle, name, SHMQ_PRODUCER, &small));
    expect(-EBADMSG, shmq_open(&handle, name, SHMQ_OBSERVER, NULL));
    ck_assert_int_eq(truncate(test_object_path(name), st.st_size), 0);
    handle = planted_open(name, SHMQ_OBSERVER, NULL);
    expect(0, shmq_check(handle, NULL, NULL));
    expect(0, shmq_close(handle));
    expect(0, shmq_close(producer));
    expect(0, shmq_close(consumer));
}
END_TEST

/* ------------------------------------------------------------------ a kernel that refuses membarrier */

/* Two queues, one for each direction; whoever is not rung for sleeps for ten seconds. */
struct table {
    char there[SHMQ_NAME_MAX + 1];
    char back[SHMQ_NAME_MAX + 1];
    struct shmq_options options;
};

static void lay(struct table *table)
{
    (void)snprintf(table->there, sizeof(table->there), "%s.there", name);
    (void)snprintf(table->back, sizeof(table->back), "%s.back", name);
    table->options = small;
    table->options.tick_ns = 10 * SECOND;
}

static int get_number(struct shmq *consumer, uint64_t *number)
{
    size_t length = 0;
    const int code = shmq_get(consumer, number, sizeof(*number), &length, 5 * SECOND);
    return code == 0 && length != sizeof(*number) ? -EPROTO : code;
}

/* Sends back what it gets. */
static void return_balls(const struct table *table)
{
    struct shmq *consumer = NULL;
    struct shmq *producer = NULL;
    process_require_equal(shmq_open(&consumer, table->there, SHMQ_CONSUMER, &table->options), 0);
    process_require_equal(shmq_open(&producer, table->back, SHMQ_PRODUCER, &table->options), 0);
    process_report(1);
    for (uint64_t i = 0; i < ROUNDS; i++) {
        uint64_t number = 0;
        process_require_equal(get_number(consumer, &number), 0);
        process_require_equal(number, i);
        process_require_equal(shmq_put(producer, &number, sizeof(number), SECOND), 0);
    }
    process_require_equal(shmq_close(producer), 0);
    process_require_equal(shmq_close(consumer), 0);
}

static void return_balls_without_membarrier(void *table)
{
    if (!process_refuse_membarrier())
        _exit(NOT_PERMITTED);
    return_balls(table);
}

static void return_balls_with_membarrier(void *table)
{
    return_balls(table);
}

static bool has_full_fences(struct shmq *handle)
{
    struct shmq_stat stat = SHMQ_STAT_INIT;
    expect(0, shmq_stat(handle, &stat));
    return stat.full_fences;
}

/* Return: false if the other side may not do what it needs. */
static bool play(void (*other)(void *), const struct table *table)
{
    uint64_t heard;
    struct process process;
    struct shmq *producer = planted_open(table->there, SHMQ_PRODUCER, &table->options);
    struct shmq *consumer = planted_open(table->back, SHMQ_CONSUMER, &table->options);
    const bool fences = has_full_fences(producer);
    process_start(&process, other, (void *)(uintptr_t)table);
    const bool permitted = process_hears(&process, process_patience_ms(), &heard);
    for (uint64_t i = 0; permitted && i < ROUNDS; i++) {
        uint64_t number = i;
        expect(0, shmq_put(producer, &number, sizeof(number), SECOND));
        expect(0, get_number(consumer, &number));
        ck_assert_uint_eq(number, i);
    }
    const int status = process_collect(&process);
    ck_assert_msg(status == 0 || !permitted, "the other side: status %#x", status);
    ck_assert(!permitted || (has_full_fences(producer) && has_full_fences(consumer)));
    ck_assert(!fences || barrier_register() != 0);
    expect(0, shmq_close(producer));
    expect(0, shmq_close(consumer));
    expect(0, shmq_remove(table->there, true));
    expect(0, shmq_remove(table->back, true));
    return permitted;
}

/* Those who were there use membarrier until then; from then on they have to fence, all of them. */
START_TEST(one_without_membarrier_joins_those_who_have_it)
{
    struct table table;
    lay(&table);
    if (barrier_register() != 0 || !play(return_balls_without_membarrier, &table))
        test_skip("membarrier cannot be had, or not be refused, here");
}
END_TEST

static int create_without_membarrier(void)
{
    struct table table;
    lay(&table);
    if (!process_refuse_membarrier())
        return NOT_PERMITTED;
    ck_assert(play(return_balls_with_membarrier, &table)); /* it inherits the filter */
    return 0;
}

START_TEST(a_queue_works_where_nobody_has_membarrier)
{
    if (!permitted_in_child(create_without_membarrier))
        test_skip("membarrier cannot be refused here");
}
END_TEST

/* ------------------------------------------------------------------ limits */

/*
 * Nothing that exists grows: a lane is reserved inside an object of full size. Semaphores would have to be made.
 * Check itself writes a file: here, nothing of it may be used.
 */
static void work_without_files_that_grow(void *fresh)
{
    char text[1024] = "text";
    size_t length;
    struct shmq *producer = NULL;
    struct shmq *consumer = NULL;
    const struct rlimit none = {0, 0};
    process_require_equal(setrlimit(RLIMIT_FSIZE, &none), 0);
    process_require_equal(shmq_open(&producer, name, SHMQ_PRODUCER, &small), 0);
    process_require_equal(shmq_open(&consumer, name, SHMQ_CONSUMER, &small), 0);
    process_require_equal(shmq_get(consumer, text, sizeof(text), &length, 20 * MS), -ETIMEDOUT);
    while (shmq_put(producer, text, sizeof(text), 0) == 0)
        ;
    process_require_equal(shmq_put(producer, text, sizeof(text), 20 * MS), -ETIMEDOUT);
    process_require_equal(shmq_get(consumer, text, sizeof(text), &length, 0), 0);
    process_require_equal(shmq_close(producer), 0);
    process_require_equal(shmq_close(consumer), 0);
    process_require_equal(shmq_create(fresh, &small), -EFBIG);
}

/* SIGXFSZ would end the process. */
START_TEST(a_limit_of_file_sizes_kills_nobody)
{
    struct process process;
    const char *fresh = test_name("grown");
    expect(0, shmq_create(name, &small));
    process_start(&process, work_without_files_that_grow, (void *)(uintptr_t)fresh);
    process_expect_success(&process);
    ck_assert_uint_eq(test_leftovers(fresh), 0);
}
END_TEST

static int next_descriptor(void)
{
    const int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    ck_assert_int_ge(fd, 0);
    (void)close(fd);
    return fd;
}

/* One descriptor more each time, until it works. */
static int open_with_few_descriptors(void *context)
{
    const enum shmq_role *role = context;
    struct shmq *handle = NULL;
    int more = 0;
    for (int code = -EMFILE; code == -EMFILE; more++) {
        const int next = next_descriptor();
        struct rlimit before;
        ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
        process_limit(RLIMIT_NOFILE, (rlim_t)(next + more));
        code = shmq_open(&handle, name, *role, &small);
        ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &before), 0);
        ck_assert_msg(code == -EMFILE || code == 0, "%d with %d descriptors", code, more);
        ck_assert_int_eq(next_descriptor(), code == 0 ? next + 1 : next);
    }
    expect(0, shmq_close(handle));
    return more > 4;
}

START_TEST(too_few_descriptors_are_a_clear_error_and_leave_nothing)
{
    enum shmq_role role = (enum shmq_role)(SHMQ_PRODUCER + _i);
    expect(0, shmq_create(name, &small));
    planted_in_child(open_with_few_descriptors, &role, 0, 0);
    struct shmq *observer = planted_open(name, SHMQ_OBSERVER, NULL);
    expect(0, shmq_check(observer, NULL, NULL));
    expect(0, shmq_close(observer));
}
END_TEST

/* A consumer maps a lane when it first hears of it. */
static int get_without_memory(void *options)
{
    char text[8];
    size_t length;
    struct rlimit before;
    struct shmq *consumer = planted_open(name, SHMQ_CONSUMER, options);
    struct shmq *producer = planted_open(name, SHMQ_PRODUCER, options);
    planted_put(producer, "text");
    ck_assert_int_eq(getrlimit(RLIMIT_AS, &before), 0);
    process_limit(RLIMIT_AS, process_mapped_bytes() + (1 << 20));
    expect(-ENOMEM, shmq_get(consumer, text, sizeof(text), &length, 0));
    expect(-ENOMEM, shmq_get(consumer, text, sizeof(text), &length, SECOND));
    ck_assert_int_eq(setrlimit(RLIMIT_AS, &before), 0);
    expect(0, shmq_get(consumer, text, sizeof(text), &length, 0));
    expect(0, shmq_close(producer));
    return -shmq_close(consumer);
}

START_TEST(too_little_memory_for_a_lane_is_a_clear_error_and_loses_nothing)
{
    struct shmq_options large = {SHMQ_OPTIONS_DEFAULTS, .create = true}; /* a lane of 8 MiB */
    if (test_is_sanitized()) {
        test_skip("a sanitizer needs the address space");
        return;
    }
    expect(0, shmq_create(name, &large));
    planted_in_child(get_without_memory, &large, 0, 0);
}
END_TEST

/* ------------------------------------------------------------------ a /dev/shm that cannot be written */

/* A /dev/shm of this process alone. */
static bool mount_own(const char *options)
{
    return unshare(CLONE_NEWNS) == 0 && mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
           mount("shmq-test", "/dev/shm", "tmpfs", 0, options) == 0;
}

static void expect_no_queue_to_be_made(int code)
{
    struct shmq *handle;
    expect(code, shmq_create("none", &small));
    expect(code, shmq_open(&handle, "none", SHMQ_PRODUCER, &small));
    expect(code, shmq_open(&handle, "none", SHMQ_CONSUMER, &small));
    ck_assert_uint_gt(strlen(shmq_strerror(code)), 20); /* says what to do, not only what */
    ck_assert_ptr_nonnull(strstr(shmq_strerror(code), "/dev/shm"));
}

static int use_read_only(void)
{
    struct shmq *handle;
    if (!mount_own("size=1m"))
        return NOT_PERMITTED;
    handle = planted_open("made", SHMQ_PRODUCER, &small);
    planted_put(handle, "text");
    expect(0, shmq_close(handle));
    ck_assert_int_eq(mount("none", "/dev/shm", NULL, MS_REMOUNT | MS_RDONLY, NULL), 0);
    expect_no_queue_to_be_made(-EROFS);
    expect(-EROFS, shmq_open(&handle, "made", SHMQ_PRODUCER, &small));
    expect(-EROFS, shmq_open(&handle, "made", SHMQ_CONSUMER, &small));
    expect(-EROFS, shmq_remove("made", true));
    handle = planted_open("made", SHMQ_OBSERVER, NULL); /* looking writes nothing */
    expect(0, shmq_check(handle, NULL, NULL));
    return -shmq_close(handle);
}

START_TEST(a_read_only_dev_shm_is_named)
{
    if (!permitted_in_child(use_read_only))
        test_skip("mounting a /dev/shm is not permitted");
}
END_TEST

static int use_without_dev_shm(void)
{
    if (!mount_own("size=1m") || mount("shmq-test", "/dev", "tmpfs", 0, "size=1m") != 0)
        return NOT_PERMITTED;
    expect_no_queue_to_be_made(-ENOSYS);
    const int fd = open("/dev/shm", O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
    ck_assert_int_ge(fd, 0);
    (void)close(fd);
    expect_no_queue_to_be_made(-ENOSYS); /* it is no directory */
    return 0;
}

START_TEST(a_missing_dev_shm_is_named)
{
    if (!permitted_in_child(use_without_dev_shm))
        test_skip("mounting a /dev is not permitted");
}
END_TEST

static void become_anna(void)
{
    const gid_t groups[] = {SHARED_GROUP};
    ck_assert_int_eq(setgroups(1, groups), 0);
    ck_assert_int_eq(setgid(ANNA), 0);
    ck_assert_int_eq(setuid(ANNA), 0);
}

/* May write the queue that was made for her group, but make nothing, so that nobody can ring: sleeps last a tick.
 */
static int use_what_is_there(void)
{
    char text[1024] = "text";
    size_t length;
    struct shmq_options options = small;
    options.mode = 0660;
    options.group = SHARED_GROUP;
    if (geteuid() != 0 || !mount_own("size=1m,mode=0755"))
        return NOT_PERMITTED;
    expect(0, shmq_create("made", &options));
    struct shmq *owner = planted_open("made", SHMQ_PRODUCER, &options); /* reserves the lane */
    expect(0, shmq_close(owner));
    become_anna();
    expect_no_queue_to_be_made(-EACCES);
    struct shmq *producer = planted_open("made", SHMQ_PRODUCER, &options);
    struct shmq *consumer = planted_open("made", SHMQ_CONSUMER, &options);
    expect(-ETIMEDOUT, shmq_get(consumer, text, sizeof(text), &length, 20 * MS));
    while (shmq_put(producer, text, sizeof(text), 0) == 0)
        ;
    expect(-ETIMEDOUT, shmq_put(producer, text, sizeof(text), 20 * MS));
    while (shmq_get(consumer, text, sizeof(text), &length, 0) == 0)
        ck_assert_uint_eq(length, sizeof(text));
    expect(0, shmq_close(producer));
    expect(0, shmq_close(consumer));
    const int error = shmq_remove("made", false);
    ck_assert_msg(error == -EACCES || error == -EPERM, "%d", error);
    return 0;
}

START_TEST(a_user_who_may_not_write_dev_shm_is_told_and_can_use_what_is_there)
{
    if (!permitted_in_child(use_what_is_there))
        test_skip("only root can become somebody else, and mount a /dev/shm");
}
END_TEST

/* ------------------------------------------------------------------ */

static const struct test tests[] = {
    TEST_GROUP("objects"),
    TEST(an_empty_file_of_another_user_is_not_made_a_queue),
    TEST_EACH(an_object_cut_short_under_way_ends_whoever_uses_it, 3 * VICTIMS),
    TEST(an_object_made_longer_under_way_is_refused_by_who_comes_and_harms_nobody_there),
    TEST_GROUP("membarrier"),
    TEST(one_without_membarrier_joins_those_who_have_it),
    TEST(a_queue_works_where_nobody_has_membarrier),
    TEST_GROUP("limits"),
    TEST(a_limit_of_file_sizes_kills_nobody),
    TEST_EACH(too_few_descriptors_are_a_clear_error_and_leave_nothing, 3),
    TEST(too_little_memory_for_a_lane_is_a_clear_error_and_loses_nothing),
    TEST_GROUP("/dev/shm"),
    TEST(a_read_only_dev_shm_is_named),
    TEST(a_missing_dev_shm_is_named),
    TEST(a_user_who_may_not_write_dev_shm_is_told_and_can_use_what_is_there),
};

TEST_SUITE("attack", tests, .seconds = 30, .set_up = set_up, .tear_down = tear_down);
