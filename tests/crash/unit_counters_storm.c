/* SPDX-License-Identifier: MIT */
/* The counters while many use a queue, and while they are killed: what observers see is always possible, and in
 * the end it is what was done, within what a kill may hide. */
#include <check.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/kernel/clock.h"
#include "common/shmq.h"
#include "tests/support/harness.h"
#include "tests/support/planted.h"

#define MS INT64_C(1000000)
#define PARTIES 8 /* producers, and as many consumers */
#define PREFETCH 16
#define HOURS_NS (INT64_C(48) * 3600 * 1000 * MS)

static const char *name;
static struct shmq_options options;
static volatile int *ending; /* shared: the producers put no more */

static void set_up(void)
{
    name = test_name("storm");
    options = (struct shmq_options){SHMQ_OPTIONS_DEFAULTS,     .create = true,   .capacity_bytes = 16384,
                                    .max_message_bytes = 1024, .lanes = PARTIES, .seats = 3 * PARTIES,
                                    .prefetch = PREFETCH,      .tick_ns = 5 * MS};
    options.grace_ns = 0;
    ck_assert_int_eq(shmq_create(name, &options), 0);
    ending = mmap(NULL, sizeof(int), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ck_assert_ptr_ne((void *)ending, MAP_FAILED);
}

static void tear_down(void)
{
    ck_assert_int_eq(shmq_remove(name, true), 0);
}

/* ------------------------------------------------------------------ the parties */

static void produce(unsigned seed)
{
    static char bytes[1024];
    struct shmq *handle;
    if (shmq_open(&handle, name, SHMQ_PRODUCER, &options) != 0)
        _exit(2);
    while (*ending == 0) {
        const int error = shmq_put(handle, bytes, 1 + (size_t)rand_r(&seed) % 300, 20 * MS);
        if (error != 0 && error != -ETIMEDOUT)
            _exit(3);
    }
    _exit(shmq_close(handle) == 0 ? 0 : 4);
}

/* Leases, fails, holds, puts aside, gives back and acknowledges, until the stream ends. */
static void consume(unsigned seed)
{
    struct shmq_message messages[PREFETCH];
    struct shmq *handle;
    if (shmq_open(&handle, name, SHMQ_CONSUMER, &options) != 0)
        _exit(2);
    for (;;) {
        size_t count = 0;
        const int error = shmq_lease_many(handle, messages, 1 + (size_t)rand_r(&seed) % PREFETCH, &count, 50 * MS);
        if (error == -ENODATA || error == -EOWNERDEAD)
            _exit(shmq_close(handle) == 0 ? 0 : 4);
        if (error != 0 && error != -ETIMEDOUT)
            _exit(3);
        if (error != 0)
            continue;
        const unsigned what = (unsigned)rand_r(&seed) % 64;
        const struct shmq_aside aside = {.size = sizeof(aside), .delay_ns = 2 * MS, .most = 4};
        if (what == 0)
            (void)shmq_fail(handle, NULL);
        if (what == 1 && shmq_release(handle) == 0)
            continue;
        if (what == 2 && count == 1 && shmq_put_aside(handle, &aside) == 0)
            continue;
        if (what == 3)
            clock_sleep_until(clock_now_ns() + 5 * MS);
        if (shmq_acknowledge(handle, count) != 0)
            _exit(5);
    }
}

static pid_t start(void (*body)(unsigned), unsigned seed)
{
    const pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0)
        body(seed);
    return child;
}

static void expect_clean_end(pid_t child)
{
    int status;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
}

/* ------------------------------------------------------------------ the observer */

/* All that an observer sees at once, and of a moment before. */
struct sight {
    struct shmq_stat stat;
    struct shmq_lane_stat lanes[PARTIES];
    struct shmq_seat_stat seats[3 * PARTIES];
    uint64_t latency;
};

static uint64_t sum_of_latency(struct shmq *observer)
{
    static uint64_t counts[SHMQ_LATENCY_BUCKETS];
    uint64_t sum = 0;
    ck_assert_int_eq(shmq_latency(observer, UINT32_MAX, counts), 0);
    for (int i = 0; i < SHMQ_LATENCY_BUCKETS; i++)
        sum += counts[i];
    return sum;
}

static void say_damage(void *context, const char *problem)
{
    (void)context;
    (void)fprintf(stderr, "%s\n", problem);
}

/* What grows first is read last, so that nothing seems to be more than it can be. */
static void look(struct shmq *observer, struct sight *sight)
{
    sight->latency = sum_of_latency(observer);
    for (uint32_t i = 0; i < 3 * PARTIES; i++) {
        sight->seats[i] = (struct shmq_seat_stat)SHMQ_SEAT_STAT_INIT;
        ck_assert_int_eq(shmq_stat_seat(observer, i, &sight->seats[i]), 0);
    }
    for (uint32_t i = 0; i < PARTIES; i++) {
        sight->lanes[i] = (struct shmq_lane_stat)SHMQ_LANE_STAT_INIT;
        ck_assert_int_eq(shmq_stat_lane(observer, i, &sight->lanes[i]), 0);
    }
    sight->stat = (struct shmq_stat)SHMQ_STAT_INIT;
    ck_assert_int_eq(shmq_stat(observer, &sight->stat), 0);
    ck_assert_int_eq(shmq_glance(observer, say_damage, NULL), 0);
}

