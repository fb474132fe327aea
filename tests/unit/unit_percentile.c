/* SPDX-License-Identifier: MIT */
#include <check.h>
#include <string.h>

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

static const struct test tests[] = {
    TEST(nothing_took_no_time),
    TEST(one_message_is_every_percentile),
    TEST(so_many_percent_did_not_take_longer),
    TEST(the_longest_is_found_however_many_were_short),
};

TEST_SUITE("percentile", tests, .seconds = 10, .set_up = set_up);
