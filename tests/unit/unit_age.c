/* SPDX-License-Identifier: MIT */
/* How old the oldest message is: messages carry the time when they were put, and the library has to agree. */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/kernel/clock.h"
#include "common/shmq.h"
#include "tests/support/harness.h"
#include "tests/support/test_queue.h"

#define MS INT64_C(1000000)
#define ACCURATE_NS (100 * MS)
#define PAUSE_NS (30 * MS)

static const struct shmq_options usual = {
    SHMQ_OPTIONS_DEFAULTS, .create = true, .capacity_bytes = 1 << 20, .lanes = 4, .seats = 8, .prefetch = 16};
static const struct shmq_options one_by_one = {SHMQ_OPTIONS_DEFAULTS, .prefetch = 1};

static struct shmq *producer;
static struct shmq *observer;

static void set_up(void)
{
    use_queue("age");
    producer = test_queue_open(queue, SHMQ_PRODUCER, &usual);
    observer = test_queue_open(queue, SHMQ_OBSERVER, NULL);
}

static void tear_down(void)
{
    ck_assert_int_eq(shmq_close(producer), 0);
    ck_assert_int_eq(shmq_close(observer), 0);
    test_queue_remove(queue);
}

static void pause_for(int64_t ns)
{
    const int64_t until_ns = clock_now_ns() + ns;
    while (clock_now_ns() < until_ns)
        clock_sleep_until(until_ns);
}

/* ------------------------------------------------------------------ putting */

enum way { BY_PUT, BY_PUT_MANY, BY_COMMIT, BY_OUTGOING, WAYS };

static void put_by(struct shmq *handle, enum way way)
{
    const int64_t now_ns = clock_now_ns();
    const struct iovec many = {.iov_base = (void *)(uintptr_t)&now_ns, .iov_len = sizeof(now_ns)};
    const struct shmq_outgoing outgoing = {.size = sizeof(outgoing),
                                           .data = &now_ns,
                                           .length = sizeof(now_ns),
                                           .headers = "Key: value\n",
                                           .headers_length = 11};
    void *payload;
    switch (way) {
    case BY_PUT:
        ck_assert_int_eq(shmq_put(handle, &now_ns, sizeof(now_ns), 0), 0);
        break;
    case BY_PUT_MANY:
        ck_assert_int_eq(shmq_put_many(handle, &many, 1, NULL, 0), 0);
        break;
    case BY_OUTGOING:
        ck_assert_int_eq(shmq_put_outgoing(handle, &outgoing, 1, NULL, 0), 0);
        break;
    default:
        ck_assert_int_eq(shmq_reserve(handle, sizeof(now_ns), &payload, 0), 0);
        memcpy(payload, &now_ns, sizeof(now_ns));
        ck_assert_int_eq(shmq_commit(handle, sizeof(now_ns)), 0);
    }
}

static int64_t put_time_of(const struct shmq_message *message)
{
    int64_t ns;
    ck_assert_uint_eq(message->length, sizeof(ns));
    memcpy(&ns, message->data, sizeof(ns));
    return ns;
}

/* ------------------------------------------------------------------ looking */

/* @name: NULL, or another queue than the usual one. */
static int64_t oldest_of(const char *name)
{
    if (name != NULL)
        return test_queue_stat(name).oldest_ns;
    struct shmq_stat stat = SHMQ_STAT_INIT;
    ck_assert_int_eq(shmq_stat(observer, &stat), 0);
    return stat.oldest_ns;
}

static void expect_age_in(const char *name, int64_t put_ns)
{
    const int64_t before_ns = clock_now_ns() - put_ns;
    const int64_t age_ns = oldest_of(name);
    const int64_t after_ns = clock_now_ns() - put_ns;
    ck_assert_msg(age_ns >= before_ns - ACCURATE_NS && age_ns <= after_ns + ACCURATE_NS,
                  "the age is %ld ms instead of %ld", (long)(age_ns / MS), (long)(before_ns / MS));
}

