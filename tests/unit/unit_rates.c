/* SPDX-License-Identifier: MIT */
/* Rates and their history, from looks at counters that grow, go back, vanish, or were not looked at for a while.
 */
#include <check.h>

#include "common/cli/rates.h"
#include "tests/support/harness.h"

#define SECOND INT64_C(1000000000)
#define HALF (SECOND / 2)
#define START (100 * SECOND)

static struct rates rates;

static void set_up(void)
{
    rates = (struct rates){0};
}

static void tear_down(void)
{
    rates_free(&rates);
}

static struct shmq_stat stat_of(uint64_t put, uint64_t acknowledged, uint32_t fill)
{
    struct shmq_stat stat = SHMQ_STAT_INIT;
    stat.queue_id = 7;
    stat.put_messages = put;
    stat.acknowledged = acknowledged;
    stat.fill_percent = fill;
    return stat;
}

static bool look(int64_t at_ns, uint64_t put, uint64_t acknowledged, uint32_t fill)
{
    const struct shmq_stat stat = stat_of(put, acknowledged, fill);
    return rates_add(&rates, &stat, at_ns);
}

START_TEST(the_first_look_knows_the_fill_and_no_rate)
{
    ck_assert(look(START, 1000, 400, 60));
    ck_assert_double_eq(rates_in(&rates), 0);
    ck_assert_double_eq(rates_out(&rates), 0);
    ck_assert(rates_at(&rates, 0).known);
    ck_assert_float_eq(rates_at(&rates, 0).fill, 60);
    ck_assert_float_eq(rates_at(&rates, 0).in, 0);
    ck_assert(!rates_at(&rates, 1).known);
}
END_TEST

START_TEST(rates_are_per_second)
{
    look(START, 0, 0, 0);
    look(START + HALF, 500, 50, 10);
    ck_assert_double_eq_tol(rates_in(&rates), 1000, 1e-6);
    ck_assert_double_eq_tol(rates_out(&rates), 100, 1e-6);
    look(START + 2 * HALF, 500, 50, 20);
    ck_assert_double_eq_tol(rates_in(&rates), 500, 1e-6);
    ck_assert_float_eq_tol(rates_at(&rates, 1).in, 1000, 1e-2f);
    ck_assert_float_eq(rates_at(&rates, 0).in, 0);
    ck_assert_float_eq(rates_at(&rates, 0).fill, 20);
}
END_TEST

START_TEST(a_rate_forgets_what_was_long_ago)
{
    look(START, 0, 0, 0);
    look(START + HALF, 1000000, 0, 0);
    for (int64_t i = 2; i < 12; i++)
        look(START + i * HALF, 1000000, 0, 0);
    ck_assert_double_eq(rates_in(&rates), 0);
}
END_TEST

START_TEST(a_look_too_early_changes_nothing)
{
    ck_assert(look(START, 0, 0, 0));
    ck_assert(!look(START + HALF / 4, 100, 0, 0));
    ck_assert(!look(START, 100, 0, 0));
    ck_assert(!look(START - SECOND, 100, 0, 0));
    ck_assert(look(START + HALF, 100, 0, 0));
    ck_assert_double_eq_tol(rates_in(&rates), 200, 1e-6);
    ck_assert(!rates_at(&rates, 2).known);
}
END_TEST

START_TEST(the_history_keeps_two_minutes)
{
    for (int64_t i = 0; i < 1000; i++)
        look(START + i * HALF, (uint64_t)i, 0, (uint32_t)(i % 100));
    ck_assert_float_eq(rates_at(&rates, 0).fill, 99);
    ck_assert_float_eq(rates_at(&rates, RATES_POINTS - 1).fill, (float)((999 - (RATES_POINTS - 1)) % 100));
    ck_assert(!rates_at(&rates, RATES_POINTS).known);
    ck_assert(!rates_at(&rates, UINT32_MAX).known);
}
END_TEST

START_TEST(a_few_missed_looks_are_filled_with_the_average)
{
    look(START, 0, 0, 0);
    look(START + 4 * HALF, 400, 0, 50);
    for (uint32_t i = 0; i < 4; i++) {
        ck_assert(rates_at(&rates, i).known);
        ck_assert_float_eq_tol(rates_at(&rates, i).in, 200, 1e-3f);
    }
    ck_assert_float_eq(rates_at(&rates, 4).fill, 0);
}
END_TEST

