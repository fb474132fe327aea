/* SPDX-License-Identifier: MIT */
/* Consumers of a queue in which nothing happens sleep longer than a tick, and nobody has to wait for that. */

#include <check.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/shmq.h"
#include "tests/support/harness.h"
#include "tests/support/planted.h"
#include "tests/support/process.h"
#include "tests/support/test_queue.h"

#define CONSUMERS 3
#define MS INT64_C(1000000)
#define TICK_MS 60     /* the long sleep is 64 of it: nobody can mistake one for the other */
#define PROMPT_MS 2000 /* much more than ticks, much less than the long sleep */

static const struct shmq_options options = {
    SHMQ_OPTIONS_DEFAULTS, .create = true, .capacity_bytes = 4096, .max_message_bytes = 4096,
    .prefetch = 1,         .follow = true, .seats = CONSUMERS,     .tick_ns = TICK_MS * MS};
static struct planted planted;
static struct process consumers[CONSUMERS];
static struct shmq *producer;

/* Says which message it has, and acknowledges it when told to. */
static void take_and_wait(void *context)
{
    struct shmq *handle;
    struct shmq_message message;
    uint64_t number;
    (void)context;
    process_require_equal(shmq_open(&handle, queue, SHMQ_CONSUMER, &options), 0);
    for (;;) {
        process_require_equal(test_queue_lease(handle, &number, &message, SHMQ_FOREVER), 0);
        process_report(number);
        (void)process_await_order();
        process_require_equal(shmq_acknowledge(handle, 1), 0);
    }
}

static uint32_t in_state(enum waiting_state state)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < CONSUMERS; i++)
        count += atomic_load(&planted.seats[i].waiting) == (uint32_t)state;
    return count;
}

static bool all_but_one_sleep_long(void *context)
{
    (void)context;
    return in_state(WAITING_LONG) == CONSUMERS - 1 && in_state(WAITING_TICK) == 1;
}

static bool nobody_sleeps_long(void *context)
{
    (void)context;
    return in_state(WAITING_LONG) == 0;
}

static void wait_for_long_sleep(void)
{
    process_wait_until(all_but_one_sleep_long, NULL, "all but one sleep long");
}

static void begin(const char *test)
{
    use_queue(test);
    producer = test_queue_open(queue, SHMQ_PRODUCER, &options);
    for (int i = 0; i < CONSUMERS; i++)
        process_start(&consumers[i], take_and_wait, NULL);
    planted_map(&planted, queue);
    wait_for_long_sleep();
}

static void end(void)
{
    for (int i = 0; i < CONSUMERS; i++)
        if (consumers[i].pid != 0)
            process_kill(&consumers[i]);
    planted_unmap(&planted);
    ck_assert_int_eq(shmq_close(producer), 0);
    test_queue_remove(queue);
}

static void expect_prompt(int64_t since_ns)
{
    ck_assert_int_lt(process_now_ns() - since_ns, process_stretched_ms(PROMPT_MS) * MS);
}

/* The first living one that has something to say. */
static bool has_report(void *context)
{
    size_t *whose = context;
    for (*whose = 0; *whose < CONSUMERS; (*whose)++)
        if (consumers[*whose].pid != 0 && process_has_report(&consumers[*whose]))
            return true;
    return false;
}

/* Returns whose report it was. */
static size_t hear_number(uint64_t expected)
{
    const int64_t start = process_now_ns();
    size_t whose;
    process_wait_until(has_report, &whose, "somebody takes the message");
    ck_assert_uint_eq(process_hear(&consumers[whose]), expected);
    expect_prompt(start);
    return whose;
}

START_TEST(first_put_wakes_everybody)
{
    begin("everybody");
    for (uint64_t round = 0; round < 2; round++) {
        const int64_t start = process_now_ns();
        ck_assert_int_eq(test_queue_put(producer, round, 0), 0);
        const size_t whose = hear_number(round);
        process_wait_until(nobody_sleeps_long, NULL, "all look at every tick");
        expect_prompt(start);
        process_order(&consumers[whose], 0);
        wait_for_long_sleep();
    }
    end();
}
END_TEST

/* Nobody sleeps long beside a lane whose owner is dead, because its time of grace may end. */
START_TEST(lane_that_has_an_owner_again_lets_everybody_sleep_long)
{
    begin("owner");
    shmq_abandon(producer);
    process_wait_until(nobody_sleeps_long, NULL, "all have seen that the owner is dead");
    producer = test_queue_open(queue, SHMQ_PRODUCER, &options);
    wait_for_long_sleep();
    end();
}
END_TEST