static void expect_age(int64_t age_ns)
{
    ck_assert_int_ge(age_ns, -1);
    ck_assert_int_lt(age_ns, HOURS_NS); /* tests take less */
}

#define EXPECT_GROWN(field) ck_assert_msg(now->field >= before->field, #field " has shrunk")

static void expect_possible_lane(const struct shmq_lane_stat *now, const struct shmq_lane_stat *before)
{
    EXPECT_GROWN(put_messages);
    EXPECT_GROWN(acknowledged);
    EXPECT_GROWN(full_times);
    EXPECT_GROWN(blocked_ns);
    EXPECT_GROWN(sleeps);
    EXPECT_GROWN(wake_ups);
    EXPECT_GROWN(spurious);
    EXPECT_GROWN(refused);
    EXPECT_GROWN(high_water_bytes);
    ck_assert_uint_le(now->wake_ups, now->sleeps);
    ck_assert_uint_le(now->spurious, now->wake_ups);
    ck_assert_uint_le(now->used_bytes, 16384);
    ck_assert_uint_le(now->high_water_bytes, 16384);
    ck_assert_uint_le(now->acknowledged, now->put_messages);
    ck_assert_uint_le(now->messages, 256 + 3 * PARTIES);
    ck_assert(now->alive || !now->blocked);
    expect_age(now->oldest_ns);
    expect_age(now->attached_ns);
    expect_age(now->active_ns);
    ck_assert_int_ge(now->blocked_for_ns, 0);
    expect_age(now->blocked_for_ns);
}

static void expect_possible_seat(const struct shmq_seat_stat *now, const struct shmq_seat_stat *before)
{
    EXPECT_GROWN(delivered);
    EXPECT_GROWN(delivered_bytes);
    EXPECT_GROWN(sleeps);
    EXPECT_GROWN(wake_ups);
    EXPECT_GROWN(spurious);
    EXPECT_GROWN(failed);
    EXPECT_GROWN(redelivered);
    EXPECT_GROWN(adopted);
    EXPECT_GROWN(given_back);
    EXPECT_GROWN(put_aside);
    EXPECT_GROWN(deaths);
    ck_assert_uint_le(now->wake_ups, now->sleeps);
    ck_assert_uint_le(now->spurious, now->wake_ups);
    ck_assert_uint_le(now->leased, PREFETCH);
    ck_assert_uint_le(now->adopted, now->deaths);
    expect_age(now->leased_ns);
    expect_age(now->attached_ns);
    expect_age(now->active_ns);
    ck_assert(now->leased != 0 || now->leased_ns == -1);
}

static void expect_possible(const struct sight *now_all, const struct sight *before_all)
{
    const struct shmq_stat *now = &now_all->stat;
    const struct shmq_stat *before = &before_all->stat;
    uint64_t delivered = 0;
    for (int i = 0; i < PARTIES; i++)
        expect_possible_lane(&now_all->lanes[i], &before_all->lanes[i]);
    for (int i = 0; i < 3 * PARTIES; i++) {
        expect_possible_seat(&now_all->seats[i], &before_all->seats[i]);
        delivered += now_all->seats[i].delivered;
    }
    EXPECT_GROWN(put_messages);
    EXPECT_GROWN(acknowledged);
    EXPECT_GROWN(full_times);
    EXPECT_GROWN(blocked_ns);
    EXPECT_GROWN(sleeps);
    EXPECT_GROWN(deaths);
    EXPECT_GROWN(events);
    ck_assert_uint_ge(now_all->latency, before_all->latency);
    ck_assert_uint_le(now_all->latency, delivered);
    ck_assert_uint_le(delivered, now->put_messages);
    ck_assert_uint_le(now->blocked, PARTIES);
    ck_assert_uint_le(now->fill_percent, 100);
    expect_age(now->oldest_ns);
}

static uint64_t bytes_in_all(const struct sight *sight)
{
    uint64_t bytes = 0;
    for (int i = 0; i < 3 * PARTIES; i++)
        bytes += sight->seats[i].delivered_bytes;
    return bytes;
}

static uint64_t delivered_in_all(const struct sight *sight)
{
    uint64_t delivered = 0;
    for (int i = 0; i < 3 * PARTIES; i++)
        delivered += sight->seats[i].delivered;
    return delivered;
}

/* ------------------------------------------------------------------ the tests */

static int64_t storm_ns(void)
{
    const char *seconds = getenv("SHMQ_STORM_SECONDS");
    return (seconds != NULL ? atoi(seconds) : 2) * 1000 * MS;
}

