/* SPDX-License-Identifier: MIT */
/*
 * Which lane is served when, and what a consumer does before it sleeps. The time that common/queue/lane_schedule.c
 * goes by is given to it here, so that what is for a moment lasts as long as a test wants.
 */
#include <check.h>
#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "common/kernel/clock.h"
#include "common/queue/handle.h"
#include "common/queue/lane_schedule.h"
#include "tests/support/harness.h"
#include "tests/support/planted.h"

#define SECOND INT64_C(1000000000)
#define LANES 8u
#define LEASES_BETWEEN_LOOKS 16 /* as lane_schedule.c has it */

static const char *name;
static struct shmq_options options;
static struct shmq *consumer;
static struct shmq *producers[LANES]; /* that of lane i is producers[i] */
static int64_t now_ns;

static void open_producer(uint32_t lane, uint32_t priority)
{
    struct shmq_options its = options;
    its.priority = priority;
    producers[lane] = planted_open(name, SHMQ_PRODUCER, &its);
    ck_assert_uint_eq(producers[lane]->producer.view->ring.lane, lane);
}

/* Lanes of 64 cells, @normal of them in use, and a consumer of up to @prefetch at a time. */
static void begin(uint32_t normal, uint32_t prefetch)
{
    options = planted_small();
    options.lanes = LANES;
    options.prefetch = prefetch;
    options.follow = true;
    name = test_name("schedule");
    memset(producers, 0, sizeof(producers));
    for (uint32_t lane = 0; lane < normal; lane++)
        open_producer(lane, SHMQ_PRIORITY_DEFAULT);
    consumer = planted_open(name, SHMQ_CONSUMER, &options);
    now_ns = clock_coarse_ns();
}

static void end(void)
{
    for (uint32_t lane = 0; lane < LANES; lane++)
        ck_assert_int_eq(shmq_close(producers[lane]), 0);
    ck_assert_int_eq(shmq_close(consumer), 0);
    ck_assert_int_eq(shmq_remove(name, true), 0);
    ck_assert_uint_eq(test_leftovers(name), 0);
}

static void put(uint32_t lane, uint32_t messages)
{
    for (uint32_t i = 0; i < messages; i++)
        planted_put(producers[lane], "x");
}

/* Leases a batch and acknowledges it. Returns its lane, or a negative errno. */
static int serve(void)
{
    struct batch *b = &consumer->consumer.batch;
    ck_assert_int_eq(lane_schedule_update(consumer, now_ns), 0);
    const int error = lane_schedule_lease(consumer, now_ns);
    if (error != 0)
        return error;
    const int lane = (int)b->view->ring.lane;
    b->handed = b->count;
    ck_assert_int_eq(shmq_acknowledge(consumer, b->count), 0);
    return lane;
}

/* How many leases it takes until @lane is served. */
static int leases_until(int lane)
{
    for (int leases = 1; leases <= 64; leases++) {
        const int served = serve();
        ck_assert_int_ge(served, 0);
        if (served == lane)
            return leases;
    }
    ck_abort_msg("lane %d is never served", lane);
}

/* ------------------------------------------------------------------ turns */

START_TEST(lanes_take_turns_however_many_are_busy)
{
    begin(6, 2);
    for (uint32_t lane = 1; lane < 6; lane += 2)
        put(lane, 40);
    for (int round = 0; round < 20; round++)
        for (int lane = 1; lane < 6; lane += 2)
            ck_assert_int_eq(serve(), lane);
    ck_assert_int_eq(serve(), -EAGAIN);
    end();
}
END_TEST

/* One message of better priority between any two others must not begin their turns anew. */
START_TEST(urgent_messages_leave_the_turns_of_others_alone)
{
    const uint32_t prefetch = _i == 0 ? 1 : 2; /* without and with the look at busy lanes only */
    begin(5, prefetch);
    open_producer(5, 0);
    for (uint32_t lane = 0; lane < 5; lane++)
        put(lane, 20);
    for (int round = 0; round < 2; round++)
        for (int lane = 0; lane < 5; lane++) {
            put(5, 1);
            now_ns++;
            ck_assert_int_eq(serve(), 5);
            ck_assert_int_eq(serve(), lane);
        }
    end();
}
END_TEST

