/* SPDX-License-Identifier: MIT */
/* A paused queue takes messages and hands out none. */
#include <check.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "common/queue/handle.h"
#include "tests/support/harness.h"
#include "tests/support/planted.h"
#include "tests/support/process.h"
#include "tests/support/sleeper.h"
#include "tests/support/test_queue.h"

/* So long that whatever comes in time has been brought by a wake-up. */
#define LONG_TICK_NS INT64_C(10000000000)
#define PROMPT_MS 2000
#define MS INT64_C(1000000)
#define ROUNDS 300

static const struct shmq_options attach_only = SHMQ_OPTIONS_INIT;
static const struct shmq_options following = {SHMQ_OPTIONS_DEFAULTS, .follow = true};
static const struct shmq_options new_queue = {SHMQ_OPTIONS_DEFAULTS, .create = true, .capacity_bytes = 4096,
                                              .seats = 8, .prefetch = 4};
static const struct shmq_options slow_tick = {SHMQ_OPTIONS_DEFAULTS,   .create = true, .capacity_bytes = 4096,
                                              .tick_ns = LONG_TICK_NS, .seats = 8,     .prefetch = 1};

static struct shmq *producer;

static void begin(const char *test, const struct shmq_options *options)
{
    use_queue(test);
    producer = test_queue_open(queue, SHMQ_PRODUCER, options);
}

static void put(uint64_t first, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++)
        ck_assert_int_eq(test_queue_put(producer, first + i, 0), 0);
}

static void expect_next(struct shmq *consumer, uint64_t expected)
{
    uint64_t number = 0;
    ck_assert_int_eq(test_queue_get(consumer, &number, 0), 0);
    ck_assert_uint_eq(number, expected);
}

static void expect_nothing(struct shmq *consumer)
{
    uint64_t number;
    ck_assert_int_eq(test_queue_get(consumer, &number, 0), -EAGAIN);
    ck_assert_int_eq(test_queue_get(consumer, &number, MS), -ETIMEDOUT);
}

static void end(void)
{
    ck_assert_int_eq(shmq_close(producer), 0);
    test_queue_remove(queue);
}

static bool says_paused(void)
{
    struct shmq *observer = test_queue_open(queue, SHMQ_OBSERVER, &attach_only);
    struct shmq_info info = SHMQ_INFO_INIT;
    ck_assert_int_eq(shmq_info(observer, &info), 0);
    ck_assert_int_eq(info.paused, test_queue_stat(queue).paused);
    ck_assert_int_eq(shmq_check(observer, NULL, NULL), 0);
    ck_assert_int_eq(shmq_close(observer), 0);
    return info.paused;
}

/* ------------------------------------------------------------------ what it hands out */

START_TEST(a_paused_queue_takes_messages_and_hands_out_none)
{
    begin("none", &new_queue);
    struct shmq *consumer = test_queue_open(queue, SHMQ_CONSUMER, &attach_only);
    ck_assert(!says_paused());
    put(1, 1);
    for (int i = 0; i < 2; i++) { /* again changes nothing */
        ck_assert_int_eq(shmq_pause(queue), 0);
        ck_assert(says_paused());
        expect_nothing(consumer);
        put(2 + (uint64_t)i, 1);
        expect_nothing(consumer);
    }
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(shmq_resume(queue), 0);
        ck_assert(!says_paused());
    }
    for (uint64_t i = 1; i <= 3; i++)
        expect_next(consumer, i);
    ck_assert_int_eq(shmq_close(consumer), 0);
    end();
}
END_TEST

START_TEST(a_pause_outlives_all_who_use_the_queue)
{
    begin("outlives", &new_queue);
    put(1, 1);
    ck_assert_int_eq(shmq_pause(queue), 0);
    ck_assert_int_eq(shmq_close(producer), 0);
    producer = test_queue_open(queue, SHMQ_PRODUCER, &attach_only);
    struct shmq *consumer = test_queue_open(queue, SHMQ_CONSUMER, &attach_only);
    ck_assert(says_paused());
    expect_nothing(consumer);
    ck_assert_int_eq(shmq_resume(queue), 0);
    expect_next(consumer, 1);
    ck_assert_int_eq(shmq_close(consumer), 0);
    end();
}
END_TEST

