/* SPDX-License-Identifier: MIT */
/*
 * What those who go on notice of others that die, stop, leave or hold on to something, one or hundreds of them:
 * nothing but what they are told.
 */
#include <check.h>
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/kernel/clock.h"
#include "tests/support/harness.h"
#include "tests/support/planted.h"
#include "tests/support/process.h"
#include "tests/support/test_queue.h"

#define MS INT64_C(1000000)
#define SECOND INT64_C(1000000000)
#define JOINERS 10000
#define CROWD 200
#define ROUNDS 300
#define NOT_PERMITTED UINT64_MAX /* as a report */

static const char *name;
static struct shmq_options small;

static void set_up(void)
{
    name = test_name("bystanders");
    small = planted_small();
}

static void tear_down(void)
{
    (void)shmq_remove(name, true);
    ck_assert_uint_eq(test_leftovers(name), 0);
}

static void put_numbers(struct shmq *producer, uint64_t first, uint64_t count)
{
    for (uint64_t i = first; i < first + count; i++)
        ck_assert_int_eq(test_queue_put(producer, i, SECOND), 0);
}

static void expect_number(struct shmq *consumer, uint64_t number, bool redelivered)
{
    uint64_t got;
    struct shmq_message message;
    ck_assert_int_eq(test_queue_lease(consumer, &got, &message, 5 * SECOND), 0);
    ck_assert_uint_eq(got, number);
    ck_assert_int_eq(message.redelivered, redelivered);
    ck_assert_int_eq(shmq_acknowledge(consumer, 1), 0);
}

static void expect_nothing(struct shmq *consumer, int64_t timeout_ns)
{
    uint64_t got;
    ck_assert_int_eq(test_queue_get(consumer, &got, timeout_ns), -ETIMEDOUT);
}

/* ------------------------------------------------------------------ in the other processes */

static struct shmq *attach(enum shmq_role role, const struct shmq_options *options)
{
    struct shmq *handle = NULL;
    process_require_equal(shmq_open(&handle, name, role, options), 0);
    return handle;
}

/* Leases one message, says which, and keeps it until it is told to acknowledge. */
static void hold_one(void *context)
{
    uint64_t number;
    struct shmq_message message;
    struct shmq_options options = small;
    (void)context;
    options.prefetch = 1;
    struct shmq *consumer = attach(SHMQ_CONSUMER, &options);
    process_require_equal(test_queue_lease(consumer, &number, &message, 5 * SECOND), 0);
    process_report(number);
    (void)process_await_order();
    process_require_equal(shmq_acknowledge(consumer, 1), 0);
    process_require_equal(shmq_close(consumer), 0);
}

static void attach_and_wait(void *context)
{
    const enum shmq_role *role = context;
    (void)attach(*role, &small);
    process_report(0);
    (void)process_await_order();
}

/* ------------------------------------------------------------------ the dead */

/* Each dies with a lane or a seat of two: were one of them lost, the third would find none. */
START_TEST(thousands_of_killed_joiners_leave_a_small_table_usable)
{
    struct process joiner;
    struct shmq_stat stat = SHMQ_STAT_INIT;
    enum shmq_role role;
    const int joiners = test_is_sanitized() ? JOINERS / 10 : JOINERS;
    small.seats = 2;
    ck_assert_int_eq(shmq_create(name, &small), 0);
    for (int i = 0; i < joiners; i++) {
        role = i % 2 == 0 ? SHMQ_PRODUCER : SHMQ_CONSUMER;
        process_start(&joiner, attach_and_wait, &role);
        ck_assert_uint_eq(process_hear(&joiner), 0);
        process_kill(&joiner);
    }
    struct shmq *producers[2];
    struct shmq *consumers[2];
    for (int i = 0; i < 2; i++) {
        producers[i] = planted_open(name, SHMQ_PRODUCER, &small);
        consumers[i] = planted_open(name, SHMQ_CONSUMER, &small);
    }
    put_numbers(producers[0], 7, 1);
    expect_number(consumers[1], 7, false);
    ck_assert_int_eq(shmq_stat(consumers[0], &stat), 0);
    ck_assert_uint_eq(stat.producers, 2);
    ck_assert_uint_eq(stat.consumers, 2);
    ck_assert_int_eq(shmq_check(consumers[0], NULL, NULL), 0);
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(shmq_close(producers[i]), 0);
        ck_assert_int_eq(shmq_close(consumers[i]), 0);
    }
}
END_TEST