START_TEST(nothing_impossible_is_seen_and_all_adds_up)
{
    static struct sight sights[2];
    pid_t producers[PARTIES];
    pid_t consumers[PARTIES];
    struct shmq *observer = planted_open(name, SHMQ_OBSERVER, NULL);
    int looks = 0;
    for (unsigned i = 0; i < PARTIES; i++) {
        producers[i] = start(produce, i + 1);
        consumers[i] = start(consume, i + 101);
    }
    look(observer, &sights[0]);
    const int64_t until = clock_now_ns() + storm_ns();
    while (clock_now_ns() < until) {
        looks++;
        look(observer, &sights[looks % 2]);
        expect_possible(&sights[looks % 2], &sights[1 - looks % 2]);
    }
    *ending = 1;
    for (int i = 0; i < PARTIES; i++)
        expect_clean_end(producers[i]);
    for (int i = 0; i < PARTIES; i++)
        expect_clean_end(consumers[i]);
    struct sight *const last = &sights[0];
    look(observer, last);
    ck_assert_uint_gt(last->stat.put_messages, 1000);
    ck_assert_uint_eq(last->stat.messages, 0);
    ck_assert_uint_eq(last->stat.acknowledged, last->stat.put_messages);
    ck_assert_uint_eq(delivered_in_all(last), last->stat.put_messages);
    ck_assert_uint_eq(bytes_in_all(last), last->stat.put_bytes); /* there is no framing */
    ck_assert_uint_eq(last->latency, last->stat.put_messages);
    ck_assert_uint_eq(last->stat.deaths, 0);
    ck_assert_uint_eq(last->stat.adopted, 0);
    ck_assert_uint_eq(last->stat.blocked, 0);
    ck_assert_uint_ge(last->stat.redelivered, last->stat.put_aside);
    ck_assert_int_eq(last->stat.oldest_ns, -1);
    (void)fprintf(stderr, "%d looks at %llu messages\n", looks, (unsigned long long)last->stat.put_messages);
    ck_assert_int_eq(shmq_close(observer), 0);
}
END_TEST

/* Each kill of a consumer hides one batch at most, which was acknowledged but not counted. */
START_TEST(kills_hide_no_more_than_is_documented)
{
    static struct sight sights[2];
    pid_t parties[2 * PARTIES];
    unsigned seed = 7;
    uint64_t kills[2] = {0, 0}; /* of producers, of consumers */
    struct shmq *observer = planted_open(name, SHMQ_OBSERVER, NULL);
    for (unsigned i = 0; i < 2 * PARTIES; i++)
        parties[i] = start(i < PARTIES ? produce : consume, i + 1);
    look(observer, &sights[0]);
    const int64_t until = clock_now_ns() + storm_ns();
    for (int looks = 1; clock_now_ns() < until; looks++) {
        const unsigned victim = (unsigned)rand_r(&seed) % (2 * PARTIES);
        ck_assert_int_eq(kill(parties[victim], SIGKILL), 0);
        ck_assert_int_eq(waitpid(parties[victim], NULL, 0), parties[victim]);
        kills[victim / PARTIES]++;
        parties[victim] = start(victim < PARTIES ? produce : consume, (unsigned)rand_r(&seed));
        look(observer, &sights[looks % 2]);
        expect_possible(&sights[looks % 2], &sights[1 - looks % 2]);
    }
    *ending = 1;
    for (unsigned i = 0; i < 2 * PARTIES; i++)
        expect_clean_end(parties[i]);
    struct sight *const last = &sights[0];
    look(observer, last);
    const uint64_t delivered = delivered_in_all(last);
    const uint64_t killed = kills[0] + kills[1];
    (void)fprintf(stderr, "%llu kills, %llu deaths, %llu messages, %llu hidden\n", (unsigned long long)killed,
                  (unsigned long long)last->stat.deaths, (unsigned long long)last->stat.put_messages,
                  (unsigned long long)(last->stat.put_messages - delivered));
    ck_assert_uint_eq(last->stat.messages, 0);
    ck_assert_uint_eq(last->stat.acknowledged, last->stat.put_messages);
    ck_assert_uint_le(delivered, last->stat.put_messages);
    ck_assert_uint_ge(delivered + kills[1] * PREFETCH, last->stat.put_messages);
    ck_assert_uint_le(last->latency, delivered);
    ck_assert_uint_ge(last->stat.deaths, 1);
    ck_assert_uint_le(last->stat.deaths, killed);
    ck_assert_uint_le(last->stat.adopted, kills[1]);
    ck_assert_int_eq(shmq_close(observer), 0);
}
END_TEST

static const struct test tests[] = {
    TEST_GROUP("storms", 600),
    TEST(nothing_impossible_is_seen_and_all_adds_up),
    TEST(kills_hide_no_more_than_is_documented),
};
TEST_SUITE("counters_storm", tests, .seconds = 60, .set_up = set_up, .tear_down = tear_down);