START_TEST(what_is_leased_may_be_finished)
{
    struct shmq_message message;
    uint64_t number;
    begin("leased", &new_queue);
    put(1, 5);
    struct shmq *consumer = test_queue_open(queue, SHMQ_CONSUMER, &new_queue); /* four in a lease */
    ck_assert_int_eq(test_queue_lease(consumer, &number, &message, 0), 0);
    ck_assert_int_eq(shmq_pause(queue), 0);
    ck_assert_int_eq(shmq_acknowledge(consumer, 1), 0);
    for (uint64_t i = 2; i <= 4; i++) {
        ck_assert_int_eq(test_queue_lease(consumer, &number, &message, 0), 0);
        ck_assert_uint_eq(number, i);
        ck_assert_int_eq(shmq_acknowledge(consumer, 1), 0);
    }
    expect_nothing(consumer);
    ck_assert_int_eq(shmq_resume(queue), 0);
    expect_next(consumer, 5);
    ck_assert_int_eq(shmq_close(consumer), 0);
    end();
}
END_TEST

/* _i: left in the ring; left in the seat buffer; given back. */
START_TEST(what_another_left_waits)
{
    struct shmq_message message;
    uint64_t number;
    begin("left", &new_queue);
    put(1, 1);
    struct shmq *other = test_queue_open(queue, SHMQ_CONSUMER, &attach_only);
    struct shmq *consumer = test_queue_open(queue, SHMQ_CONSUMER, &attach_only);
    ck_assert_int_eq(test_queue_lease(other, &number, &message, 0), 0);
    if (_i == 1)
        ck_assert_int_eq(shmq_hold(other, &message), 0);
    ck_assert_int_eq(shmq_pause(queue), 0);
    if (_i == 2)
        ck_assert_int_eq(shmq_release(other), 0);
    shmq_abandon(other);
    expect_nothing(consumer);
    ck_assert_int_eq(shmq_resume(queue), 0);
    ck_assert_int_eq(test_queue_lease(consumer, &number, &message, SHMQ_FOREVER), 0);
    ck_assert_uint_eq(number, 1);
    ck_assert(message.redelivered);
    ck_assert_int_eq(shmq_acknowledge(consumer, 1), 0);
    ck_assert_int_eq(shmq_close(consumer), 0);
    end();
}
END_TEST

/* ------------------------------------------------------------------ its end */

/* _i: producers have finished; the queue is draining; both. */
START_TEST(the_end_does_not_come_while_messages_wait)
{
    uint64_t number;
    const bool drains = _i != 0;
    begin("end", &new_queue);
    put(1, 1);
    struct shmq *consumer = test_queue_open(queue, SHMQ_CONSUMER, _i == 1 ? &following : &attach_only);
    ck_assert_int_eq(shmq_pause(queue), 0);
    if (_i != 1)
        ck_assert_int_eq(shmq_finish(producer), 0);
    if (drains)
        ck_assert_int_eq(shmq_shutdown(queue, SHMQ_DRAIN), 0);
    expect_nothing(consumer);
    ck_assert_int_eq(shmq_resume(queue), 0);
    expect_next(consumer, 1);
    ck_assert_int_eq(test_queue_get(consumer, &number, SHMQ_FOREVER), _i == 1 ? -ESHUTDOWN : -ENODATA);
    ck_assert_int_eq(shmq_close(consumer), 0);
    end();
}
END_TEST

START_TEST(the_end_comes_to_a_paused_queue_that_is_empty)
{
    uint64_t number;
    begin("empty", &new_queue);
    struct shmq *consumer = test_queue_open(queue, SHMQ_CONSUMER, &attach_only);
    ck_assert_int_eq(shmq_pause(queue), 0);
    expect_nothing(consumer);
    ck_assert_int_eq(shmq_finish(producer), 0);
    ck_assert_int_eq(test_queue_get(consumer, &number, SHMQ_FOREVER), -ENODATA);
    ck_assert_int_eq(shmq_close(consumer), 0);
    end();
}
END_TEST

