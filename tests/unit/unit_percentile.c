/* SPDX-License-Identifier: MIT */
/* Percentiles of the times in a queue, of all and of the last two minutes. */
#include <check.h>
#include <string.h>

#include "common/cli/latency_window.h"
#include "common/cli/percentile.h"
#include "common/shmq.h"
#include "tests/support/harness.h"

static uint64_t counts[SHMQ_LATENCY_BUCKETS];

static void set_up(void)
{
    memset(counts, 0, sizeof(counts));
}

START_TEST(nothing_took_no_time)
{
    ck_assert_uint_eq(percentile_ms(counts, 50), 0);
    ck_assert_uint_eq(percentile_ms(counts, 100), 0);
}
END_TEST

START_TEST(one_message_is_every_percentile)
{
    counts[42] = 1;
    ck_assert_uint_eq(percentile_ms(counts, 0), 42);
    ck_assert_uint_eq(percentile_ms(counts, 50), 42);
    ck_assert_uint_eq(percentile_ms(counts, 100), 42);
}
END_TEST

START_TEST(so_many_percent_did_not_take_longer)
{
    for (uint32_t i = 1; i <= 100; i++)
        counts[i] = 10;
    ck_assert_uint_eq(percentile_ms(counts, 50), 50);
    ck_assert_uint_eq(percentile_ms(counts, 90), 90);
    ck_assert_uint_eq(percentile_ms(counts, 99), 99);
    ck_assert_uint_eq(percentile_ms(counts, 100), 100);
}
END_TEST

START_TEST(the_longest_is_found_however_many_were_short)
{
    counts[0] = UINT64_MAX;
    counts[1] = UINT64_MAX;
    counts[SHMQ_LATENCY_BUCKETS - 1] = 1;
    ck_assert_uint_eq(percentile_ms(counts, 99), 1);
    ck_assert_uint_eq(percentile_ms(counts, 50), 0);
    ck_assert_uint_eq(percentile_ms(counts, 100), shmq_latency_ms(SHMQ_LATENCY_BUCKETS - 1));
}
END_TEST

#define SECOND INT64_C(1000000000)

START_TEST(a_window_has_what_came_in_the_last_two_minutes)
{
    static struct latency_window window;
    static uint64_t recent[SHMQ_LATENCY_BUCKETS];
    const int64_t begun = 1000 * SECOND;
    memset(&window, 0, sizeof(window));
    counts[50] = 1000; /* from before anybody looked */
    ck_assert_int_eq(latency_window_add(&window, counts, begun, recent), 0);
    ck_assert_uint_eq(percentile_ms(recent, 100), 0);
    for (int64_t i = 1; i <= 300; i++) { /* one each second, that takes as many ms */
        counts[i]++;
        const int64_t length = latency_window_add(&window, counts, begun + i * SECOND, recent);
        ck_assert_int_eq(length, i * SECOND < LATENCY_WINDOW_NS ? i * SECOND : length);
        ck_assert_int_le(length, LATENCY_WINDOW_NS);
        if (i >= 120)
            ck_assert_int_gt(length, LATENCY_WINDOW_NS - LATENCY_WINDOW_STEP_NS - SECOND);
        uint64_t sum = 0;
        for (size_t bucket = 0; bucket < SHMQ_LATENCY_BUCKETS; bucket++)
            sum += recent[bucket];
        ck_assert_uint_eq(sum, (uint64_t)(length / SECOND));
        ck_assert_uint_eq(recent[i], 1);
    }
}
END_TEST

START_TEST(a_window_is_empty_after_a_long_pause_and_with_counts_that_go_back)
{
    static struct latency_window window;
    static uint64_t recent[SHMQ_LATENCY_BUCKETS];
    memset(&window, 0, sizeof(window));
    counts[1] = 10;
    ck_assert_int_eq(latency_window_add(&window, counts, SECOND, recent), 0);
    counts[1] = 5;
    ck_assert_int_eq(latency_window_add(&window, counts, 2 * SECOND, recent), SECOND);
    ck_assert_uint_eq(recent[1], 0);
    counts[1] = 50;
    ck_assert_int_eq(latency_window_add(&window, counts, 1000 * SECOND, recent), 0);
    ck_assert_uint_eq(recent[1], 0);
}
END_TEST

static const struct test tests[] = {
    TEST(nothing_took_no_time),
    TEST(one_message_is_every_percentile),
    TEST(so_many_percent_did_not_take_longer),
    TEST(the_longest_is_found_however_many_were_short),
    TEST(a_window_has_what_came_in_the_last_two_minutes),
    TEST(a_window_is_empty_after_a_long_pause_and_with_counts_that_go_back),
};

TEST_SUITE("percentile", tests, .seconds = 10, .set_up = set_up);