static void expect_age(int64_t put_ns)
{
    expect_age_in(NULL, put_ns);
}

/* Takes all messages one after the other, and looks how old each is while it is the oldest. */
static void expect_each(uint64_t messages)
{
    struct shmq_message message;
    struct shmq *consumer = test_queue_open(queue, SHMQ_CONSUMER, &one_by_one);
    for (uint64_t i = 0; i < messages; i++) {
        ck_assert_int_eq(shmq_lease(consumer, &message, 0), 0);
        expect_age(put_time_of(&message));
        ck_assert_int_eq(shmq_acknowledge(consumer, 1), 0);
    }
    ck_assert_int_eq(oldest_of(NULL), -1);
    ck_assert_int_eq(shmq_close(consumer), 0);
}

START_TEST(slow_messages_have_an_age_each)
{
    for (int i = 0; i < 10; i++) {
        put_by(producer, (enum way)_i);
        pause_for(PAUSE_NS);
    }
    expect_each(10);
}
END_TEST

START_TEST(a_burst_after_slow_messages_has_an_age)
{
    for (int i = 0; i < 5; i++) {
        put_by(producer, (enum way)_i);
        pause_for(PAUSE_NS);
    }
    for (int i = 0; i < 1000; i++)
        put_by(producer, (enum way)_i);
    pause_for(2 * ACCURATE_NS);
    expect_each(1005);
}
END_TEST

/* So few that each is dated, however fast they come. */
START_TEST(slow_messages_after_a_small_burst_have_an_age_each)
{
    for (int i = 0; i < 60; i++)
        put_by(producer, (enum way)_i);
    for (int i = 0; i < 8; i++) {
        pause_for(2 * PAUSE_NS);
        put_by(producer, (enum way)_i);
    }
    expect_each(68);
}
END_TEST

/* A call with fewer messages is dated, however large the burst was. */
START_TEST(slow_calls_after_a_burst_of_large_ones_have_an_age_each)
{
    static struct iovec many[256];
    int64_t now_ns = clock_now_ns();
    for (size_t i = 0; i < COUNT(many); i++)
        many[i] = (struct iovec){.iov_base = &now_ns, .iov_len = sizeof(now_ns)};
    for (int i = 0; i < 40; i++)
        ck_assert_int_eq(shmq_put_many(producer, many, COUNT(many), NULL, 0), 0);
    for (int i = 0; i < 8; i++) {
        pause_for(2 * PAUSE_NS);
        put_by(producer, BY_PUT_MANY);
    }
    expect_each(40 * COUNT(many) + 8);
}
END_TEST

/* A put was refused, and a smaller message comes when it is given up. What was known before tells nothing of it.
 */
START_TEST(what_comes_after_a_refused_put_has_its_own_age)
{
    const size_t bytes = 256 << 10;
    void *big = calloc(1, bytes);
    void *payload;
    struct shmq_message message;
    put_by(producer, BY_PUT);
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(shmq_put(producer, big, bytes, 0), 0);
    for (int i = 0; i < 1000 && _i == 1; i++)
        put_by(producer, BY_PUT);
    if (_i == 0)
        ck_assert_int_eq(shmq_reserve(producer, sizeof(int64_t), &payload, 0), 0);
    ck_assert_int_eq(shmq_put(producer, big, bytes, 0), -EAGAIN);
    pause_for(4 * ACCURATE_NS);
    put_by(producer, BY_PUT);
    struct shmq *consumer = test_queue_open(queue, SHMQ_CONSUMER, &one_by_one);
    for (int i = 0; i < (_i == 0 ? 5 : 1005); i++) {
        ck_assert(i == 0 || shmq_acknowledge(consumer, 1) == 0);
        ck_assert_int_eq(shmq_lease(consumer, &message, 0), 0);
    }
    expect_age(put_time_of(&message));
    ck_assert_int_eq(shmq_close(consumer), 0);
    free(big);
}
END_TEST