/* _i: shut down at once; removed. Before the consumer sleeps, and in its sleep. */
START_TEST(what_ends_consumers_ends_those_of_a_paused_queue)
{
    struct process before;
    struct process after;
    begin("ends", &slow_tick);
    sleeper_start(&before, &following);
    ck_assert_int_eq(shmq_pause(queue), 0);
    put(1, 1);
    sleeper_start(&after, &following);
    ck_assert_int_eq(_i == 0 ? shmq_shutdown(queue, SHMQ_NOW) : shmq_remove(queue, true), 0);
    ck_assert_uint_eq(sleeper_hear(&before, PROMPT_MS), process_code(_i == 0 ? -ESHUTDOWN : -ESTALE));
    ck_assert_uint_eq(sleeper_hear(&after, PROMPT_MS), process_code(_i == 0 ? -ESHUTDOWN : -ESTALE));
    sleeper_finish(&before);
    sleeper_finish(&after);
    (void)shmq_close(producer);
    if (_i == 0)
        test_queue_remove(queue);
}
END_TEST

/* ------------------------------------------------------------------ waking */

/* Some fell asleep before the pause, some after it; some before the messages came. */
START_TEST(resume_wakes_all_who_sleep)
{
    struct process consumers[4];
    uint64_t got = 0;
    begin("wakes", &slow_tick);
    sleeper_start(&consumers[0], &following);
    sleeper_start(&consumers[1], &following);
    ck_assert_int_eq(shmq_pause(queue), 0);
    sleeper_start(&consumers[2], &following);
    put(1, 4);
    sleeper_start(&consumers[3], &following);
    for (size_t i = 0; i < 4; i++)
        ck_assert(!process_has_report(&consumers[i]));
    ck_assert_int_eq(shmq_resume(queue), 0);
    for (size_t i = 0; i < 4; i++)
        got |= 1U << sleeper_hear(&consumers[i], PROMPT_MS);
    ck_assert_uint_eq(got, 0x1e);
    for (size_t i = 0; i < 4; i++)
        sleeper_finish(&consumers[i]);
    end();
}
END_TEST

START_TEST(a_put_into_a_paused_queue_wakes_nobody)
{
    struct process consumer;
    struct planted planted;
    begin("nobody", &slow_tick);
    ck_assert_int_eq(shmq_pause(queue), 0);
    sleeper_start(&consumer, &following);
    planted_map(&planted, queue);
    ck_assert_uint_eq((uint32_t)atomic_load(&planted.header->bell), 0);
    ck_assert_uint_eq(atomic_load(&planted.seats[0].waiting), WAITING_TICK);
    put(1, 3);
    ck_assert(process_sleeps(&consumer));
    ck_assert_int_eq(shmq_resume(queue), 0);
    ck_assert_uint_eq(sleeper_hear(&consumer, PROMPT_MS), 1);
    ck_assert_uint_eq((uint32_t)atomic_load(&planted.header->bell), 0);
    planted_unmap(&planted);
    sleeper_finish(&consumer);
    end();
}
END_TEST

static void get_in_rounds(void *context)
{
    _Atomic uint64_t *got = context;
    struct shmq *handle;
    uint64_t number;
    process_require_equal(shmq_open(&handle, queue, SHMQ_CONSUMER, &attach_only), 0);
    while (test_queue_get(handle, &number, SHMQ_FOREVER) == 0)
        atomic_fetch_add(got, 1);
    process_require_equal(shmq_close(handle), 0);
}

struct wanted {
    _Atomic uint64_t *got;
    uint64_t count;
};

static bool is_got(void *context)
{
    const struct wanted *wanted = context;
    return atomic_load(wanted->got) >= wanted->count;
}

/* Whoever falls asleep while the queue is paused and resumed is woken: with this tick, a missed wake-up is seen.
 */