/* Sends back what it gets. */
static void echo(void *back)
{
    uint64_t number;
    struct shmq *producer = NULL;
    struct shmq *consumer = attach(SHMQ_CONSUMER, &small);
    process_require_equal(shmq_open(&producer, back, SHMQ_PRODUCER, &small), 0);
    process_report(0);
    for (int i = 0; i < ROUNDS; i++) {
        process_require_equal(test_queue_get(consumer, &number, 30 * SECOND), 0);
        process_require_equal(test_queue_put(producer, number, 30 * SECOND), 0);
    }
    process_require_equal(shmq_close(consumer), 0);
    process_require_equal(shmq_close(producer), 0);
}

static bool crowd_sleeps(void *name_of_it)
{
    return test_queue_stat(name_of_it).sleepers > CROWD;
}

static void sleep_for_ever(void *context)
{
    uint64_t number;
    (void)context;
    struct shmq *consumer = attach(SHMQ_CONSUMER, &small);
    (void)test_queue_get(consumer, &number, SHMQ_FOREVER);
    _exit(97); /* nothing came that was for it */
}

/* There and back: each way somebody sleeps, and has to be woken. Return: how long the slowest took. */
static int64_t slowest_round(struct shmq *producer, struct shmq *consumer)
{
    int64_t slowest = 0;
    for (uint64_t i = 0; i < ROUNDS; i++) {
        uint64_t number;
        const int64_t start = clock_now_ns();
        ck_assert_int_eq(test_queue_put(producer, i, SECOND), 0);
        ck_assert_int_eq(test_queue_get(consumer, &number, 30 * SECOND), 0);
        ck_assert_uint_eq(number, i);
        const int64_t took = clock_now_ns() - start;
        slowest = took > slowest ? took : slowest;
    }
    return slowest;
}

/* Two hundred asleep on the same bell are killed at one moment: whoever is left is rung for as before. */
START_TEST(hundreds_killed_at_once_do_not_hold_up_the_rest)
{
    static struct process crowd[CROWD];
    char back[SHMQ_NAME_MAX + 1];
    struct process echoer;
    (void)snprintf(back, sizeof(back), "%s.back", name);
    small.seats = CROWD + 2;
    small.follow = true;
    small.tick_ns = 50 * MS;
    struct shmq *producer = planted_open(name, SHMQ_PRODUCER, &small);
    struct shmq *consumer = planted_open(back, SHMQ_CONSUMER, &small);
    for (int i = 0; i < CROWD; i++)
        process_start(&crowd[i], sleep_for_ever, NULL);
    process_start(&echoer, echo, back);
    ck_assert_uint_eq(process_hear(&echoer), 0);
    process_wait_until(crowd_sleeps, (void *)(uintptr_t)name, "all of them sleep");
    for (int i = 0; i < CROWD; i++)
        ck_assert_int_eq(kill(crowd[i].pid, SIGKILL), 0);
    const int64_t slowest = slowest_round(producer, consumer);
    (void)fprintf(stderr, "slowest round: %lld us\n", (long long)(slowest / 1000));
    ck_assert_int_lt(slowest, process_stretched_ms(2000) * MS);
    process_expect_success(&echoer);
    for (int i = 0; i < CROWD; i++)
        process_kill(&crowd[i]);
    ck_assert_int_eq(shmq_close(producer), 0);
    ck_assert_int_eq(shmq_close(consumer), 0);
    ck_assert_int_eq(shmq_remove(back, true), 0);
}
END_TEST

/* ------------------------------------------------------------------ pids */

/* The first process of a namespace of its own has the pid 1. */
static void hold_one_as_pid_1(void *context)
{
    if (unshare(CLONE_NEWPID) != 0) {
        process_report(NOT_PERMITTED);
        return;
    }
    const pid_t child = fork();
    process_require(child >= 0);
    if (child == 0) {
        process_require_equal(prctl(PR_SET_PDEATHSIG, SIGKILL), 0);
        process_require_equal(getpid(), 1);
        hold_one(context);
        _exit(0);
    }
    int status = 0;
    process_require_equal(waitpid(child, &status, 0), child);
    process_require_equal(status, 0);
}

static void expect_two_of_pid_1(struct shmq *handle)
{
    struct shmq_seat_stat stat = SHMQ_SEAT_STAT_INIT;
    for (uint32_t seat = 0; seat < 2; seat++) {
        ck_assert_int_eq(shmq_stat_seat(handle, seat, &stat), 0);
        ck_assert_int_eq(stat.pid, 1);
        ck_assert(stat.alive);
    }
}

