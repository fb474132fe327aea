/* SPDX-License-Identifier: MIT */
/* shmq_ready: how much the next lease would bring, without leasing it. */
#include <check.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "common/queue/handle.h"
#include "tests/support/harness.h"
#include "tests/support/planted.h"
#include "tests/support/process.h"
#include "tests/support/test_queue.h"

#define LONG_TICK_NS INT64_C(10000000000)
#define PROMPT_MS 2000
#define MS INT64_C(1000000)
#define PREFETCH 4
#define CELLS 64 /* of a lane */

static const struct shmq_options new_queue = {
    SHMQ_OPTIONS_DEFAULTS, .create = true, .capacity_bytes = 4096,   .lanes = 8, .seats = 4,
    .prefetch = PREFETCH,  .grace_ns = 0,  .max_message_bytes = 2048};
static const struct shmq_options slow_tick = {SHMQ_OPTIONS_DEFAULTS,   .create = true, .capacity_bytes = 4096,
                                              .tick_ns = LONG_TICK_NS, .seats = 4,     .prefetch = PREFETCH};

static struct shmq *producer;
static struct shmq *consumer;

static void begin(const char *test, const struct shmq_options *options)
{
    use_queue(test);
    producer = test_queue_open(queue, SHMQ_PRODUCER, options);
    consumer = test_queue_open(queue, SHMQ_CONSUMER, options);
}

static void end(void)
{
    ck_assert_int_eq(shmq_close(consumer), 0);
    if (producer != NULL)
        (void)shmq_close(producer);
    test_queue_remove(queue);
}

static void put_to(struct shmq *to, uint64_t first, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++)
        ck_assert_int_eq(test_queue_put(to, first + i, 0), 0);
}

static void put(uint64_t first, uint64_t count)
{
    put_to(producer, first, count);
}

static struct shmq *open_producer(uint32_t priority)
{
    struct shmq_options options = SHMQ_OPTIONS_INIT;
    options.priority = priority;
    return test_queue_open(queue, SHMQ_PRODUCER, &options);
}

static void expect_ready(size_t expected, bool expected_complete)
{
    size_t count = 99;
    bool complete = !expected_complete;
    for (int i = 0; i < 2; i++) { /* it changes nothing */
        ck_assert_int_eq(shmq_ready(consumer, &count, &complete, i == 0 ? 0 : SHMQ_FOREVER), 0);
        ck_assert_uint_eq(count, expected);
        ck_assert_int_eq(complete, expected_complete);
    }
}

static void expect_none(int code)
{
    size_t count;
    bool complete;
    ck_assert_int_eq(shmq_ready(consumer, &count, &complete, 0), code);
    ck_assert_int_eq(shmq_ready(consumer, &count, &complete, MS), code == -EAGAIN ? -ETIMEDOUT : code);
}

/* A lease brings so many, from @first on; they are acknowledged. */
static void expect_lease(uint64_t first, size_t expected)
{
    struct shmq_message messages[8];
    size_t count = 0;
    uint64_t number;
    ck_assert_int_eq(shmq_lease_many(consumer, messages, 8, &count, 0), 0);
    ck_assert_uint_eq(count, expected);
    for (size_t i = 0; i < count; i++) {
        memcpy(&number, messages[i].data, sizeof(number));
        ck_assert_uint_eq(number, first + i);
    }
    ck_assert_int_eq(shmq_acknowledge(consumer, count), 0);
}

/* ------------------------------------------------------------------ how much there is */

START_TEST(an_empty_queue_has_nothing)
{
    begin("empty", &new_queue);
    expect_none(-EAGAIN);
    put(1, 1);
    expect_lease(1, 1);
    expect_none(-EAGAIN);
    end();
}
END_TEST

START_TEST(a_lane_has_what_was_put_up_to_a_full_lease)
{
    begin("lane", &new_queue);
    for (size_t i = 1; i <= PREFETCH + 2; i++) {
        put(i, 1);
        expect_ready(i < PREFETCH ? i : PREFETCH, i >= PREFETCH);
    }
    expect_lease(1, PREFETCH);
    expect_ready(2, false);
    expect_lease(PREFETCH + 1, 2);
    end();
}
END_TEST