/* As if the producer had died before it rang: it sees nobody to ring for. */
START_TEST(put_without_a_ring_is_found_by_the_watch)
{
    begin("no-ring");
    const uint64_t bell = atomic_load(&planted.header->bell);
    atomic_store(&planted.header->bell, bell & ~UINT64_C(0xffffffff));
    ck_assert_int_eq(test_queue_put(producer, 7, 0), 0);
    process_order(&consumers[hear_number(7)], 0);
    end();
}
END_TEST

START_TEST(work_of_the_dead_is_taken_over_by_who_slept_long)
{
    begin("dead");
    ck_assert_int_eq(test_queue_put(producer, 1, 0), 0);
    process_kill(&consumers[hear_number(1)]);
    process_kill(&consumers[hear_number(1)]);
    process_order(&consumers[hear_number(1)], 0);
    end();
}
END_TEST

static bool somebody_else_watches(void *context)
{
    const uint32_t *watch = context;
    for (uint32_t i = 0; i < CONSUMERS; i++)
        if (i != *watch && atomic_load(&planted.seats[i].waiting) == WAITING_TICK)
            return true;
    return false;
}

static void kill_consumer_of(uint32_t seat)
{
    const pid_t pid = (pid_t)atomic_load(&planted.seats[seat].pid);
    for (int i = 0; i < CONSUMERS; i++)
        if (consumers[i].pid == pid)
            process_kill(&consumers[i]);
}

START_TEST(killed_watch_is_replaced)
{
    uint32_t watch = 0;
    begin("watch");
    while (atomic_load(&planted.seats[watch].waiting) != WAITING_TICK && watch + 1 < CONSUMERS)
        watch++;
    kill_consumer_of(watch);
    process_wait_until(somebody_else_watches, &watch, "another watches");
    ck_assert_int_eq(test_queue_put(producer, 3, 0), 0);
    process_order(&consumers[hear_number(3)], 0);
    end();
}
END_TEST

/* As if one had taken two rings: the others are rung for once somebody sees that there is something to do. */
START_TEST(missed_ring_is_made_up_for)
{
    begin("missed");
    atomic_store(&planted.header->long_sleepers, 0);
    ck_assert_int_eq(test_queue_put(producer, 5, 0), 0);
    const size_t whose = hear_number(5);
    process_wait_until(nobody_sleeps_long, NULL, "all look at every tick");
    process_order(&consumers[whose], 0);
    end();
}
END_TEST

/* Sleeps for two ticks where another watches. Returns whether it would have slept long. */
static bool sleeps_long(struct shmq *consumer)
{
    struct shmq_message message;
    atomic_store(&planted.header->long_sleepers, 0);
    ck_assert_int_eq(shmq_lease(consumer, &message, 2 * TICK_MS * MS), -ETIMEDOUT);
    return atomic_load(&planted.header->long_sleepers) != 0;
}

START_TEST(who_had_something_a_moment_ago_keeps_the_tick)
{
    struct shmq_message message;
    uint64_t number;
    use_queue("moment");
    producer = test_queue_open(queue, SHMQ_PRODUCER, &options);
    struct shmq *watch = test_queue_open(queue, SHMQ_CONSUMER, &options);
    struct shmq *consumer = test_queue_open(queue, SHMQ_CONSUMER, &options);
    planted_map(&planted, queue);
    atomic_store(&planted.seats[0].waiting, WAITING_TICK); /* as if it slept */
    ck_assert(sleeps_long(consumer));
    ck_assert_int_eq(test_queue_put(producer, 1, 0), 0);
    ck_assert_int_eq(test_queue_lease(consumer, &number, &message, SHMQ_FOREVER), 0); /* without a sleep */
    ck_assert_int_eq(shmq_acknowledge(consumer, 1), 0);
    ck_assert(!sleeps_long(consumer));
    atomic_store(&planted.seats[0].waiting, WAITING_NOT);
    planted_unmap(&planted);
    ck_assert_int_eq(shmq_close(watch), 0);
    ck_assert_int_eq(shmq_close(consumer), 0);
    ck_assert_int_eq(shmq_close(producer), 0);
    test_queue_remove(queue);
}
END_TEST

static const struct test tests[] = {
    TEST(lane_that_has_an_owner_again_lets_everybody_sleep_long),
    TEST(first_put_wakes_everybody),
    TEST(put_without_a_ring_is_found_by_the_watch),
    TEST(work_of_the_dead_is_taken_over_by_who_slept_long),
    TEST(killed_watch_is_replaced),
    TEST(missed_ring_is_made_up_for),
    TEST(who_had_something_a_moment_ago_keeps_the_tick),
};

TEST_SUITE("long sleep", tests, .seconds = 60);