START_TEST(a_priority_that_makes_no_sense_is_the_last)
{
    struct planted planted;
    begin(6, 1);
    planted_map(&planted, name);
    atomic_store(&planted_lane(&planted, 0)->priority, UINT32_MAX);
    atomic_store(&planted_lane(&planted, 1)->priority, SHMQ_PRIORITIES);
    for (uint32_t lane = 0; lane < 3; lane++)
        put(lane, 1);
    for (int lane = 2; lane >= 0; lane = lane == 2 ? 0 : lane == 0 ? 1 : -1)
        ck_assert_int_eq(serve(), lane);
    ck_assert_int_eq(serve(), -EAGAIN);
    for (uint32_t lane = 0; lane < 2; lane++)
        atomic_store(&planted_lane(&planted, lane)->priority, SHMQ_PRIORITY_DEFAULT);
    planted_unmap(&planted);
    end();
}
END_TEST

/* ------------------------------------------------------------------ looking at the busy ones only */

START_TEST(urgent_message_is_the_next_where_one_is_taken_at_a_time)
{
    begin(6, 1);
    open_producer(6, 0);
    put(0, 20);
    for (int round = 0; round < 8; round++) {
        ck_assert_int_eq(serve(), 0);
        put(6, 1);
        ck_assert_int_eq(serve(), 6);
    }
    end();
}
END_TEST

START_TEST(newly_busy_lane_is_served_after_a_few_leases)
{
    const uint32_t priority = _i == 0 ? SHMQ_PRIORITY_DEFAULT : 0;
    begin(6, 2);
    open_producer(6, priority);
    put(0, 60);
    ck_assert_int_eq(serve(), 0);
    put(6, 1);
    ck_assert_int_eq(leases_until(6), LEASES_BETWEEN_LOOKS + 1);
    end();
}
END_TEST

START_TEST(newly_busy_lane_is_served_after_a_tick_of_the_clock)
{
    begin(6, 2);
    put(0, 60);
    ck_assert_int_eq(serve(), 0);
    put(3, 1);
    ck_assert_int_eq(serve(), 0);
    now_ns++;
    ck_assert_int_eq(serve(), 3);
    end();
}
END_TEST

/* Who finds nothing may sleep: then it has to have looked everywhere. */
START_TEST(nothing_is_said_before_all_lanes_were_looked_at)
{
    begin(6, 2);
    put(0, 2);
    ck_assert_int_eq(serve(), 0);
    for (uint32_t lane = 0; lane < 6; lane++) {
        put(lane, 1);
        ck_assert_int_eq(serve(), (int)lane);
    }
    ck_assert_int_eq(serve(), -EAGAIN);
    end();
}
END_TEST

START_TEST(lane_of_a_newcomer_is_looked_at_at_once)
{
    begin(6, 2);
    put(0, 60);
    ck_assert_int_eq(serve(), 0);
    open_producer(6, 0);
    put(6, 1);
    ck_assert_int_eq(serve(), 6);
    end();
}
END_TEST

/* ------------------------------------------------------------------ looking while it spins */

static uint32_t looks_until_busy(void)
{
    for (uint32_t looks = 1; looks <= 2 * LANES; looks++)
        if (lane_schedule_looks_busy(consumer))
            return looks;
    return 0;
}

START_TEST(spinning_sees_every_lane_and_every_newcomer)
{
    begin(6, 256);
    ck_assert(lane_schedule_looks_busy(consumer)); /* it has not looked yet who is there */
    ck_assert_int_eq(serve(), -EAGAIN);
    ck_assert_uint_eq(looks_until_busy(), 0);
    for (uint32_t lane = 0; lane < 6; lane++) {
        put(lane, 1);
        const uint32_t looks = looks_until_busy();
        ck_assert_uint_ge(looks, 1);
        ck_assert_uint_le(looks, 6);
        ck_assert_int_eq(serve(), (int)lane);
        put(lane, 1);
        ck_assert_uint_eq(looks_until_busy(), 1); /* the one served last */
        ck_assert_int_eq(serve(), (int)lane);
        ck_assert_uint_eq(looks_until_busy(), 0);
    }
    open_producer(6, SHMQ_PRIORITY_DEFAULT);
    ck_assert_uint_eq(looks_until_busy(), 1);
    end();
}
END_TEST

