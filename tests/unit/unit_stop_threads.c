/* SPDX-License-Identifier: MIT */
/* A program with several threads: a request to stop ends the waits of all, and what they say does not mix. */
#include <check.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/cli/progress.h"
#include "common/cli/say.h"
#include "common/cli/stop.h"
#include "tests/support/harness.h"
#include "tests/support/planted.h"
#include "tests/support/process.h"
#include "tests/support/said.h"

#define SECOND INT64_C(1000000000)

enum { THREADS = 4, LINES = 500, ROUNDS = 200 };

static atomic_uint waiting;
static struct shmq *consumers[THREADS];

static bool all_wait(void *context)
{
    (void)context;
    return atomic_load(&waiting) == THREADS;
}

/* The first two sleep, then one waits for a descriptor that never gets ready, and one for a message. */
static void *wait_for_long(void *context)
{
    const int64_t end = process_now_ns() + 100 * SECOND;
    const size_t number = (size_t)(uintptr_t)context;
    struct shmq_message message;
    int ends[2];
    ck_assert_int_eq(pipe(ends), 0);
    atomic_fetch_add(&waiting, 1);
    if (number < 2)
        ck_assert(!stop_sleep_until(end));
    else if (number == 2)
        ck_assert_int_eq(stop_wait_fd(ends[0], POLLIN, end), -EINTR);
    else
        ck_assert_int_eq(shmq_lease(consumers[0], &message, 100 * SECOND), -EINTR);
    ck_assert_int_ne(stop_requested, 0);
    close(ends[0]);
    close(ends[1]);
    return NULL;
}

static void by_a_signal(void)
{
    ck_assert_int_eq(kill(getpid(), SIGTERM), 0);
}

static void by_another_signal(void)
{
    ck_assert_int_eq(kill(getpid(), SIGINT), 0);
}

static bool is_readable(int fd)
{
    struct pollfd polled = {.fd = fd, .events = POLLIN};
    return poll(&polled, 1, 0) == 1;
}

START_TEST(a_request_ends_the_waits_of_all_threads)
{
    static void (*const requests[])(void) = {by_a_signal, by_another_signal, stop_request};
    static const int numbers[] = {SIGTERM, SIGINT, STOP_BY_PROGRAM};
    const struct shmq_options small = planted_small();
    const char *name = test_name("waits");
    pthread_t threads[THREADS];
    consumers[0] = planted_open(name, SHMQ_CONSUMER, &small);
    stop_init();
    ck_assert_int_eq(stop_descriptor(), -1);
    ck_assert_int_eq(stop_prepare_threads(), 0);
    ck_assert_int_eq(stop_prepare_threads(), 0);
    stop_attach(consumers[0]);
    for (uintptr_t i = 0; i < THREADS; i++)
        ck_assert_int_eq(stop_start_thread(&threads[i], wait_for_long, (void *)i), 0);
    process_wait_until(all_wait, NULL, "all threads wait");
    ck_assert(!is_readable(stop_descriptor()));
    ck_assert_int_eq(stop_requested_at_ns(), 0);
    const int64_t began = process_now_ns();
    requests[_i]();
    for (size_t i = 0; i < THREADS; i++)
        ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
    ck_assert_int_lt(process_now_ns() - began, 30 * SECOND);
    ck_assert_int_ge(stop_requested_at_ns(), began);
    ck_assert_int_eq(stop_requested, numbers[_i]);
    ck_assert_int_ne(*stop_flag(), 0);
    ck_assert(is_readable(stop_descriptor()));
    stop_detach(consumers[0]);
    ck_assert_int_eq(shmq_close(consumers[0]), 0);
    ck_assert_int_eq(shmq_remove(name, true), 0);
}
END_TEST

START_TEST(a_request_before_the_threads_is_not_lost)
{
    stop_init();
    by_a_signal();
    ck_assert_int_eq(stop_prepare_threads(), 0);
    ck_assert(is_readable(stop_descriptor()));
}
END_TEST

static void stop_by_program_and_signal(void *context)
{
    (void)context;
    stop_init();
    stop_request();
    stop_request();
    raise(SIGTERM);
    if (stop_requested != (SIGTERM | STOP_BY_PROGRAM))
        _exit(1);
    raise(SIGTERM); /* within 100 ms it is the same request */
    raise(SIGINT);
    _exit(2);
}

START_TEST(a_signal_after_the_program_s_own_request_is_the_first)
{
    static struct said said;
    said_by(&said, stop_by_program_and_signal, NULL);
    ck_assert_int_eq(said.status, 128 + SIGINT);
}
END_TEST