/* One of them dies, in a namespace that is not ours: its message is delivered again, the other's is not. */
START_TEST(equal_pids_in_different_namespaces_are_not_mixed_up)
{
    struct process first;
    struct process second;
    struct shmq *producer = planted_open(name, SHMQ_PRODUCER, &small);
    put_numbers(producer, 1, 2);
    process_start(&first, hold_one_as_pid_1, NULL);
    const uint64_t held = process_hear(&first);
    if (held == NOT_PERMITTED) {
        test_skip("only root can have a pid namespace");
        process_expect_success(&first);
        ck_assert_int_eq(shmq_close(producer), 0);
        return;
    }
    ck_assert_uint_eq(held, 1);
    process_start(&second, hold_one_as_pid_1, NULL);
    ck_assert_uint_eq(process_hear(&second), 2);
    expect_two_of_pid_1(producer);

    struct shmq *consumer = planted_open(name, SHMQ_CONSUMER, &small);
    expect_nothing(consumer, 20 * small.tick_ns);
    process_kill(&first);
    expect_number(consumer, 1, true);
    expect_nothing(consumer, 20 * small.tick_ns);
    process_order(&second, 0);
    process_expect_success(&second);
    ck_assert_int_eq(shmq_join(producer, 5 * SECOND), 0);
    expect_nothing(consumer, 20 * small.tick_ns);
    ck_assert_int_eq(shmq_close(producer), 0);
    ck_assert_int_eq(shmq_close(consumer), 0);
}
END_TEST

/* ------------------------------------------------------------------ the slow */

/* No time makes it believe that somebody has taken them. */
START_TEST(a_producer_is_told_that_it_is_full_while_all_consumers_are_stopped)
{
    struct process consumer;
    uint64_t put = 1;
    struct shmq *producer = planted_open(name, SHMQ_PRODUCER, &small);
    put_numbers(producer, 0, 1);
    process_start(&consumer, hold_one, NULL);
    ck_assert_uint_eq(process_hear(&consumer), 0);
    process_stop(&consumer);
    while (test_queue_put(producer, put, 0) == 0)
        put++;
    ck_assert_uint_eq(put, 4096 / 64);
    ck_assert_int_eq(test_queue_put(producer, put, 0), -EAGAIN);
    ck_assert_int_eq(test_queue_put(producer, put, 40 * small.tick_ns), -ETIMEDOUT);
    process_continue(&consumer);
    process_order(&consumer, 0);
    process_expect_success(&consumer);
    put_numbers(producer, put, 1); /* the room of the one that it has acknowledged now */
    ck_assert_int_eq(test_queue_put(producer, put, 0), -EAGAIN);
    ck_assert_int_eq(shmq_close(producer), 0);
}
END_TEST

/* A million pass while one is worked on. */
START_TEST(one_message_held_for_long_takes_no_room_from_the_others)
{
    uint64_t number;
    struct shmq_message held;
    struct shmq_options slow = small;
    slow.prefetch = 1;
    struct shmq *producer = planted_open(name, SHMQ_PRODUCER, &small);
    put_numbers(producer, 0, 1);
    struct shmq *holder = planted_open(name, SHMQ_CONSUMER, &slow);
    struct shmq *consumer = planted_open(name, SHMQ_CONSUMER, &small);
    ck_assert_int_eq(test_queue_lease(holder, &number, &held, 0), 0);
    ck_assert_int_eq(shmq_hold(holder, &held), 0);
    for (uint64_t i = 1; i <= 1000000; i += 50) {
        put_numbers(producer, i, 50);
        for (uint64_t j = i; j < i + 50; j++) {
            ck_assert_int_eq(test_queue_get(consumer, &number, 0), 0);
            ck_assert_uint_eq(number, j);
        }
    }
    put_numbers(producer, 0, 4096 / 64); /* all of the lane is there */
    ck_assert_int_eq(shmq_join(producer, 0), -EAGAIN);
    memcpy(&number, held.data, sizeof(number));
    ck_assert_uint_eq(number, 0);
    ck_assert_int_eq(shmq_acknowledge(holder, 1), 0);
    for (uint64_t i = 0; i < 4096 / 64; i++)
        expect_number(consumer, i, false);
    ck_assert_int_eq(shmq_join(producer, 0), 0);
    ck_assert_int_eq(shmq_close(producer), 0);
    ck_assert_int_eq(shmq_close(holder), 0);
    ck_assert_int_eq(shmq_close(consumer), 0);
}
END_TEST

/* ------------------------------------------------------------------ */

static const struct test tests[] = {
    TEST_GROUP("the dead"),
    TEST(thousands_of_killed_joiners_leave_a_small_table_usable),
    TEST(hundreds_killed_at_once_do_not_hold_up_the_rest),
    TEST(equal_pids_in_different_namespaces_are_not_mixed_up),
    TEST_GROUP("the slow"),
    TEST(a_producer_is_told_that_it_is_full_while_all_consumers_are_stopped),
    TEST(one_message_held_for_long_takes_no_room_from_the_others),
};

TEST_SUITE("bystanders", tests, .seconds = 200, .set_up = set_up, .tear_down = tear_down);