/* ------------------------------------------------------------------ letting a batch grow */

/* One lane, large enough, which was served; the consumer has learnt to have @patience. */
static void begin_growing_in(uint64_t capacity_bytes, uint32_t prefetch, uint32_t patience)
{
    options = planted_small();
    options.capacity_bytes = capacity_bytes;
    options.prefetch = prefetch;
    options.follow = true;
    name = test_name("grow");
    memset(producers, 0, sizeof(producers));
    open_producer(0, SHMQ_PRIORITY_DEFAULT);
    consumer = planted_open(name, SHMQ_CONSUMER, &options);
    now_ns = clock_coarse_ns();
    put(0, 1);
    ck_assert_int_eq(serve(), 0);
    consumer->consumer.patience = patience;
    consumer->spin.limit = 256; /* also where there is one processor */
}

static void begin_growing(uint32_t prefetch, uint32_t patience)
{
    begin_growing_in(1 << 20, prefetch, patience);
}

/* Whether it waits for more where so many messages are there. */
static bool lets_grow(uint32_t messages)
{
    put(0, messages);
    consumer->consumer.patience = 32;
    lane_schedule_let_grow(consumer);
    while (serve() == 0)
        ;
    return consumer->consumer.patience < 32;
}

/* 64 cells, or a thirty-second of the lane: nor is it for producers to wait for us. */
START_TEST(only_a_small_batch_is_let_grow)
{
    begin_growing_in(_i == 0 ? 1 << 20 : 1 << 16, 256, 32);
    const uint32_t limit = _i == 0 ? 64 : 32;
    ck_assert(!lets_grow(limit + 1));
    ck_assert(!lets_grow(limit));
    ck_assert(lets_grow(limit - 1));
    ck_assert(lets_grow(1));
    consumer->consumer.prefetch = 31;
    ck_assert(!lets_grow(1));
    consumer->consumer.prefetch = 32;
    ck_assert(lets_grow(1));
    end();
}
END_TEST

/* As many as there are, also where nobody has said that one came or went: the dead do not. */
START_TEST(who_shares_the_work_is_counted_once_a_second)
{
    struct consumer_side *c;
    begin_growing(256, 0);
    c = &consumer->consumer;
    const int64_t now = clock_now_ns();
    c->sharers = 7;
    c->sharers_ns = now;
    lane_schedule_count_sharers(consumer, now + SECOND - 1);
    ck_assert_uint_eq(c->sharers, 7);
    lane_schedule_count_sharers(consumer, now + SECOND);
    ck_assert_uint_eq(c->sharers, 1);
    ck_assert_int_eq(c->sharers_ns, now + SECOND);
    struct shmq *other = planted_open(name, SHMQ_CONSUMER, &options);
    atomic_store(&consumer->seats[2].pid, 1); /* a dead one's */
    lane_schedule_count_sharers(consumer, now + 2 * SECOND);
    ck_assert_uint_eq(c->sharers, 2);
    atomic_store(&consumer->seats[2].pid, 0);
    ck_assert_int_eq(shmq_close(other), 0);
    end();
}
END_TEST

START_TEST(small_batch_is_let_grow_only_where_that_can_pay)
{
    begin_growing(256, 32);
    lane_schedule_let_grow(consumer); /* nothing is there */
    put(0, 100);
    lane_schedule_let_grow(consumer); /* plenty is there */
    ck_assert_int_eq(serve(), 0);
    put(0, 1);
    consumer->spin.limit = 0; /* one processor */
    lane_schedule_let_grow(consumer);
    consumer->spin.limit = 256;
    consumer->consumer.sharers = 2; /* another would take it meanwhile */
    lane_schedule_let_grow(consumer);
    consumer->consumer.sharers = 1;
    consumer->consumer.prefetch = 1; /* one at a time */
    lane_schedule_let_grow(consumer);
    consumer->consumer.prefetch = 256;
    ck_assert_uint_eq(consumer->consumer.patience, 32); /* it never waited */
    lane_schedule_let_grow(consumer);
    ck_assert_uint_lt(consumer->consumer.patience, 32); /* now it did */
    end();
}
END_TEST

