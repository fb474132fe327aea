/* SPDX-License-Identifier: MIT */
/* The histogram of the time from put to acknowledgement: it has every delivered message, in the right place. */
#include <check.h>
#include <errno.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/cli/percentile.h"
#include "common/kernel/clock.h"
#include "common/queue/handle.h"
#include "common/shmq.h"
#include "tests/support/harness.h"
#include "tests/support/pair.h"
#include "tests/support/planted.h"

#define MS INT64_C(1000000)
#define TICK_MS 10 /* of the coarse clock, at most */

static uint64_t counts[SHMQ_LATENCY_BUCKETS];

/* Reads the histogram of all seats. Return: the sum of its counts. */
static uint64_t read_counts(void)
{
    uint64_t sum = 0;
    struct shmq *observer = planted_open(name, SHMQ_OBSERVER, NULL);
    ck_assert_int_eq(shmq_latency(observer, UINT32_MAX, counts), 0);
    ck_assert_int_eq(shmq_close(observer), 0);
    for (int i = 0; i < SHMQ_LATENCY_BUCKETS; i++)
        sum += counts[i];
    return sum;
}

/* How many messages took from @from_ms to less than @to_ms. */
static uint64_t between(uint64_t from_ms, uint64_t to_ms)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < SHMQ_LATENCY_BUCKETS; i++)
        if (shmq_latency_ms(i) >= from_ms && shmq_latency_ms(i) < to_ms)
            sum += counts[i];
    return sum;
}

static void put(size_t count)
{
    for (size_t i = 0; i < count; i++)
        ck_assert_int_eq(shmq_put(producer, &i, sizeof(i), 0), 0);
}

static void lease_and_acknowledge(int64_t work_ms)
{
    struct shmq_message message;
    ck_assert_int_eq(shmq_lease(consumer, &message, 0), 0);
    if (work_ms > 0)
        clock_sleep_until(clock_now_ns() + work_ms * MS);
    ck_assert_int_eq(shmq_acknowledge(consumer, 1), 0);
}

static void close_consumer(void)
{
    ck_assert_int_eq(shmq_close(consumer), 0);
    consumer = NULL;
}

static void use_prefetch_of_one(void)
{
    close_consumer();
    small.prefetch = 1;
    consumer = planted_open(name, SHMQ_CONSUMER, &small);
}

START_TEST(buckets_have_two_digits)
{
    ck_assert_uint_eq(shmq_latency_ms(0), 0);
    for (uint32_t i = 0; i + 1 < SHMQ_LATENCY_BUCKETS; i++) {
        const uint64_t low = shmq_latency_ms(i);
        const uint64_t width = shmq_latency_ms(i + 1) - low;
        ck_assert_uint_ge(width, 1);
        ck_assert(width == 1 || width * 64 <= low);
    }
    ck_assert_uint_gt(shmq_latency_ms(SHMQ_LATENCY_BUCKETS - 1), UINT64_C(30) * 24 * 3600 * 1000);
    ck_assert_uint_gt(shmq_latency_ms(SHMQ_LATENCY_BUCKETS), shmq_latency_ms(SHMQ_LATENCY_BUCKETS - 1));
    ck_assert_uint_eq(shmq_latency_ms(SHMQ_LATENCY_BUCKETS + 1), UINT64_MAX);
    ck_assert_uint_eq(shmq_latency_ms(UINT32_MAX), UINT64_MAX);
}
END_TEST

/* However the messages are taken, all are counted once the consumer has nothing more to do. */
START_TEST(every_delivered_message_is_counted)
{
    struct shmq_message messages[64];
    uint64_t put_so_far = 0;
    for (int round = 0; round < 200; round++) {
        const size_t some = (size_t)round % 40 + 1;
        size_t count = 0;
        size_t length;
        uint64_t number;
        put(some);
        put_so_far += some;
        for (size_t left = some; left > 0; left -= count) {
            count = 1;
            if (round % 3 == 0) {
                ck_assert_int_eq(shmq_get(consumer, &number, sizeof(number), &length, 0), 0);
            } else if (round % 3 == 1) {
                lease_and_acknowledge(0);
            } else {
                ck_assert_int_eq(shmq_lease_many(consumer, messages, 64, &count, 0), 0);
                ck_assert_int_eq(shmq_acknowledge(consumer, count), 0);
            }
        }
        if (round % 50 == 49) {
            ck_assert_int_eq(shmq_lease(consumer, messages, 0), -EAGAIN);
            ck_assert_uint_eq(read_counts(), put_so_far);
        }
    }
    put(1);
    lease_and_acknowledge(0);
    close_consumer();
    ck_assert_uint_eq(read_counts(), put_so_far + 1);
}
END_TEST

