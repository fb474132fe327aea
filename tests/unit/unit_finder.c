/* SPDX-License-Identifier: MIT */
/* The thread of monitor top and metrics that finds queues and opens them, and the one of top that pauses one. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "common/cli/bus_guard.h"
#include "common/shmq.h"
#include "monitor/finder.h"
#include "monitor/top/errand.h"
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
    finder = NULL; /* the eventfd stays open: an errand that is done may be about to write to it */
}

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void await_wake(double deadline)
{
    struct pollfd poll_fd = {.fd = wake, .events = POLLIN};
    uint64_t count = 0;
    const double left = deadline - now();
    ck_assert_double_gt(left, 0);
    (void)poll(&poll_fd, 1, (int)(left * 1000) + 1);
    const ssize_t bytes = read(wake, &count, sizeof(count));
    (void)bytes;
}

/* Waits for news of that queue, in at most @seconds; what else is found is closed. The eventfd tells each time. */
static struct finding find(const char *name, double seconds)
{
    static struct finding *news;
    const double deadline = now() + seconds;
    for (;;) {
        if (news == NULL)
            news = finder_take(finder);
        while (news != NULL) {
            struct finding found = *news;
            free(news);
            news = found.next;
            if (strcmp(found.name, name) == 0)
                return found;
            ck_assert_int_eq(shmq_close(found.handle), 0);
        }
        await_wake(deadline);
    }
}

/* The next news of it is a handle, which is closed. */
static void find_open(const char *name)
{
    const struct finding found = find(name, test_seconds(20));
    ck_assert_int_eq(found.error, 0);
    ck_assert(!found.gone);
    ck_assert_ptr_nonnull(found.handle);
    ck_assert_str_ne(found.owner, "");
    ck_assert_int_eq(shmq_close(found.handle), 0);
}

static void start(char *const *names, size_t count)
{
    ck_assert_int_eq(finder_start(&finder, names, count, wake, 8), 0);
}

static const char *make_queue(const char *what)
{
    const char *name = test_name(what);
    const struct shmq_options options = planted_small();
    ck_assert_int_eq(shmq_create(name, &options), 0);
    return name;
}

START_TEST(a_queue_is_handed_over_once_and_again_when_its_handle_was_lost)
{
    const char *name = make_queue("once");
    start(NULL, 0);
    find_open(name);
    finder_lost(finder, name);
    find_open(name);
    /* Nothing else is told of it before its end. */
    ck_assert_int_eq(shmq_remove(name, true), 0);
    ck_assert(find(name, test_seconds(20)).gone);
}
END_TEST

START_TEST(a_queue_that_was_removed_and_made_again_is_handed_over_again)
{
    const char *name = make_queue("again");
    start(NULL, 0);
    find_open(name);
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(shmq_remove(name, true), 0);
        make_queue("again");
        struct finding found = find(name, test_seconds(20));
        if (found.gone) /* it looked in between */
            found = find(name, test_seconds(20));
        ck_assert_int_eq(found.error, 0);
        ck_assert_int_eq(shmq_close(found.handle), 0);
    }
    ck_assert_int_eq(shmq_remove(name, true), 0);
}
END_TEST

START_TEST(all_that_were_there_are_found_in_the_first_look)
{
    char names[30][SHMQ_NAME_MAX + 1];
    char what[32];
    for (int i = 0; i < 30; i++) {
        snprintf(what, sizeof(what), "many.%d", i);
        snprintf(names[i], sizeof(names[i]), "%s", make_queue(what));
    }
    start(NULL, 0);
    finder_await_first(finder, (int64_t)((now() + test_seconds(20)) * 1e9));
    ck_assert(finder_has_looked(finder));
    ck_assert_int_eq(finder_error(finder), 0);
    int seen = 0;
    for (struct finding *news = finder_take(finder), *next; news != NULL; news = next) {
        next = news->next;
        for (int i = 0; i < 30; i++)
            seen += strcmp(names[i], news->name) == 0;
        ck_assert_int_eq(shmq_close(news->handle), 0);
        free(news);
    }
    ck_assert_int_eq(seen, 30);
    for (int i = 0; i < 30; i++)
        ck_assert_int_eq(shmq_remove(names[i], true), 0);
}
END_TEST