START_TEST(a_reserved_message_is_put_with_the_commit)
{
    void *payload;
    ck_assert_int_eq(shmq_reserve(producer, sizeof(int64_t), &payload, 0), 0);
    pause_for(3 * ACCURATE_NS);
    const int64_t now_ns = clock_now_ns();
    memcpy(payload, &now_ns, sizeof(now_ns));
    ck_assert_int_eq(shmq_commit(producer, sizeof(now_ns)), 0);
    expect_age(now_ns);
    pause_for(2 * ACCURATE_NS);
    expect_age(now_ns);
}
END_TEST

/* The lane is full for a while; then the producer goes on, lap after lap. */
START_TEST(a_full_lane_and_later_laps_have_an_age)
{
    struct shmq_message message;
    struct shmq *consumer = test_queue_open(queue, SHMQ_CONSUMER, &one_by_one);
    for (int lap = 0; lap < 3; lap++) {
        int64_t now_ns = clock_now_ns();
        while (shmq_put(producer, &now_ns, sizeof(now_ns), 0) == 0)
            now_ns = clock_now_ns();
        pause_for(2 * ACCURATE_NS);
        for (int i = 0; i < (1 << 20) / 64; i++) {
            ck_assert_int_eq(shmq_lease(consumer, &message, 0), 0);
            if (i % 97 == 0)
                expect_age(put_time_of(&message));
            ck_assert_int_eq(shmq_acknowledge(consumer, 1), 0);
        }
    }
    ck_assert_uint_eq(test_queue_stat(queue).high_water_bytes, 1 << 20);
    ck_assert_int_eq(shmq_close(consumer), 0);
}
END_TEST

START_TEST(another_producer_goes_on_in_the_lane)
{
    const struct shmq_options source = {SHMQ_OPTIONS_DEFAULTS, .capacity_bytes = 1 << 20, .source_id = 7,
                                        .lanes = 4, .seats = 8};
    uint64_t put = 0;
    for (int i = 0; i < 4; i++) {
        struct shmq *one = test_queue_open(queue, SHMQ_PRODUCER, &source);
        for (int k = 0; k < 3; k++, put++) {
            put_by(one, (enum way)((i + k) % WAYS));
            pause_for(PAUSE_NS);
        }
        shmq_withdraw(one);
        pause_for(2 * PAUSE_NS);
    }
    expect_each(put);
}
END_TEST

/* ------------------------------------------------------------------ consumers */

START_TEST(what_a_consumer_has_counts)
{
    struct shmq_message message;
    struct shmq *consumer = test_queue_open(queue, SHMQ_CONSUMER, &usual);
    put_by(producer, BY_PUT);
    pause_for(2 * ACCURATE_NS);
    put_by(producer, BY_PUT);
    ck_assert_int_eq(shmq_lease(consumer, &message, 0), 0);
    const int64_t first_ns = put_time_of(&message);
    expect_age(first_ns);
    ck_assert_int_eq(shmq_acknowledge(consumer, 1), 0);
    ck_assert_int_eq(shmq_lease(consumer, &message, 0), 0);
    const int64_t second_ns = put_time_of(&message);
    expect_age(second_ns);
    ck_assert_int_eq(shmq_close(consumer), 0);
    expect_age(second_ns);
}
END_TEST