START_TEST(batch_that_did_not_grow_is_left_alone_for_a_while)
{
    begin_growing(256, 0);
    put(0, 1);
    for (int trial = 0; trial < 2; trial++) {
        for (uint32_t batches = 1; batches < 64; batches++) {
            lane_schedule_let_grow(consumer);
            ck_assert_uint_eq(consumer->consumer.small_batches, batches);
        }
        lane_schedule_let_grow(consumer); /* tries, in vain */
        ck_assert_uint_eq(consumer->consumer.small_batches, 0);
        ck_assert_uint_eq(consumer->consumer.patience, 0);
    }
    end();
}
END_TEST

/* A producer that puts @messages whenever it is told to, without a word from the consumer. */
struct putter {
    struct shmq *producer;
    _Atomic uint32_t messages; /* still to be put */
    _Atomic bool stop;
};

static void *put_when_told(void *argument)
{
    struct putter *putter = argument;
    while (!atomic_load(&putter->stop))
        if (atomic_load(&putter->messages) > 0) {
            (void)shmq_put(putter->producer, "x", 1, 0);
            atomic_fetch_sub(&putter->messages, 1);
        }
    return NULL;
}

static pthread_t start_putter(struct putter *putter)
{
    pthread_t thread;
    *putter = (struct putter){.producer = producers[0]};
    ck_assert_int_eq(pthread_create(&thread, NULL, put_when_told, putter), 0);
    return thread;
}

static void stop_putter(struct putter *putter, pthread_t thread)
{
    atomic_store(&putter->stop, true);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
}

/* Two requests that wait for their answers: the batch doubles, but there is nothing more to wait for. */
START_TEST(growing_ends_when_nothing_comes_any_more)
{
    struct putter putter;
    begin_growing(256, 0);
    const pthread_t thread = start_putter(&putter);
    for (int round = 0; round < 100; round++) {
        put(0, 1);
        consumer->consumer.patience = 32;
        atomic_store(&putter.messages, 1);
        lane_schedule_let_grow(consumer);
        ck_assert_uint_eq(consumer->consumer.patience, 0);
        while (atomic_load(&putter.messages) > 0)
            ;
        ck_assert_int_eq(serve(), 0);
    }
    stop_putter(&putter, thread);
    end();
}
END_TEST

START_TEST(batch_that_grows_is_given_more_time)
{
    struct putter putter;
    begin_growing(256, 0);
    const pthread_t thread = start_putter(&putter);
    const int64_t deadline = clock_now_ns() + 20 * SECOND;
    do {
        ck_assert_int_lt(clock_now_ns(), deadline);
        put(0, 1);
        consumer->consumer.patience = 16;
        atomic_store(&putter.messages, 255);
        lane_schedule_let_grow(consumer);
        while (atomic_load(&putter.messages) > 0)
            ;
        while (serve() == 0)
            ;
    } while (consumer->consumer.patience != 32);
    stop_putter(&putter, thread);
    end();
}
END_TEST

/* ------------------------------------------------------------------ spinning comes first, but does not last */

/* A tick so long that whoever sleeps before it looks is found out. */
static void begin_slow(const volatile int *stop)
{
    options = planted_small();
    options.tick_ns = 10 * SECOND; /* the longest there is */
    options.follow = true;
    options.stop = stop;
    name = test_name("slow");
    memset(producers, 0, sizeof(producers));
    open_producer(0, SHMQ_PRIORITY_DEFAULT);
    consumer = planted_open(name, SHMQ_CONSUMER, &options);
}

static void expect_soon(int64_t since_ns)
{
    ck_assert_int_lt(clock_now_ns() - since_ns, 5 * SECOND);
}