START_TEST(one_that_was_named_is_missing_until_it_is_made)
{
    char name[SHMQ_NAME_MAX + 1];
    snprintf(name, sizeof(name), "%s", test_name("named"));
    char *const names[] = {name};
    const char *other = make_queue("other");
    start(names, 1);
    const struct finding found = find(name, test_seconds(20));
    ck_assert(found.missing);
    ck_assert_int_eq(found.error, -ENOENT);
    make_queue("named");
    find_open(name);
    ck_assert_int_eq(shmq_remove(name, true), 0);
    ck_assert(find(name, test_seconds(20)).missing);
    ck_assert_int_eq(shmq_remove(other, true), 0);
}
END_TEST

START_TEST(what_is_no_queue_is_told_once_and_a_good_one_in_its_place_is_opened)
{
    const char *name = test_name("foreign");
    const int fd = open(test_object_path(name), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(ftruncate(fd, 5000), 0);
    close(fd);
    start(NULL, 0);
    ck_assert_int_lt(find(name, test_seconds(20)).error, 0);
    ck_assert_int_eq(unlink(test_object_path(name)), 0);
    make_queue("foreign");
    struct finding found = find(name, test_seconds(20));
    if (found.gone)
        found = find(name, test_seconds(20));
    ck_assert_int_eq(found.error, 0);
    ck_assert_int_eq(shmq_close(found.handle), 0);
    ck_assert_int_eq(shmq_remove(name, true), 0);
}
END_TEST

static struct errand errand;

static int run_errand(const char *name, bool pause)
{
    const double deadline = now() + test_seconds(20);
    ck_assert_int_eq(errand_begin(&errand, name, pause), 0);
    ck_assert_int_eq(errand_begin(&errand, name, pause), -EBUSY);
    while (!errand_is_done(&errand))
        await_wake(deadline);
    return errand.error;
}

START_TEST(a_queue_is_paused_and_resumed)
{
    const char *name = make_queue("pause");
    errand.wake = wake;
    ck_assert_int_eq(run_errand(name, true), 0);
    ck_assert(errand.pause);
    ck_assert_int_eq(run_errand(name, false), 0);
    ck_assert(!errand.pause);
    ck_assert_int_eq(shmq_remove(name, true), 0);
    ck_assert_int_eq(run_errand(name, true), -ENOENT);
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
    const char *stuck = test_name("a.stuck");
    const int fd = plant_maker(stuck);
    const char *name = make_queue("other");
    start(NULL, 0);
    struct finding found = find(stuck, test_seconds(25));
    ck_assert_int_eq(found.error, -EBUSY);
    find_open(name);
    /* Once it is known to take long, it comes last, and seldom. */
    const char *late = make_queue("z.late");
    found = find(late, test_seconds(5));
    ck_assert_int_eq(found.error, 0);
    ck_assert_int_eq(shmq_close(found.handle), 0);
    const double before = now();
    finder_stop(finder);
    finder = NULL;
    ck_assert_double_lt(now() - before, test_seconds(2));
    ck_assert_int_eq(unlink(test_object_path(stuck)), 0);
    close(fd);
    ck_assert_int_eq(shmq_remove(name, true), 0);
    ck_assert_int_eq(shmq_remove(late, true), 0);
}
END_TEST

static const struct test tests[] = {
    TEST(a_queue_is_handed_over_once_and_again_when_its_handle_was_lost),
    TEST(a_queue_that_was_removed_and_made_again_is_handed_over_again),
    TEST(all_that_were_there_are_found_in_the_first_look),
    TEST(one_that_was_named_is_missing_until_it_is_made),
    TEST(what_is_no_queue_is_told_once_and_a_good_one_in_its_place_is_opened),
    TEST(a_queue_is_paused_and_resumed),
    TEST(a_stopped_maker_holds_up_nobody_who_looks),
};

TEST_SUITE("finder", tests, .seconds = 90, .set_up = set_up, .tear_down = tear_down);