START_TEST(each_of_a_slow_consumer_is_measured)
{
    use_prefetch_of_one();
    put(6);
    for (int i = 0; i < 5; i++)
        lease_and_acknowledge(30);
    lease_and_acknowledge(200);
    close_consumer();
    ck_assert_uint_eq(read_counts(), 6);
    for (int i = 1; i <= 5; i++)
        ck_assert_uint_ge(between((uint64_t)(30 * i - TICK_MS), SHMQ_LATENCY_BUCKETS * 1000), (uint64_t)(7 - i));
    ck_assert_uint_eq(between(350 - TICK_MS, UINT64_MAX), 1); /* the last waited for all, and took longest */
    ck_assert_uint_eq(between(0, 30 - TICK_MS), 0);
    ck_assert_uint_ge(percentile_ms(counts, 100), 350 - TICK_MS);
    ck_assert_uint_ge(percentile_ms(counts, 50), 90 - TICK_MS);
}
END_TEST

/* A message that takes long is seen among many that do not, and counts as one. */
START_TEST(a_slow_one_among_fast_ones_is_measured)
{
    use_prefetch_of_one();
    for (int round = 0; round < 10; round++) {
        clock_sleep_until(clock_now_ns() + 25 * MS); /* so that its lease finds the next tick of the clock */
        put(1);
        lease_and_acknowledge(40);
        for (int i = 0; i < 50; i++) { /* so few that each one is dated */
            put(1);
            lease_and_acknowledge(0);
        }
    }
    close_consumer();
    ck_assert_uint_eq(read_counts(), 10 * 51);
    ck_assert_uint_ge(between(40 - TICK_MS, UINT64_MAX), 10);
    ck_assert_uint_le(between(40 - TICK_MS, UINT64_MAX), 10 * 26); /* not those that followed it */
}
END_TEST

START_TEST(a_held_message_is_measured)
{
    struct shmq_message message;
    put(1);
    ck_assert_int_eq(shmq_lease(consumer, &message, 0), 0);
    ck_assert_int_eq(shmq_hold(consumer, &message), 0);
    clock_sleep_until(clock_now_ns() + 60 * MS);
    ck_assert_int_eq(shmq_acknowledge(consumer, 1), 0);
    close_consumer();
    ck_assert_uint_eq(read_counts(), 1);
    ck_assert_uint_eq(between(60 - TICK_MS, 10000), 1);
}
END_TEST

START_TEST(the_time_in_the_queue_counts)
{
    put(1);
    clock_sleep_until(clock_now_ns() + 100 * MS);
    lease_and_acknowledge(0);
    close_consumer();
    ck_assert_uint_eq(read_counts(), 1);
    ck_assert_uint_eq(between(100 - TICK_MS, 10000), 1);
}
END_TEST

/* What was put aside is counted in the seat of whoever acknowledges it in the end. */
START_TEST(who_changes_seats_counts_in_each)
{
    for (int i = 0; i < 20; i++) {
        const struct shmq_aside aside = SHMQ_ASIDE_INIT;
        struct shmq_message message;
        put(2);
        lease_and_acknowledge(0);
        ck_assert_int_eq(shmq_lease(consumer, &message, 0), 0);
        ck_assert_int_eq(shmq_put_aside(consumer, &aside), 0);
        lease_and_acknowledge(0);
    }
    close_consumer();
    ck_assert_uint_eq(read_counts(), 40);
}
END_TEST

