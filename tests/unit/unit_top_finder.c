/* SPDX-License-Identifier: MIT */
/* The thread of monitor top that finds queues, opens them, and pauses one. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "common/cli/bus_guard.h"
#include "common/shmq.h"
#include "monitor/top/finder.h"
#include "tests/support/harness.h"
#include "tests/support/planted.h"

static struct finder *finder;
static int wake;

static void set_up(void)
{
    bus_guard_init();
    wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    ck_assert_int_ge(wake, 0);
}

static void tear_down(void)
{
    if (finder != NULL)
        finder_stop(finder);
    finder = NULL;
    close(wake);
}

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* Waits until something of that kind and name ("": any) is found; what else is found is closed. */
static struct found find(enum found_kind kind, const char *name, double seconds)
{
    struct found found;
    const double deadline = now() + seconds;
    const struct timespec pause = {0, 5000000};
    for (;;) {
        const double before = now();
        const bool any = finder_take(finder, &found);
        ck_assert_double_lt(now() - before, test_seconds(1));
        if (any && found.kind == kind && (name[0] == '\0' || strcmp(found.name, name) == 0))
            return found;
        if (any) {
            ck_assert_int_eq(shmq_close(found.handle), 0);
            continue;
        }
        ck_assert_double_lt(now(), deadline);
        nanosleep(&pause, NULL);
    }
}

static const char *make_queue(const char *what)
{
    const char *name = test_name(what);
    const struct shmq_options options = planted_small();
    ck_assert_int_eq(shmq_create(name, &options), 0);
    return name;
}

START_TEST(a_queue_is_handed_over_once_and_again_when_it_was_forgotten)
{
    const char *name = make_queue("once");
    ck_assert_int_eq(finder_start(&finder, wake), 0);
    struct found found = find(FOUND_QUEUE, name, 20);
    ck_assert_int_eq(found.error, 0);
    ck_assert_ptr_nonnull(found.handle);
    ck_assert_int_eq(shmq_close(found.handle), 0);
    find(FOUND_SAME, name, 20);
    finder_forget(finder, name);
    found = find(FOUND_QUEUE, name, 20);
    ck_assert_int_eq(shmq_close(found.handle), 0);
    ck_assert_int_eq(shmq_remove(name, true), 0);
}
END_TEST

START_TEST(what_is_known_is_not_handed_over)
{
    const char *name = make_queue("known");
    ck_assert_int_eq(finder_start(&finder, wake), 0);
    ck_assert(finder_know(finder, name));
    find(FOUND_SAME, name, 20);
    ck_assert_int_eq(shmq_remove(name, true), 0);
}
END_TEST

START_TEST(a_queue_is_paused_and_resumed)
{
    const char *name = make_queue("pause");
    ck_assert_int_eq(finder_start(&finder, wake), 0);
    ck_assert(finder_ask(finder, name, true));
    struct found found = find(FOUND_ANSWER, name, 20);
    ck_assert_int_eq(found.error, 0);
    ck_assert(found.pause);
    ck_assert(finder_ask(finder, name, false));
    ck_assert(!find(FOUND_ANSWER, name, 20).pause);
    ck_assert_int_eq(shmq_remove(name, true), 0);
    ck_assert(finder_ask(finder, name, true));
    ck_assert_int_eq(find(FOUND_ANSWER, name, 20).error, -ENOENT);
}
END_TEST

/* The object of a queue that is being made by a process that does not go on. */
static int plant_maker(const char *name)
{
    const int fd = open(test_object_path(name), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 1};
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(fcntl(fd, F_OFD_SETLK, &lock), 0);
    return fd;
}

START_TEST(a_stopped_maker_holds_up_nobody_who_looks)
{
    const char *stuck = test_name("stuck");
    const int fd = plant_maker(stuck);
    const char *name = make_queue("other");
    ck_assert_int_eq(finder_start(&finder, wake), 0);
    const struct found found = find(FOUND_QUEUE, name, test_seconds(25));
    ck_assert_int_eq(found.error, 0);
    ck_assert_int_eq(shmq_close(found.handle), 0);
    const double before = now();
    finder_stop(finder);
    finder = NULL;
    ck_assert_double_lt(now() - before, test_seconds(2));
    ck_assert_int_eq(unlink(test_object_path(stuck)), 0);
    close(fd);
    ck_assert_int_eq(shmq_remove(name, true), 0);
}
END_TEST

static const struct test tests[] = {
    TEST(a_queue_is_handed_over_once_and_again_when_it_was_forgotten),
    TEST(what_is_known_is_not_handed_over),
    TEST(a_queue_is_paused_and_resumed),
    TEST(a_stopped_maker_holds_up_nobody_who_looks),
};

TEST_SUITE("top finder", tests, .seconds = 60, .set_up = set_up, .tear_down = tear_down);