/* Its place in the lane is overwritten, but its seat knows when it was put. */
START_TEST(a_held_message_keeps_its_age)
{
    struct shmq_message message;
    struct shmq_message other;
    struct shmq_aside later = SHMQ_ASIDE_INIT;
    later.delay_ns = 3600000 * MS;
    struct shmq *consumer = test_queue_open(queue, SHMQ_CONSUMER, &one_by_one);
    struct shmq *helper = test_queue_open(queue, SHMQ_CONSUMER, &usual);
    put_by(producer, BY_PUT);
    pause_for(2 * ACCURATE_NS);
    ck_assert_int_eq(shmq_lease(consumer, &message, 0), 0);
    const int64_t put_ns = put_time_of(&message);
    ck_assert_int_eq(shmq_hold(consumer, &message), 0);
    for (int i = 0; i < 50000; i++) {
        put_by(producer, BY_PUT);
        ck_assert_int_eq(shmq_lease(helper, &other, 0), 0);
        ck_assert_int_eq(shmq_acknowledge(helper, 1), 0);
    }
    expect_age(put_ns);
    if (_i == 1)
        ck_assert_int_eq(shmq_put_aside(consumer, &later), 0);
    else if (_i == 2)
        ck_assert_int_eq(shmq_release(consumer), 0);
    expect_age(put_ns);
    ck_assert_int_eq(shmq_close(consumer), 0);
    ck_assert_int_eq(shmq_close(helper), 0);
    expect_age(put_ns);
}
END_TEST

START_TEST(dropped_messages_have_no_age)
{
    struct shmq_lane_stat lane = SHMQ_LANE_STAT_INIT;
    put_by(producer, BY_PUT);
    pause_for(2 * ACCURATE_NS);
    put_by(producer, BY_PUT);
    const int64_t put_ns = clock_now_ns();
    ck_assert_int_eq(shmq_stat_lane(observer, 0, &lane), 0);
    ck_assert_int_eq(shmq_drop(queue, 0, lane.head_position), 0);
    expect_age(put_ns);
    ck_assert_int_eq(shmq_drop(queue, 0, lane.head_position + 1), 0);
    ck_assert_int_eq(oldest_of(NULL), -1);
    ck_assert_uint_eq(test_queue_stat(queue).acknowledged, 2);
}
END_TEST

/* ------------------------------------------------------------------ other queues */

START_TEST(forwarded_messages_are_as_old_as_the_copy)
{
    static char there[SHMQ_NAME_MAX + 1];
    struct shmq_message message;
    struct shmq_mover *mover;
    (void)strcpy(there, test_name("there"));
    struct shmq *consumer = test_queue_open(queue, SHMQ_CONSUMER, &one_by_one);
    ck_assert_int_eq(shmq_create(there, &usual), 0);
    ck_assert_int_eq(shmq_mover_open(&mover, consumer, there, NULL), 0);
    for (int i = 0; i < 3; i++)
        put_by(producer, BY_PUT);
    pause_for(2 * ACCURATE_NS);
    ck_assert_int_eq(shmq_lease(consumer, &message, 0), 0);
    const int64_t put_ns = clock_now_ns();
    if (_i == 0)
        ck_assert_int_eq(shmq_mover_put(mover, &message, 1, NULL, 0), 0);
    else
        ck_assert_int_eq(shmq_move(mover, NULL, 0, 0), 0);
    pause_for(ACCURATE_NS);
    expect_age_in(there, put_ns);
    shmq_mover_close(mover);
    ck_assert_int_eq(shmq_close(consumer), 0);
    test_queue_remove(there);
}
END_TEST

/* ------------------------------------------------------------------ how full, and who is there */

START_TEST(the_lanes_in_use_are_measured)
{
    struct shmq_stat stat = test_queue_stat(queue);
    ck_assert_uint_eq(stat.fill_percent, 0);
    ck_assert_uint_eq(stat.room_bytes, 1 << 20);
    for (int i = 0; i < (1 << 20) / 64 / 2; i++)
        put_by(producer, BY_PUT);
    stat = test_queue_stat(queue);
    ck_assert_uint_eq(stat.used_bytes, 1 << 19);
    ck_assert_uint_eq(stat.high_water_bytes, 1 << 19);
    ck_assert_uint_eq(stat.fill_percent, 50);
    struct shmq *second = test_queue_open(queue, SHMQ_PRODUCER, NULL);
    stat = test_queue_stat(queue);
    ck_assert_uint_eq(stat.room_bytes, 2 << 20);
    ck_assert_uint_eq(stat.fill_percent, 25);
    ck_assert_int_eq(shmq_close(second), 0);
    stat = test_queue_stat(queue);
    ck_assert_uint_eq(stat.room_bytes, 1 << 20);
    ck_assert_uint_eq(stat.acknowledged, 0);
}
END_TEST