/* A lease takes a quarter of a lane at most, so waiting for more of that would be in vain. */
START_TEST(a_lease_that_cannot_grow_is_complete)
{
    static const unsigned char large[640]; /* 10 of 64 cells; two of them are more than a quarter */
    begin("grow", &new_queue);
    for (int i = 1; i <= 2; i++) {
        ck_assert_int_eq(shmq_put(producer, large, sizeof(large), 0), 0);
        expect_ready(1, i == 2);
    }
    end();
}
END_TEST

START_TEST(nothing_is_told_of_what_another_has_leased)
{
    struct shmq_message message;
    uint64_t number;
    begin("another", &new_queue);
    struct shmq *other = test_queue_open(queue, SHMQ_CONSUMER, NULL);
    put(1, 1);
    ck_assert_int_eq(test_queue_lease(other, &number, &message, 0), 0);
    expect_none(-EAGAIN);
    put(2, 1);
    expect_ready(1, false);
    expect_lease(2, 1);
    ck_assert_int_eq(shmq_close(other), 0);
    end();
}
END_TEST

/* The word of a batch says that it is leased before claim is moved past it. */
START_TEST(a_claim_that_lags_behind_is_passed)
{
    struct shmq_message message;
    struct planted planted;
    uint64_t number;
    begin("claim", &new_queue);
    struct shmq *other = test_queue_open(queue, SHMQ_CONSUMER, NULL);
    put(1, 1);
    planted_map(&planted, queue);
    const uint64_t claim = atomic_load(&planted_lane(&planted, 0)->claim);
    ck_assert_int_eq(test_queue_lease(other, &number, &message, 0), 0);
    atomic_store(&planted_lane(&planted, 0)->claim, claim);
    expect_none(-EAGAIN);
    atomic_store(&planted_lane(&planted, 0)->claim, claim);
    put(2, 1);
    expect_ready(1, false);
    expect_lease(2, 1);
    planted_unmap(&planted);
    ck_assert_int_eq(shmq_close(other), 0);
    end();
}
END_TEST

/* Others are left no share: what is told comes in one lease. */
START_TEST(it_comes_in_one_lease_whoever_else_is_there)
{
    begin("share", &new_queue);
    struct shmq *others[2];
    for (size_t i = 0; i < 2; i++)
        others[i] = test_queue_open(queue, SHMQ_CONSUMER, NULL);
    put(1, 3);
    expect_ready(3, false);
    expect_lease(1, 3);
    ck_assert_int_eq(shmq_close(others[0]), 0); /* then they are counted anew */
    put(4, 4);
    expect_ready(4, true);
    expect_lease(4, 4);
    ck_assert_int_eq(shmq_close(others[1]), 0);
    end();
}
END_TEST

/* ------------------------------------------------------------------ several lanes */

START_TEST(it_tells_of_the_lane_whose_turn_it_is)
{
    begin("turn", &new_queue);
    struct shmq *other = open_producer(SHMQ_PRIORITY_DEFAULT);
    put(1, 2);
    put_to(other, 10, 3);
    expect_ready(2, false);
    expect_lease(1, 2);
    put(3, 1);
    expect_ready(3, false);
    expect_lease(10, 3);
    expect_ready(1, false);
    expect_lease(3, 1);
    ck_assert_int_eq(shmq_close(other), 0);
    end();
}
END_TEST

START_TEST(it_tells_of_the_most_urgent_lane)
{
    begin("urgent", &new_queue);
    struct shmq *urgent = open_producer(0);
    put(1, 2);
    expect_ready(2, false);
    put_to(urgent, 10, 1);
    expect_ready(1, false);
    expect_lease(10, 1);
    expect_ready(2, false);
    ck_assert_int_eq(shmq_close(urgent), 0);
    end();
}
END_TEST

/* Whoever waits for one lane does not keep another waiting that is full. _i: of which priority that is. */
START_TEST(a_lane_that_is_full_ends_the_wait_for_another)
{
    begin("other", &new_queue);
    struct shmq *first = open_producer(0);
    struct shmq *full = open_producer((uint32_t)_i);
    put_to(first, 1, 1);
    put_to(full, 10, PREFETCH - 1);
    expect_ready(1, false);
    put_to(full, 10 + PREFETCH - 1, 1);
    expect_ready(1, true);
    expect_lease(1, 1);
    expect_ready(PREFETCH, true);
    expect_lease(10, PREFETCH);
    ck_assert_int_eq(shmq_close(first), 0);
    ck_assert_int_eq(shmq_close(full), 0);
    end();
}
END_TEST