static void *is_masked(void *context)
{
    sigset_t mask;
    (void)context;
    ck_assert_int_eq(pthread_sigmask(SIG_SETMASK, NULL, &mask), 0);
    ck_assert(sigismember(&mask, SIGTERM) && sigismember(&mask, SIGINT) && sigismember(&mask, SIGUSR1));
    ck_assert(!sigismember(&mask, SIGHUP));
    stop_admit(&mask);
    ck_assert(!sigismember(&mask, SIGTERM) && !sigismember(&mask, SIGINT) && !sigismember(&mask, SIGUSR1));
    return NULL;
}

START_TEST(a_thread_takes_no_signals)
{
    pthread_t thread;
    sigset_t mask;
    stop_init();
    ck_assert_int_eq(stop_prepare_threads(), 0);
    ck_assert_int_eq(stop_start_thread(&thread, is_masked, NULL), 0);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    ck_assert_int_eq(pthread_sigmask(SIG_SETMASK, NULL, &mask), 0);
    ck_assert(!sigismember(&mask, SIGTERM));
}
END_TEST

/* Opens and closes handles while they are being interrupted. */
static void *attach_and_detach(void *context)
{
    const char *name = context;
    for (int i = 0; i < ROUNDS; i++) {
        struct shmq *handle = planted_open(name, SHMQ_OBSERVER, NULL);
        stop_attach(handle);
        stop_detach(handle);
        ck_assert_int_eq(shmq_close(handle), 0);
    }
    atomic_fetch_sub(&waiting, 1);
    return NULL;
}

START_TEST(no_handle_is_interrupted_after_it_was_detached)
{
    const struct shmq_options small = planted_small();
    const char *name = test_name("handles");
    pthread_t threads[THREADS];
    struct shmq *producer = planted_open(name, SHMQ_PRODUCER, &small);
    stop_init();
    ck_assert_int_eq(stop_prepare_threads(), 0);
    atomic_store(&waiting, THREADS);
    for (size_t i = 0; i < THREADS; i++)
        ck_assert_int_eq(stop_start_thread(&threads[i], attach_and_detach, (void *)(uintptr_t)name), 0);
    while (atomic_load(&waiting) > 0)
        stop_request();
    for (size_t i = 0; i < THREADS; i++)
        ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
    ck_assert_int_eq(shmq_close(producer), 0);
    ck_assert_int_eq(shmq_remove(name, true), 0);
}
END_TEST

/* ------------------------------------------------------------------ what they say */

static void *say_lines(void *context)
{
    const int number = (int)(uintptr_t)context;
    for (int i = 0; i < LINES; i++) {
        if (number == 0 && i % 10 == 0)
            say_live("live");
        say_error("%d: one line, which is whole%d", number, number);
    }
    return NULL;
}

static void say_from_threads(void *file)
{
    pthread_t threads[THREADS];
    if (dup2(*(int *)file, STDERR_FILENO) < 0)
        _exit(1);
    say_init("consumer", 0, NULL);
    for (uintptr_t i = 0; i < THREADS; i++) {
        if (pthread_create(&threads[i], NULL, say_lines, (void *)i) != 0)
            _exit(2);
    }
    for (size_t i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
}

START_TEST(lines_do_not_mix)
{
    static struct said said;
    FILE *file = tmpfile();
    char line[128];
    char expected[128];
    int counts[THREADS] = {0};
    int number;
    ck_assert_ptr_nonnull(file);
    int fd = fileno(file);
    said_by(&said, say_from_threads, &fd);
    ck_assert_int_eq(said.status, 0);
    rewind(file);
    while (fgets(line, sizeof(line), file) != NULL) {
        static const char live[] = "\rlive\033[K\r\033[K"; /* is erased before the next line */
        if (line[0] == '\r') {
            ck_assert_int_eq(strncmp(line, live, strlen(live)), 0);
            memmove(line, line + strlen(live), strlen(line + strlen(live)) + 1);
        }
        ck_assert_msg(sscanf(line, "consumer: %d:", &number) == 1 && number >= 0 && number < THREADS, "%s", line);
        snprintf(expected, sizeof(expected), "consumer: %d: one line, which is whole%d\n", number, number);
        ck_assert_str_eq(line, expected);
        counts[number]++;
    }
    for (int i = 0; i < THREADS; i++)
        ck_assert_int_eq(counts[i], LINES);
    fclose(file);
}
END_TEST

static const struct test tests[] = {
    TEST_EACH(a_request_ends_the_waits_of_all_threads, 3),       TEST(a_request_before_the_threads_is_not_lost),
    TEST(a_signal_after_the_program_s_own_request_is_the_first), TEST(a_thread_takes_no_signals),
    TEST(no_handle_is_interrupted_after_it_was_detached),        TEST(lines_do_not_mix),
};

TEST_SUITE("stop_threads", tests, .seconds = 60);
