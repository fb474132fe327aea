/* SPDX-License-Identifier: MIT */
#ifndef SUPPORT_HARNESS_H
#define SUPPORT_HARNESS_H

#include <check.h>
#include <stdbool.h>
#include <stddef.h>

/*
 * The frame of every unit test: main, a table of its tests, a fixture around each, names for its queues, and a
 * look at what it left in /dev/shm. A file of tests ends with
 *
 *   static const struct test tests[] = {
 *       TEST_GROUP("put"),
 *       TEST(what_is_put_is_got),
 *       TEST_EACH(every_length_is_got, COUNT(lengths)),
 *   };
 *   TEST_SUITE("api", tests, .seconds = 10, .set_up = set_up, .tear_down = tear_down);
 *
 * After each test, whatever is left under this program's names is a failure and is removed.
 */

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* An entry of the table: it begins a group of tests, or is one. */
struct test {
    const char *group;
    double seconds; /* of a group: if not 0 or NULL, these instead of those of the suite */
    void (*set_up)(void);
    void (*tear_down)(void);
    const TTest **test; /* of a test, as START_TEST declares it */
    size_t count;       /* it is run with _i = 0, ... count - 1 */
};

#define TEST_GROUP(...)                                                                                           \
    {                                                                                                             \
        .group = __VA_ARGS__                                                                                      \
    }
#define TEST(function)                                                                                            \
    {                                                                                                             \
        .test = &(function), .count = 1                                                                           \
    }
#define TEST_EACH(function, times)                                                                                \
    {                                                                                                             \
        .test = &(function), .count = (size_t)(times)                                                             \
    }

struct test_suite {
    const char *name;
    double seconds; /* how long a test may take; times ten under a sanitizer */
    /* Before and after each test, in its process. May be NULL. */
    void (*set_up)(void);
    void (*tear_down)(void);
    /* Called first, with main's arguments. May be NULL. */
    void (*prepare)(char **arguments);
    /* Adds tests that another table makes, by test_group and test_add; may be NULL. */
    void (*add)(void);
    const struct test *tests;
    size_t count;
};

/* Each test program defines one. */
extern const struct test_suite test_suite;
#define TEST_SUITE(title, table, ...)                                                                             \
    const struct test_suite test_suite = {.name = (title), .tests = (table), .count = COUNT(table), __VA_ARGS__}

/* @seconds 0: those of the suite. */
void test_group(const char *title, double seconds);
/* Adds a test to the group before, to be run with _i = @first, ... @last. */
void test_add(const TTest *test, size_t first, size_t last);
/*
 * For each row of a table, adds a group with one test, @test with the row's index. Where there is a reason
 * @why_not, adds one test that says it instead.
 */
void test_add_rows(const TTest *test, size_t rows, const char *(*name_of)(size_t row), double seconds,
                   const char *why_not);

/* ------------------------------------------------------------------ names */

/*
 * A name of this test, in one of a few buffers in turn. The same in the processes that it forks, and another in
 * the next test.
 */
const char *test_name(const char *what);
/* Paths of a queue's object, or of another file under this test's names, likewise. */
const char *test_object_path(const char *name);
const char *test_semaphore_path(const char *name, const char *which);
/* How many files of /dev/shm belong to queues whose names begin with @name; they are printed. */
size_t test_leftovers(const char *name);

/* ------------------------------------------------------------------ circumstances */

/* Says why a test did not look at what its name promises. */
void test_skip(const char *why);
/* Times ten under a sanitizer, which slows everything down. */
double test_seconds(double seconds);
/* Whether a sanitizer is there; then memory cannot be limited, as it needs the address space. */
bool test_is_sanitized(void);

/* For @prepare: starts the program anew with all functions of shared libraries looked up, and not at their first
 * call. */
void test_bind_now(char **arguments);

#endif