START_TEST(a_long_gap_is_unknown)
{
    look(START, 0, 0, 30);
    look(START + 20 * HALF, 400, 0, 50);
    ck_assert(rates_at(&rates, 0).known);
    ck_assert_float_eq_tol(rates_at(&rates, 0).in, 40, 1e-3f);
    for (uint32_t i = 1; i < 20; i++)
        ck_assert(!rates_at(&rates, i).known);
    ck_assert_float_eq(rates_at(&rates, 20).fill, 30);
    look(START + 24 * 3600 * SECOND, 400, 0, 50);
    ck_assert(rates_at(&rates, 0).known);
    ck_assert(!rates_at(&rates, RATES_POINTS - 1).known);
}
END_TEST

START_TEST(a_counter_that_goes_back_is_no_negative_rate)
{
    look(START, 1000, 900, 0);
    look(START + HALF, 10, 5, 0);
    ck_assert_double_eq(rates_in(&rates), 0);
    ck_assert_float_eq(rates_at(&rates, 0).in, 0);
    ck_assert_float_eq(rates_at(&rates, 0).out, 0);
    look(START + SECOND, 20, 10, 0);
    ck_assert_double_eq_tol(rates_in(&rates), 20, 1e-6);
    ck_assert_double_eq_tol(rates_out(&rates), 10, 1e-6);
}
END_TEST

START_TEST(a_leap_that_no_queue_can_make_is_no_rate)
{
    look(START, 1000, 0, 0);
    look(START + HALF, UINT64_MAX - 1, UINT64_MAX, UINT32_MAX);
    ck_assert_double_eq(rates_in(&rates), 0);
    ck_assert_float_eq(rates_at(&rates, 0).out, 0);
    ck_assert_float_eq(rates_at(&rates, 0).fill, 100);
}
END_TEST

START_TEST(another_queue_of_the_name_starts_anew)
{
    struct shmq_lane_stat lane = SHMQ_LANE_STAT_INIT;
    look(START, 0, 0, 0);
    look(START + HALF, 500, 0, 90);
    lane.put_messages = 500;
    rates_add_lane(&rates, &lane, START + HALF);
    struct shmq_stat other = stat_of(800, 100, 10);
    other.queue_id = 8;
    ck_assert(rates_add(&rates, &other, START + HALF + 1));
    ck_assert_double_eq(rates_in(&rates), 0);
    ck_assert_float_eq(rates_at(&rates, 0).fill, 10);
    ck_assert(!rates_at(&rates, 1).known);
    lane.put_messages = 800;
    rates_add_lane(&rates, &lane, START + HALF + 1);
    ck_assert_double_eq(rates_of_lane(&rates, 0), 0);
}
END_TEST

START_TEST(lanes_and_seats_have_rates_of_their_own)
{
    struct shmq_lane_stat lane = SHMQ_LANE_STAT_INIT;
    struct shmq_seat_stat seat = SHMQ_SEAT_STAT_INIT;
    ck_assert_double_eq(rates_of_lane(&rates, 1023), 0);
    for (uint64_t i = 0; i < 3; i++) {
        look(START + (int64_t)i * HALF, 0, 0, 0);
        lane.lane = 1023;
        lane.put_messages = 10 * i;
        rates_add_lane(&rates, &lane, START + (int64_t)i * HALF);
        seat.seat = 3;
        seat.delivered = 100 * i;
        rates_add_seat(&rates, &seat, START + (int64_t)i * HALF);
    }
    ck_assert_double_eq_tol(rates_of_lane(&rates, 1023), 20, 1e-6);
    ck_assert_double_eq_tol(rates_of_seat(&rates, 3), 200, 1e-6);
    ck_assert_double_eq(rates_of_seat(&rates, 2), 0);
    lane.lane = UINT32_MAX; /* of a damaged queue */
    rates_add_lane(&rates, &lane, START);
    ck_assert_double_eq(rates_of_lane(&rates, UINT32_MAX), 0);
}
END_TEST

static const struct test tests[] = {
    TEST(the_first_look_knows_the_fill_and_no_rate),
    TEST(rates_are_per_second),
    TEST(a_rate_forgets_what_was_long_ago),
    TEST(a_look_too_early_changes_nothing),
    TEST(the_history_keeps_two_minutes),
    TEST(a_few_missed_looks_are_filled_with_the_average),
    TEST(a_long_gap_is_unknown),
    TEST(a_counter_that_goes_back_is_no_negative_rate),
    TEST(a_leap_that_no_queue_can_make_is_no_rate),
    TEST(another_queue_of_the_name_starts_anew),
    TEST(lanes_and_seats_have_rates_of_their_own),
};

TEST_SUITE("rates", tests, .seconds = 10, .set_up = set_up, .tear_down = tear_down);