START_TEST(who_is_told_to_stop_does_not_wait)
{
    static const volatile int stop = 1;
    struct shmq_message message;
    const int64_t since_ns = clock_now_ns();
    begin_slow(&stop);
    ck_assert_int_eq(shmq_lease(consumer, &message, SHMQ_FOREVER), -EINTR);
    put(0, 1);
    ck_assert_int_eq(shmq_lease(consumer, &message, SHMQ_FOREVER), 0); /* what is there needs no waiting */
    put(0, 63);
    ck_assert_int_eq(shmq_put(producers[0], "x", 1, SHMQ_FOREVER), -EINTR);
    expect_soon(since_ns);
    end();
}
END_TEST

START_TEST(short_timeout_ends_without_a_tick)
{
    struct shmq_message message;
    const int64_t since_ns = clock_now_ns();
    begin_slow(NULL);
    ck_assert_int_eq(shmq_lease(consumer, &message, 1), -ETIMEDOUT);
    put(0, 64);
    ck_assert_int_eq(shmq_put(producers[0], "x", 1, 1), -ETIMEDOUT);
    expect_soon(since_ns);
    end();
}
END_TEST

START_TEST(who_comes_after_a_shutdown_does_not_wait)
{
    struct shmq_message message;
    const bool now = _i == 1;
    const int64_t since_ns = clock_now_ns();
    begin_slow(NULL);
    if (now)
        put(0, 64);
    ck_assert_int_eq(shmq_shutdown(name, now ? SHMQ_NOW : SHMQ_DRAIN), 0);
    ck_assert_int_eq(shmq_lease(consumer, &message, SHMQ_FOREVER), -ESHUTDOWN);
    ck_assert_int_eq(shmq_put(producers[0], "x", 1, SHMQ_FOREVER), -ESHUTDOWN);
    expect_soon(since_ns);
    end();
}
END_TEST

/* What was finished, but not reclaimed, is no reason to sleep: the producer has spun for it in vain. */
START_TEST(room_that_nobody_reclaimed_is_found_without_a_tick)
{
    struct planted planted;
    struct shmq_message message;
    const int64_t since_ns = clock_now_ns();
    begin_slow(NULL);
    put(0, 64);
    ck_assert_int_eq(shmq_lease(consumer, &message, 0), 0);
    const struct batch *b = &consumer->consumer.batch;
    planted_map(&planted, name);
    atomic_fetch_or(planted_lease(&planted, 0, b->start), LEASE_DONE); /* and died there */
    ck_assert_int_eq(shmq_put(producers[0], "x", 1, SHMQ_FOREVER), 0);
    consumer->consumer.batch = (struct batch){.seat = consumer->consumer.seat};
    expect_soon(since_ns);
    planted_unmap(&planted);
    end();
}
END_TEST

static const struct test tests[] = {
    TEST_GROUP("turns"),
    TEST(lanes_take_turns_however_many_are_busy),
    TEST_EACH(urgent_messages_leave_the_turns_of_others_alone, 2),
    TEST(a_priority_that_makes_no_sense_is_the_last),
    TEST_GROUP("busy lanes"),
    TEST(urgent_message_is_the_next_where_one_is_taken_at_a_time),
    TEST_EACH(newly_busy_lane_is_served_after_a_few_leases, 2),
    TEST(newly_busy_lane_is_served_after_a_tick_of_the_clock),
    TEST(nothing_is_said_before_all_lanes_were_looked_at),
    TEST(lane_of_a_newcomer_is_looked_at_at_once),
    TEST(spinning_sees_every_lane_and_every_newcomer),
    TEST_GROUP("growing"),
    TEST_EACH(only_a_small_batch_is_let_grow, 2),
    TEST(who_shares_the_work_is_counted_once_a_second),
    TEST(small_batch_is_let_grow_only_where_that_can_pay),
    TEST(batch_that_did_not_grow_is_left_alone_for_a_while),
    TEST(growing_ends_when_nothing_comes_any_more),
    TEST(batch_that_grows_is_given_more_time),
    TEST_GROUP("spinning first"),
    TEST(who_is_told_to_stop_does_not_wait),
    TEST(short_timeout_ends_without_a_tick),
    TEST_EACH(who_comes_after_a_shutdown_does_not_wait, 2),
    TEST(room_that_nobody_reclaimed_is_found_without_a_tick),
};

TEST_SUITE("lane_schedule", tests, .seconds = 60);