START_TEST(a_queue_can_do_without)
{
    const char *other = test_name("without");
    struct shmq_options options = small;
    struct shmq_stat stat = SHMQ_STAT_INIT;
    size_t length;
    char byte;
    options.queue_flags = SHMQ_QUEUE_NO_LATENCY;
    struct shmq *from = planted_open(other, SHMQ_PRODUCER, &options);
    struct shmq *to = planted_open(other, SHMQ_CONSUMER, &options);
    ck_assert_int_eq(shmq_put(from, "x", 1, 0), 0);
    ck_assert_int_eq(shmq_stat(from, &stat), 0);
    const uint64_t reserved = stat.reserved_bytes;
    ck_assert_int_eq(shmq_get(to, &byte, 1, &length, 0), 0);
    ck_assert_int_eq(shmq_latency(from, UINT32_MAX, counts), -ENODATA);
    ck_assert_int_eq(shmq_latency(from, 0, counts), -ENODATA);
    ck_assert_int_eq(shmq_latency(from, 99, counts), -EINVAL);
    ck_assert_int_eq(shmq_stat(from, &stat), 0);
    ck_assert(!stat.has_latency);
    ck_assert_uint_eq(stat.reserved_bytes, reserved);
    ck_assert_int_eq(shmq_close(from), 0);
    ck_assert_int_eq(shmq_close(to), 0);
    ck_assert_int_eq(shmq_remove(other, true), 0);
}
END_TEST

START_TEST(reading_reserves_nothing)
{
    struct shmq_stat stat = SHMQ_STAT_INIT;
    ck_assert_int_eq(shmq_stat(consumer, &stat), 0);
    const uint64_t before = stat.reserved_bytes;
    ck_assert_uint_eq(read_counts(), 0);
    for (uint32_t i = 0; i < 4; i++)
        ck_assert_int_eq(shmq_latency(consumer, i, counts), 0);
    ck_assert_int_eq(shmq_latency(consumer, 4, counts), -EINVAL);
    ck_assert_int_eq(shmq_latency(consumer, 0, NULL), -EINVAL);
    ck_assert_int_eq(shmq_latency(NULL, 0, counts), -EINVAL);
    ck_assert_int_eq(shmq_stat(consumer, &stat), 0);
    ck_assert_uint_eq(stat.reserved_bytes, before);
}
END_TEST

/* A killed consumer hides what it acknowledged in the last ticks, and the next owner of its seat counts on. */
START_TEST(the_next_owner_counts_on)
{
    close_consumer();
    put(10);
    const pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        struct shmq_message message;
        struct shmq_options one = small;
        one.prefetch = 1;
        struct shmq *other = planted_open(name, SHMQ_CONSUMER, &one);
        for (int i = 0; i < 5; i++) {
            if (shmq_lease(other, &message, 0) != 0 || shmq_acknowledge(other, 1) != 0)
                _exit(1);
            clock_sleep_until(clock_now_ns() +
                              25 * MS); /* so that the next one finds that the clock has advanced */
        }
        _exit(0);
    }
    int status;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
    const uint64_t first = read_counts();
    ck_assert_uint_ge(first, 4);
    ck_assert_uint_le(first, 5);
    consumer = planted_open(name, SHMQ_CONSUMER, &small);
    for (int i = 0; i < 5; i++)
        lease_and_acknowledge(0);
    close_consumer();
    ck_assert_uint_eq(read_counts(), first + 5);
}
END_TEST

static const struct test tests[] = {
    TEST_GROUP("buckets"),
    TEST(buckets_have_two_digits),
    TEST_GROUP("counting"),
    TEST(every_delivered_message_is_counted),
    TEST(each_of_a_slow_consumer_is_measured),
    TEST(a_slow_one_among_fast_ones_is_measured),
    TEST(a_held_message_is_measured),
    TEST(the_time_in_the_queue_counts),
    TEST(who_changes_seats_counts_in_each),
    TEST(the_next_owner_counts_on),
    TEST_GROUP("reading"),
    TEST(a_queue_can_do_without),
    TEST(reading_reserves_nothing),
};
TEST_SUITE("latency", tests, .seconds = 20, .set_up = pair_set_up, .tear_down = pair_tear_down);
