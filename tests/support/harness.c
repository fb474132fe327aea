/* SPDX-License-Identifier: MIT */
#include "tests/support/harness.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/shmq.h"

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

#define PATH_BYTES 512

static char prefix[SHMQ_NAME_MAX / 2];
static pid_t test_pid; /* of the test under way */
static Suite *suite;
static TCase *group;

/* ------------------------------------------------------------------ names */

static void set_prefix(void)
{
    const char *given = getenv("SHMQ_TEST_PREFIX");
    if (given != NULL && given[0] != '\0')
        (void)snprintf(prefix, sizeof(prefix), "%s.%s", given, program_invocation_short_name);
    else
        (void)snprintf(prefix, sizeof(prefix), "test.%d.%s", (int)getpid(), program_invocation_short_name);
}

const char *test_name(const char *what)
{
    static char names[16][SHMQ_NAME_MAX + 1];
    static unsigned turn;
    char *name = names[turn++ % COUNT(names)];
    (void)snprintf(name, sizeof(names[0]), "%s.%s.%d", prefix, what, (int)test_pid);
    return name;
}

static char *next_path(void)
{
    static char paths[16][PATH_BYTES];
    static unsigned turn;
    return paths[turn++ % COUNT(paths)];
}

const char *test_object_path(const char *name)
{
    char *path = next_path();
    (void)snprintf(path, PATH_BYTES, "/dev/shm/shmq.%s", name);
    return path;
}

const char *test_semaphore_path(const char *name, const char *which)
{
    char *path = next_path();
    (void)snprintf(path, PATH_BYTES, "/dev/shm/sem.shmq.%s.%s", name, which);
    return path;
}

static bool begins(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

/* Goes over the files of /dev/shm that belong to queues whose names begin with @name. Return: how many. */
static size_t for_each_file(const char *name, void (*visit)(const char *path))
{
    size_t count = 0;
    DIR *directory = opendir("/dev/shm");
    if (directory == NULL)
        return 0;
    for (const struct dirent *entry = readdir(directory); entry != NULL; entry = readdir(directory)) {
        const char *file = entry->d_name;
        file += begins(file, "sem.shmq.") ? strlen("sem.") : 0;
        if (!begins(file, "shmq.") || !begins(file + strlen("shmq."), name))
            continue;
        char path[PATH_BYTES];
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

size_t test_leftovers(const char *name)
{
    return for_each_file(name, print_path);
}

/* ------------------------------------------------------------------ circumstances */

void test_skip(const char *why)
{
    (void)fprintf(stderr, "# skipped: %s: %s\n", tcase_name(), why);
}

bool test_is_sanitized(void)
{
    return SANITIZED;
}

double test_seconds(double seconds)
{
    return SANITIZED ? 10 * seconds : seconds;
}

void test_bind_now(char **arguments)
{
    if (getenv("LD_BIND_NOW") != NULL)
        return;
    (void)setenv("LD_BIND_NOW", "1", 1);
    (void)execv("/proc/self/exe", arguments);
}

/* ------------------------------------------------------------------ running */

/* What an earlier test left that failed is not this one's. */
static void begin(void)
{
    test_pid = getpid();
    (void)for_each_file(prefix, remove_path);
}

static void end(void)
{
    ck_assert_msg(test_leftovers(prefix) == 0, "something is left in /dev/shm");
}

/* Fixtures are torn down in reverse order: ours looks at what the test's has left. */
static void add_group(const struct test *of)
{
    group = tcase_create(of->group);
    tcase_set_timeout(group, test_seconds(of->seconds > 0 ? of->seconds : test_suite.seconds));
    tcase_add_checked_fixture(group, begin, end);
    tcase_add_checked_fixture(group, of->set_up != NULL ? of->set_up : test_suite.set_up,
                              of->tear_down != NULL ? of->tear_down : test_suite.tear_down);
    suite_add_tcase(suite, group);
}

void test_group(const char *title, double seconds)
{
    add_group(&(struct test){.group = title, .seconds = seconds});
}

void test_add(const TTest *test, size_t first, size_t last)
{
    tcase_add_loop_test(group, test, (int)first, (int)last + 1);
}

static const char *reason_to_skip;

START_TEST(nothing)
{
    test_skip(reason_to_skip);
}
END_TEST

void test_add_rows(const TTest *test, size_t rows, const char *(*name_of)(size_t row), double seconds,
                   const char *why_not)
{
    if (why_not != NULL) {
        reason_to_skip = why_not;
        test_group("skipped", 0);
        test_add(nothing, 0, 0);
        return;
    }
    for (size_t row = 0; row < rows; row++) {
        test_group(name_of(row), seconds);
        test_add(test, row, row);
    }
}

static void add_all(void)
{
    suite = suite_create(test_suite.name);
    if (test_suite.count > 0 && test_suite.tests[0].group == NULL)
        test_group(test_suite.name, 0);
    for (const struct test *test = test_suite.tests; test < test_suite.tests + test_suite.count; test++) {
        if (test->group != NULL)
            add_group(test);
        else
            test_add(*test->test, 0, test->count - 1);
    }
    if (test_suite.add != NULL)
        test_suite.add();
}

int main(int count, char **arguments)
{
    (void)count;
    if (test_suite.prepare != NULL)
        test_suite.prepare(arguments);
    (void)unsetenv("SHMQ_QUEUE"); /* the user's */
    set_prefix();
    test_pid = getpid();
    add_all();
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    (void)for_each_file(prefix, remove_path);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