START_TEST(the_highest_use_stays)
{
    struct shmq_message message;
    struct shmq *consumer = test_queue_open(queue, SHMQ_CONSUMER, &one_by_one);
    for (int i = 0; i < 1000; i++)
        put_by(producer, BY_PUT);
    for (int i = 0; i < 1000; i++) {
        ck_assert_int_eq(shmq_lease(consumer, &message, 0), 0);
        ck_assert_int_eq(shmq_acknowledge(consumer, 1), 0);
    }
    ck_assert_int_eq(shmq_close(consumer), 0);
    const struct shmq_stat stat = test_queue_stat(queue);
    ck_assert_uint_eq(stat.used_bytes, 0);
    ck_assert_uint_ge(stat.high_water_bytes, 500 * 64);
    ck_assert_uint_le(stat.high_water_bytes, 1000 * 64);
    ck_assert_uint_eq(stat.acknowledged, 1000);
}
END_TEST

START_TEST(all_who_are_alive_are_counted)
{
    static const struct shmq_options crowd = {SHMQ_OPTIONS_DEFAULTS, .create = true, .capacity_bytes = 4096,
                                              .lanes = 70, .seats = 70};
    static char other[SHMQ_NAME_MAX + 1];
    struct shmq *handles[140];
    (void)strcpy(other, test_name("crowd"));
    for (size_t i = 0; i < COUNT(handles); i++)
        handles[i] = test_queue_open(other, i % 2 == 0 ? SHMQ_PRODUCER : SHMQ_CONSUMER, &crowd);
    uint32_t alive[2] = {70, 70};
    for (size_t i = 0; i < COUNT(handles); i++) {
        const size_t at = i * 37 % COUNT(handles);
        const struct shmq_stat stat = test_queue_stat(other);
        ck_assert_uint_eq(stat.producers, alive[0]);
        ck_assert_uint_eq(stat.consumers, alive[1]);
        struct shmq_stat own = SHMQ_STAT_INIT;
        ck_assert_int_eq(shmq_stat(handles[at], &own), 0);
        ck_assert_uint_eq(own.producers, alive[0]);
        ck_assert_uint_eq(own.consumers, alive[1]);
        ck_assert_int_eq(shmq_close(handles[at]), 0);
        alive[at % 2]--;
    }
    test_queue_remove(other);
}
END_TEST

/* ------------------------------------------------------------------ */

static const struct test tests[] = {
    TEST_GROUP("put", .set_up = set_up, .tear_down = tear_down),
    TEST_EACH(slow_messages_have_an_age_each, WAYS),
    TEST_EACH(a_burst_after_slow_messages_has_an_age, WAYS),
    TEST_EACH(slow_messages_after_a_small_burst_have_an_age_each, WAYS),
    TEST(slow_calls_after_a_burst_of_large_ones_have_an_age_each),
    TEST(a_reserved_message_is_put_with_the_commit),
    TEST_EACH(what_comes_after_a_refused_put_has_its_own_age, 2),
    TEST(a_full_lane_and_later_laps_have_an_age),
    TEST(another_producer_goes_on_in_the_lane),
    TEST_GROUP("taken", .set_up = set_up, .tear_down = tear_down),
    TEST(what_a_consumer_has_counts),
    TEST_EACH(a_held_message_keeps_its_age, 3),
    TEST(dropped_messages_have_no_age),
    TEST_EACH(forwarded_messages_are_as_old_as_the_copy, 2),
    TEST_GROUP("how full", .set_up = set_up, .tear_down = tear_down),
    TEST(the_lanes_in_use_are_measured),
    TEST(the_highest_use_stays),
    TEST(all_who_are_alive_are_counted),
};

TEST_SUITE("age", tests, .seconds = 30);