/* With many lanes, a lease looks at few of them; not after this. */
START_TEST(many_lanes_are_all_looked_at)
{
    struct shmq *producers[6];
    begin("many", &new_queue);
    for (uint32_t i = 0; i < 6; i++)
        producers[i] = open_producer(i < 5 ? 4 : 0);
    put(1, 2 * PREFETCH);
    expect_lease(1, PREFETCH);
    put_to(producers[5], 50, 2);
    expect_ready(2, true);
    expect_lease(50, 2);
    for (uint32_t i = 0; i < 6; i++)
        ck_assert_int_eq(shmq_close(producers[i]), 0);
    end();
}
END_TEST

/* ------------------------------------------------------------------ the end */

START_TEST(no_more_will_come_when_all_have_finished)
{
    begin("finished", &new_queue);
    struct shmq *other = open_producer(SHMQ_PRIORITY_DEFAULT);
    put(1, 1);
    put_to(other, 2, 1);
    ck_assert_int_eq(shmq_finish(other), 0);
    expect_ready(1, false);
    ck_assert_int_eq(shmq_finish(producer), 0);
    expect_ready(1, true);
    expect_lease(1, 1);
    expect_lease(2, 1);
    expect_none(-ENODATA);
    ck_assert_int_eq(shmq_close(other), 0);
    end();
}
END_TEST

/* _i: it follows; it expects two producers. */
START_TEST(more_may_come_though_all_have_finished)
{
    struct shmq_options options = new_queue;
    options.follow = _i == 0;
    options.producers = _i == 0 ? 0 : 2;
    begin("follow", &options);
    put(1, 1);
    ck_assert_int_eq(shmq_finish(producer), 0);
    expect_ready(1, false);
    expect_lease(1, 1);
    end();
}
END_TEST

START_TEST(a_queue_that_drains_gets_no_more)
{
    begin("drains", &new_queue);
    put(1, 1);
    ck_assert_int_eq(shmq_shutdown(queue, SHMQ_DRAIN), 0);
    expect_ready(1, true);
    expect_lease(1, 1);
    expect_none(-ESHUTDOWN);
    end();
}
END_TEST

START_TEST(a_queue_that_is_shut_down_has_nothing)
{
    begin("shut", &new_queue);
    put(1, 1);
    ck_assert_int_eq(shmq_shutdown(queue, SHMQ_NOW), 0);
    expect_none(-ESHUTDOWN);
    end();
}
END_TEST

START_TEST(a_dead_producer_ends_the_stream)
{
    begin("dead", &new_queue);
    put(1, 1);
    shmq_abandon(producer);
    producer = NULL;
    expect_ready(1, false); /* that would take a system call */
    expect_lease(1, 1);
    expect_none(-EOWNERDEAD);
    end();
}
END_TEST

START_TEST(a_paused_queue_has_nothing)
{
    begin("paused", &new_queue);
    put(1, 1);
    ck_assert_int_eq(shmq_pause(queue), 0);
    expect_none(-EAGAIN);
    ck_assert_int_eq(shmq_resume(queue), 0);
    expect_ready(1, false);
    end();
}
END_TEST

START_TEST(a_queue_that_is_removed_has_nothing)
{
    begin("removed", &new_queue);
    put(1, 1);
    ck_assert_int_eq(shmq_remove(queue, true), 0);
    expect_none(-ESTALE);
    ck_assert_int_eq(shmq_close(consumer), 0);
    ck_assert_int_eq(shmq_close(producer), -ESTALE);
}
END_TEST

/* _i: a descriptor; a position. */
START_TEST(damage_is_told)
{
    struct planted planted;
    begin("damaged", &new_queue);
    put(1, 3);
    planted_map(&planted, queue);
    struct lane_control *lane = planted_lane(&planted, 0);
    const uint64_t claim = atomic_load(&lane->claim);
    if (_i == 0)
        atomic_store(&planted_record(&planted, 0, claim)->word, UINT64_MAX);
    else
        atomic_store(&lane->tail, claim + 2 * CELLS);
    expect_none(-EBADMSG);
    planted_unmap(&planted);
    end();
}
END_TEST