START_TEST(resume_is_heard_at_any_moment_of_falling_asleep)
{
    struct process consumers[2];
    _Atomic uint64_t *got = process_share(sizeof(*got));
    begin("moments", &slow_tick);
    for (size_t i = 0; i < 2; i++)
        process_start(&consumers[i], get_in_rounds, got);
    for (uint64_t i = 0; i < ROUNDS; i++) {
        struct wanted wanted = {got, i + 1};
        const int64_t began = process_now_ns();
        ck_assert_int_eq(shmq_pause(queue), 0);
        for (volatile int spin = rand() % 20000; spin > 0; spin--) // NOLINT: any moment is as good
            ;
        put(i, 1);
        ck_assert_int_eq(shmq_resume(queue), 0);
        process_wait_until(is_got, &wanted, "the message is got");
        ck_assert_int_lt(process_now_ns() - began, process_stretched_ms(PROMPT_MS) * MS);
    }
    ck_assert_int_eq(shmq_finish(producer), 0);
    for (size_t i = 0; i < 2; i++)
        process_expect_success(&consumers[i]);
    end();
}
END_TEST

/* Pauses of all lengths beside busy consumers: nothing is lost or comes twice. */
START_TEST(pauses_beside_work_lose_nothing)
{
    struct process consumers[2];
    _Atomic uint64_t *got = process_share(sizeof(*got));
    begin("busy", &new_queue);
    for (size_t i = 0; i < 2; i++)
        process_start(&consumers[i], get_in_rounds, got);
    for (uint64_t i = 0; i < 20 * (uint64_t)ROUNDS; i++) {
        if (i % 32 == 0)
            ck_assert_int_eq(shmq_pause(queue), 0);
        if (i % 32 == 16)
            ck_assert_int_eq(shmq_resume(queue), 0);
        const int code = test_queue_put(producer, i, 0);
        if (code == 0)
            continue;
        ck_assert_int_eq(code, -EAGAIN);
        ck_assert_int_eq(shmq_resume(queue), 0); /* the lane is full */
        ck_assert_int_eq(test_queue_put(producer, i, SHMQ_FOREVER), 0);
    }
    ck_assert_int_eq(shmq_resume(queue), 0);
    ck_assert_int_eq(shmq_finish(producer), 0);
    for (size_t i = 0; i < 2; i++)
        process_expect_success(&consumers[i]);
    ck_assert_uint_eq(atomic_load(got), 20 * (uint64_t)ROUNDS);
    end();
}
END_TEST

START_TEST(a_queue_that_is_not_there_is_neither_paused_nor_resumed)
{
    const char *nowhere = test_name("nowhere");
    ck_assert_int_eq(shmq_pause(nowhere), -ENOENT);
    ck_assert_int_eq(shmq_resume(nowhere), -ENOENT);
    ck_assert_int_eq(shmq_pause("a/b"), -EINVAL);
    ck_assert_int_eq(shmq_resume(NULL), -EINVAL);
}
END_TEST

static const struct test tests[] = {
    TEST_GROUP("what it hands out"),
    TEST(a_paused_queue_takes_messages_and_hands_out_none),
    TEST(a_pause_outlives_all_who_use_the_queue),
    TEST(what_is_leased_may_be_finished),
    TEST_EACH(what_another_left_waits, 3),
    TEST_GROUP("its end"),
    TEST_EACH(the_end_does_not_come_while_messages_wait, 3),
    TEST(the_end_comes_to_a_paused_queue_that_is_empty),
    TEST_EACH(what_ends_consumers_ends_those_of_a_paused_queue, 2),
    TEST_GROUP("waking"),
    TEST(resume_wakes_all_who_sleep),
    TEST(a_put_into_a_paused_queue_wakes_nobody),
    TEST(resume_is_heard_at_any_moment_of_falling_asleep),
    TEST(pauses_beside_work_lose_nothing),
    TEST_GROUP("errors"),
    TEST(a_queue_that_is_not_there_is_neither_paused_nor_resumed),
};
TEST_SUITE("pause", tests, .seconds = 20);