/* A damaged lane beside a good one is found when its turn comes. */
START_TEST(damage_in_another_lane_is_left_to_its_lease)
{
    struct planted planted;
    begin("beside", &new_queue);
    struct shmq *other = open_producer(7);
    put(1, 1);
    put_to(other, 2, PREFETCH);
    planted_map(&planted, queue);
    atomic_store(&planted_record(&planted, 1, atomic_load(&planted_lane(&planted, 1)->claim))->word, UINT64_MAX);
    expect_ready(1, false);
    expect_lease(1, 1);
    expect_none(-EBADMSG);
    planted_unmap(&planted);
    (void)shmq_close(other);
    end();
}
END_TEST

/* ------------------------------------------------------------------ what others left */

/* _i: how a consumer of two messages left: dead, dead after acknowledging one, in order. */
START_TEST(what_another_left_is_taken_over_and_complete)
{
    struct shmq_message messages[PREFETCH];
    size_t count;
    uint64_t number;
    begin("left", &new_queue);
    struct shmq *other = test_queue_open(queue, SHMQ_CONSUMER, &new_queue);
    put(1, 6);
    ck_assert_int_eq(shmq_lease_many(other, messages, PREFETCH, &count, 0), 0);
    ck_assert_uint_eq(count, 3); /* a fair share */
    if (_i == 1)
        ck_assert_int_eq(shmq_acknowledge(other, 1), 0);
    if (_i == 2)
        ck_assert_int_eq(shmq_close(other), 0);
    else
        shmq_abandon(other);
    const size_t left = _i == 1 ? 2 : 3;
    expect_ready(left, true);
    ck_assert_int_eq(shmq_lease_many(consumer, messages, PREFETCH, &count, 0), 0);
    ck_assert_uint_eq(count, left);
    memcpy(&number, messages[0].data, sizeof(number));
    ck_assert_uint_eq(number, _i == 1 ? 2 : 1);
    ck_assert(messages[0].redelivered);
    ck_assert_int_eq(shmq_acknowledge(consumer, count), 0);
    expect_ready(3, false);
    end();
}
END_TEST

/* It tells of the rest of a batch, until that is handed out. */
START_TEST(the_rest_of_a_batch_is_ready)
{
    struct shmq_message message;
    uint64_t number;
    size_t count;
    bool complete;
    begin("rest", &new_queue);
    put(1, 3);
    ck_assert_int_eq(test_queue_lease(consumer, &number, &message, 0), 0);
    put(4, 1);
    expect_ready(2, true);
    for (int i = 0; i < 2; i++)
        ck_assert_int_eq(test_queue_lease(consumer, &number, &message, 0), 0);
    ck_assert_int_eq(shmq_ready(consumer, &count, &complete, 0), -EBUSY);
    ck_assert_int_eq(shmq_acknowledge(consumer, 3), 0);
    expect_ready(1, false);
    end();
}
END_TEST

/* Who looks holds nothing: if it dies, another gets the messages at once, as if they were new. */
START_TEST(who_dies_after_looking_held_nothing)
{
    struct shmq_message message;
    uint64_t number;
    begin("dies", &new_queue);
    put(1, 2);
    expect_ready(2, false);
    shmq_abandon(consumer);
    consumer = test_queue_open(queue, SHMQ_CONSUMER, &new_queue);
    ck_assert_int_eq(test_queue_lease(consumer, &number, &message, 0), 0);
    ck_assert_uint_eq(number, 1);
    ck_assert(!message.redelivered);
    ck_assert_uint_eq(message.attempts, 0);
    end();
}
END_TEST

/* ------------------------------------------------------------------ waiting */

static void look_once(void *context)
{
    struct shmq *handle;
    size_t count = 0;
    bool complete;
    (void)context;
    process_require_equal(shmq_open(&handle, queue, SHMQ_CONSUMER, &slow_tick), 0);
    process_report(0);
    const int code = shmq_ready(handle, &count, &complete, SHMQ_FOREVER);
    process_report(code == 0 ? count : process_code(code));
    (void)process_await_order();
    (void)shmq_close(handle);
}

static bool sleeps(void *context)
{
    return process_sleeps(context);
}

/* _i: a message; a resumed queue; the end; shut down at once. */
START_TEST(it_is_woken)
{
    static const int codes[] = {1, 1, -ENODATA, -ESHUTDOWN};
    struct process looker;
    uint64_t heard = 0;
    use_queue("woken");
    producer = test_queue_open(queue, SHMQ_PRODUCER, &slow_tick);
    if (_i == 1) {
        put(1, 1);
        ck_assert_int_eq(shmq_pause(queue), 0);
    }
    process_start(&looker, look_once, NULL);
    (void)process_hear(&looker);
    process_wait_until(sleeps, &looker, "it sleeps");
    if (_i == 0)
        put(1, 1);
    else if (_i == 1)
        ck_assert_int_eq(shmq_resume(queue), 0);
    else if (_i == 2)
        ck_assert_int_eq(shmq_finish(producer), 0);
    else
        ck_assert_int_eq(shmq_shutdown(queue, SHMQ_NOW), 0);
    ck_assert(process_hears(&looker, process_stretched_ms(PROMPT_MS), &heard));
    ck_assert_uint_eq(heard, process_code(codes[_i]));
    process_order(&looker, 0);
    process_expect_success(&looker);
    (void)shmq_close(producer);
    test_queue_remove(queue);
}
END_TEST

START_TEST(it_can_be_interrupted)
{
    size_t count;
    bool complete;
    begin("interrupted", &new_queue);
    ck_assert_int_eq(shmq_interrupt(consumer), 0);
    ck_assert_int_eq(shmq_ready(consumer, &count, &complete, SHMQ_FOREVER), -EINTR);
    expect_none(-EAGAIN);
    end();
}
END_TEST

START_TEST(wrong_calls_are_refused)
{
    size_t count;
    bool complete;
    begin("wrong", &new_queue);
    ck_assert_int_eq(shmq_ready(producer, &count, &complete, 0), -EINVAL);
    ck_assert_int_eq(shmq_ready(NULL, &count, &complete, 0), -EINVAL);
    ck_assert_int_eq(shmq_ready(consumer, NULL, &complete, 0), -EINVAL);
    ck_assert_int_eq(shmq_ready(consumer, &count, NULL, 0), -EINVAL);
    end();
}
END_TEST

static const struct test tests[] = {
    TEST_GROUP("how much there is"),
    TEST(an_empty_queue_has_nothing),
    TEST(a_lane_has_what_was_put_up_to_a_full_lease),
    TEST(a_lease_that_cannot_grow_is_complete),
    TEST(nothing_is_told_of_what_another_has_leased),
    TEST(a_claim_that_lags_behind_is_passed),
    TEST(it_comes_in_one_lease_whoever_else_is_there),
    TEST_GROUP("several lanes"),
    TEST(it_tells_of_the_lane_whose_turn_it_is),
    TEST(it_tells_of_the_most_urgent_lane),
    TEST_EACH(a_lane_that_is_full_ends_the_wait_for_another, SHMQ_PRIORITIES),
    TEST(many_lanes_are_all_looked_at),
    TEST_GROUP("the end"),
    TEST(no_more_will_come_when_all_have_finished),
    TEST_EACH(more_may_come_though_all_have_finished, 2),
    TEST(a_queue_that_drains_gets_no_more),
    TEST(a_queue_that_is_shut_down_has_nothing),
    TEST(a_dead_producer_ends_the_stream),
    TEST(a_paused_queue_has_nothing),
    TEST(a_queue_that_is_removed_has_nothing),
    TEST_EACH(damage_is_told, 2),
    TEST(damage_in_another_lane_is_left_to_its_lease),
    TEST_GROUP("what others left"),
    TEST_EACH(what_another_left_is_taken_over_and_complete, 3),
    TEST(the_rest_of_a_batch_is_ready),
    TEST(who_dies_after_looking_held_nothing),
    TEST_GROUP("waiting"),
    TEST_EACH(it_is_woken, 4),
    TEST(it_can_be_interrupted),
    TEST(wrong_calls_are_refused),
};
TEST_SUITE("ready", tests, .seconds = 20);
