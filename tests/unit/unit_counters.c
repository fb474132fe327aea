/* SPDX-License-Identifier: MIT */
/* The counters of lanes, seats and the queue: each counts exactly what was done, as long as nobody is killed. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/core/layout.h"
#include "common/kernel/clock.h"
#include "common/kernel/name.h"
#include "common/queue/handle.h"
#include "common/shmq.h"
#include "tests/support/harness.h"
#include "tests/support/pair.h"
#include "tests/support/planted.h"

#define MS INT64_C(1000000)
#define CELLS 64 /* of the lane */

static struct shmq_stat stat_now(void)
{
    struct shmq_stat stat = SHMQ_STAT_INIT;
    struct shmq *observer = planted_open(name, SHMQ_OBSERVER, NULL);
    ck_assert_int_eq(shmq_stat(observer, &stat), 0);
    ck_assert_int_eq(shmq_close(observer), 0);
    return stat;
}

static struct shmq_lane_stat lane_now(void)
{
    struct shmq_lane_stat stat = SHMQ_LANE_STAT_INIT;
    struct shmq *observer = planted_open(name, SHMQ_OBSERVER, NULL);
    ck_assert_int_eq(shmq_stat_lane(observer, 0, &stat), 0);
    ck_assert_int_eq(shmq_close(observer), 0);
    return stat;
}

static struct shmq_seat_stat seat_now(uint32_t seat)
{
    struct shmq_seat_stat stat = SHMQ_SEAT_STAT_INIT;
    struct shmq *observer = planted_open(name, SHMQ_OBSERVER, NULL);
    ck_assert_int_eq(shmq_stat_seat(observer, seat, &stat), 0);
    ck_assert_int_eq(shmq_close(observer), 0);
    return stat;
}

static void put(size_t count)
{
    for (size_t i = 0; i < count; i++)
        ck_assert_int_eq(shmq_put(producer, &i, sizeof(i), 0), 0);
}

static struct shmq_message lease(struct shmq *handle)
{
    struct shmq_message message;
    ck_assert_int_eq(shmq_lease(handle, &message, 0), 0);
    return message;
}

static void pause_ms(int64_t ms)
{
    clock_sleep_until(clock_now_ns() + ms * MS);
}

/* ------------------------------------------------------------------ producers */

START_TEST(a_message_that_is_too_long_is_counted_once)
{
    static char bytes[2000];
    void *payload;
    size_t done = 9;
    const struct iovec many[] = {{bytes, 10}, {bytes, 2000}, {bytes, 10}};
    const struct shmq_outgoing out[] = {{.size = sizeof(out[0]), .data = bytes, .length = 10},
                                        {.size = sizeof(out[0]), .data = bytes, .length = 1025}};
    ck_assert_int_eq(shmq_put(producer, bytes, 1025, 0), -EMSGSIZE);
    ck_assert_uint_eq(lane_now().too_long, 1);
    ck_assert_int_eq(shmq_reserve(producer, 1025, &payload, 0), -EMSGSIZE);
    ck_assert_uint_eq(lane_now().too_long, 2);
    ck_assert_int_eq(shmq_put_many(producer, many, 3, &done, 0), -EMSGSIZE);
    ck_assert_uint_eq(done, 1);
    ck_assert_uint_eq(lane_now().too_long, 3);
    ck_assert_int_eq(shmq_put_outgoing(producer, out, 2, &done, 0), -EMSGSIZE);
    ck_assert_uint_eq(done, 1);
    ck_assert_uint_eq(lane_now().too_long, 4);
    ck_assert_int_eq(shmq_count(producer, SHMQ_COUNT_TOO_LONG, 5), 0);
    ck_assert_uint_eq(stat_now().too_long, 9);
    ck_assert_uint_eq(stat_now().refused, 0);
}
END_TEST

START_TEST(a_put_without_room_is_refused_each_time)
{
    const struct iovec many[] = {{"x", 1}, {"y", 1}};
    size_t done;
    put(CELLS - 1);
    ck_assert_int_eq(shmq_put_many(producer, many, 2, &done, 0), -EAGAIN);
    ck_assert_uint_eq(done, 1);
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(shmq_put(producer, "x", 1, 0), -EAGAIN);
    const struct shmq_lane_stat lane = lane_now();
    ck_assert_uint_eq(lane.refused, 4);
    ck_assert_uint_eq(lane.full_times, 0); /* it did not wait */
    ck_assert_uint_eq(lane.blocked_ns, 0);
    ck_assert_uint_eq(stat_now().refused, 4);
}
END_TEST

/* Return: how often it slept. */
static uint64_t wait_in_vain(void)
{
    const uint64_t before = lane_now().sleeps;
    ck_assert_int_eq(shmq_put(producer, "x", 1, 15 * MS), -ETIMEDOUT);
    return lane_now().sleeps - before;
}

/* Programs wait in slices. On a busy machine a sleep may last longer than a tick of 5 ms, so not each wait has as
 * many sleeps as there are ticks. */
START_TEST(waits_that_follow_each_other_are_one)
{
    uint64_t most = 0;
    put(CELLS);
    for (int i = 0; i < 4 || (most < 3 && i < 200); i++) {
        const uint64_t sleeps = wait_in_vain();
        ck_assert_uint_ge(sleeps, 1);
        most = sleeps > most ? sleeps : most;
    }
    ck_assert_uint_ge(most, 3);
    struct shmq_lane_stat lane = lane_now();
    ck_assert_uint_eq(lane.full_times, 1);
    ck_assert_uint_eq(lane.refused, 0);
    ck_assert_uint_ge(lane.blocked_ns, 60 * MS);
    ck_assert_uint_eq(lane.wake_ups, 0);
    ck_assert_uint_eq(lane.spurious, 0);
    (void)lease(consumer);
    ck_assert_int_eq(shmq_acknowledge(consumer, 1), 0);
    while (shmq_lease(consumer, &(struct shmq_message){0}, 0) == 0)
        ck_assert_int_eq(shmq_acknowledge(consumer, 1), 0);
    put(1); /* the one that waited */
    lane = lane_now();
    ck_assert_uint_eq(lane.refused, 0);
    ck_assert_uint_eq(stat_now().full_times, 1);
    ck_assert_uint_eq(stat_now().blocked_ns, lane.blocked_ns);
}
END_TEST

START_TEST(a_wait_that_is_given_up_is_a_refusal)
{
    put(CELLS);
    ck_assert_int_eq(shmq_put(producer, "x", 1, 6 * MS), -ETIMEDOUT);
    ck_assert_int_eq(shmq_put(producer, "x", 1, 6 * MS), -ETIMEDOUT);
    pause_ms(110); /* nobody goes on with it */
    ck_assert_int_eq(shmq_put(producer, "x", 1, 6 * MS), -ETIMEDOUT);
    ck_assert_uint_eq(lane_now().refused, 1);
    ck_assert_uint_eq(lane_now().full_times, 2);
    ck_assert_int_eq(shmq_close(producer), 0);
    ck_assert_uint_eq(lane_now().refused, 2);
    producer = planted_open(name, SHMQ_PRODUCER, &small);
    ck_assert_int_eq(shmq_put(producer, "x", 1, 6 * MS), -ETIMEDOUT);
    shmq_abandon(producer);
    ck_assert_uint_eq(lane_now().refused, 3);
    producer = planted_open(name, SHMQ_PRODUCER, &small);
}
END_TEST

static void *put_and_wait(void *unused)
{
    (void)unused;
    ck_assert_int_eq(shmq_put(producer, "x", 1, 10000 * MS), 0);
    return NULL;
}

START_TEST(a_producer_that_waits_says_since_when)
{
    pthread_t thread;
    struct shmq_lane_stat lane;
    put(CELLS);
    const int64_t began = clock_now_ns();
    ck_assert_int_eq(pthread_create(&thread, NULL, put_and_wait, NULL), 0);
    do
        lane = lane_now();
    while (!lane.blocked || lane.blocked_for_ns < 30 * MS || lane.sleeps == 0);
    const int64_t so_far = clock_now_ns() - began;
    ck_assert_int_le(lane.blocked_for_ns, so_far);
    ck_assert_uint_le(lane.blocked_ns, (uint64_t)so_far);
    ck_assert_uint_eq(stat_now().blocked, 1);
    struct shmq_message messages[CELLS];
    size_t count;
    ck_assert_int_eq(shmq_lease_many(consumer, messages, CELLS, &count, 0), 0);
    ck_assert_int_eq(shmq_acknowledge(consumer, count), 0);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    lane = lane_now();
    ck_assert(!lane.blocked);
    ck_assert_int_eq(lane.blocked_for_ns, 0);
    ck_assert_uint_ge(lane.blocked_ns, 30 * MS);
    ck_assert_uint_le(lane.blocked_ns, (uint64_t)(clock_now_ns() - began));
    ck_assert_uint_eq(lane.full_times, 1);
    ck_assert_uint_eq(lane.spurious, 0);
    ck_assert_uint_le(lane.wake_ups, 1); /* it may have woken up by itself just then */
}
END_TEST

static void fill_and_die(void *unused)
{
    (void)unused;
    struct shmq *other = planted_open(name, SHMQ_PRODUCER, &small);
    while (shmq_put(other, "x", 1, 0) == 0)
        ;
    (void)shmq_put(other, "x", 1, SHMQ_FOREVER);
}

/* In a child that is killed once it is in the state that @ready looks for. */
static void kill_when(void (*body)(void *), bool (*ready)(void))
{
    const pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        body(NULL);
        _exit(1);
    }
    while (!ready())
        pause_ms(1);
    ck_assert_int_eq(kill(child, SIGKILL), 0);
    ck_assert_int_eq(waitpid(child, NULL, 0), child);
}

static bool is_blocked(void)
{
    return lane_now().blocked;
}

START_TEST(a_dead_producer_does_not_wait)
{
    ck_assert_int_eq(shmq_close(producer), 0);
    producer = NULL;
    kill_when(fill_and_die, is_blocked);
    const struct shmq_lane_stat lane = lane_now();
    ck_assert(!lane.alive && !lane.blocked);
    ck_assert_int_eq(lane.blocked_for_ns, 0);
    ck_assert_uint_eq(lane.full_times, 1);
    ck_assert_uint_eq(stat_now().blocked, 0);
    ck_assert_uint_eq(stat_now().deaths, 0); /* nobody has found it yet */
    producer = planted_open(name, SHMQ_PRODUCER, &small);
    ck_assert_uint_eq(stat_now().deaths, 1);
    ck_assert(!lane_now().blocked);
}
END_TEST

static void put_and_die(void *unused)
{
    (void)unused;
    struct shmq *other = planted_open(name, SHMQ_PRODUCER, &small);
    (void)shmq_put(other, "x", 1, 0);
    _exit(0);
}

static void let_one_die(void)
{
    const pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0)
        put_and_die(NULL);
    ck_assert_int_eq(waitpid(child, NULL, 0), child);
}

/* Whoever withdraws or abandons the lane leaves it as unfinished as the dead one did, and has not died. */
START_TEST(a_dead_producer_is_counted_once)
{
    ck_assert_int_eq(shmq_close(producer), 0);
    let_one_die();
    for (int i = 0; i < 4; i++) {
        producer = planted_open(name, SHMQ_PRODUCER, &small);
        ck_assert_uint_eq(stat_now().deaths, 1);
        if (i % 2 == 0)
            shmq_withdraw(producer);
        else
            shmq_abandon(producer);
    }
    ck_assert_int_eq(shmq_finish_lane(name, 0), 0);
    ck_assert_uint_eq(stat_now().deaths, 1);
    let_one_die();
    ck_assert_int_eq(shmq_finish_lane(name, 0), 0);
    ck_assert_uint_eq(stat_now().deaths, 2);
    producer = planted_open(name, SHMQ_PRODUCER, &small);
    ck_assert_uint_eq(stat_now().deaths, 2);
}
END_TEST

START_TEST(what_is_dropped_is_counted)
{
    put(3);
    struct shmq_lane_stat lane = lane_now();
    const uint64_t first = lane.head_position;
    ck_assert_int_eq(shmq_drop(name, 0, first + 1), 0);
    ck_assert_int_eq(shmq_drop(name, 0, first + 1), -ENOMSG); /* already */
    ck_assert_uint_eq(lane_now().dropped, 1);
    ck_assert_int_eq(shmq_count(producer, SHMQ_COUNT_DROPPED, 2), 0);
    ck_assert_uint_eq(lane_now().dropped, 3);
    ck_assert_int_eq(shmq_count(consumer, SHMQ_COUNT_DROPPED, 4), 0);
    ck_assert_uint_eq(stat_now().dropped, 7);
}
END_TEST

START_TEST(a_producer_is_seen_when_it_attaches)
{
    struct shmq_lane_stat lane = lane_now();
    ck_assert_int_ge(lane.attached_ns, 0);
    ck_assert_int_lt(lane.attached_ns, 5000 * MS);
    ck_assert_int_le(lane.active_ns, lane.attached_ns);
    pause_ms(30);
    lane = lane_now();
    ck_assert_int_ge(lane.attached_ns, 30 * MS - 10 * MS); /* the clock is coarse */
    struct shmq_lane_stat unused = SHMQ_LANE_STAT_INIT;
    ck_assert_int_eq(shmq_stat_lane(producer, 1, &unused), 0);
    ck_assert_int_eq(unused.attached_ns, -1);
    ck_assert_int_eq(unused.active_ns, -1);
}
END_TEST

/* ------------------------------------------------------------------ consumers */

START_TEST(sleeps_that_nobody_ends_are_counted)
{
    struct shmq_message message;
    ck_assert_int_eq(shmq_lease(consumer, &message, 0), -EAGAIN);
    ck_assert_uint_eq(seat_now(0).sleeps, 0);
    ck_assert_int_eq(shmq_lease(consumer, &message, 52 * MS), -ETIMEDOUT);
    const struct shmq_seat_stat seat = seat_now(0);
    ck_assert_uint_ge(seat.sleeps, 1);
    ck_assert_uint_le(seat.sleeps, 12); /* a tick of 5 ms each */
    ck_assert_uint_eq(seat.wake_ups, 0);
    ck_assert_uint_eq(seat.spurious, 0);
    ck_assert_int_eq(seat.leased_ns, -1);
    ck_assert_int_lt(seat.active_ns, 5000 * MS);
    ck_assert_uint_eq(stat_now().sleeps, seat.sleeps);
}
END_TEST

static void *lease_and_wait(void *unused)
{
    struct shmq_message message;
    (void)unused;
    ck_assert_int_eq(shmq_lease(consumer, &message, 10000 * MS), 0);
    return NULL;
}

/* Whether a put ended the sleep of a consumer. Its ring may come only after the consumer has woken up by itself
 * and found the message: then it ends a later sleep, for nothing. */
static void ring_once(uint64_t *missed)
{
    pthread_t thread;
    const struct shmq_seat_stat before = seat_now(0);
    ck_assert_int_eq(pthread_create(&thread, NULL, lease_and_wait, NULL), 0);
    while (!seat_now(0).waiting)
        sched_yield();
    put(1);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    ck_assert_int_eq(shmq_acknowledge(consumer, 1), 0);
    const struct shmq_seat_stat after = seat_now(0);
    const uint64_t brought = (after.wake_ups - after.spurious) - (before.wake_ups - before.spurious);
    ck_assert_uint_le(brought, 1);
    ck_assert_uint_ge(after.sleeps - before.sleeps, after.wake_ups - before.wake_ups);
    *missed += brought == 0;
    ck_assert_uint_le(after.spurious, *missed);
}

START_TEST(rings_that_bring_something_are_not_spurious)
{
    uint64_t missed = 0;
    for (uint64_t i = 0; i < 20 || (missed == i && i < 1000); i++)
        ring_once(&missed);
    const struct shmq_seat_stat seat = seat_now(0);
    ck_assert_uint_ge(seat.wake_ups - seat.spurious, 1);
    ck_assert_uint_ge(seat.sleeps, seat.wake_ups);
    ck_assert_uint_eq(stat_now().wake_ups, seat.wake_ups);
}
END_TEST

START_TEST(a_ring_for_nothing_is_spurious)
{
    pthread_t thread;
    char items[OBJECT_NAME_BYTES];
    name_of_items(items, name);
    sem_t *semaphore = sem_open(items, O_CREAT, 0600, 0);
    ck_assert_ptr_ne(semaphore, SEM_FAILED);
    ck_assert_int_eq(pthread_create(&thread, NULL, lease_and_wait, NULL), 0);
    while (seat_now(0).spurious == 0) {
        if (seat_now(0).waiting)
            ck_assert_int_eq(sem_post(semaphore), 0);
        pause_ms(1);
    }
    put(1);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    ck_assert_int_eq(sem_close(semaphore), 0);
    const struct shmq_seat_stat seat = seat_now(0);
    ck_assert_uint_ge(seat.wake_ups, seat.spurious);
    ck_assert_uint_ge(seat.sleeps, seat.wake_ups);
}
END_TEST

START_TEST(what_a_consumer_has_says_since_when)
{
    put(2);
    (void)lease(consumer);
    pause_ms(40);
    struct shmq_seat_stat seat = seat_now(0);
    ck_assert_uint_gt(seat.leased, 0);
    ck_assert_int_ge(seat.leased_ns, 39 * MS);
    ck_assert_int_lt(seat.leased_ns, 10000 * MS);
    ck_assert_int_le(seat.leased_ns, seat.attached_ns);
    ck_assert_int_le(seat.active_ns, seat.leased_ns);
    ck_assert_int_eq(shmq_acknowledge(consumer, 1), 0);
    while (shmq_lease(consumer, &(struct shmq_message){0}, 0) == 0)
        ck_assert_int_eq(shmq_acknowledge(consumer, 1), 0);
    seat = seat_now(0);
    ck_assert_int_eq(seat.leased_ns, -1);
    ck_assert_int_ge(seat.active_ns, 0);
}
END_TEST

START_TEST(what_is_only_looked_at_is_not_leased)
{
    size_t count;
    bool complete;
    struct planted planted;
    put(2);
    ck_assert_int_eq(shmq_ready(consumer, &count, &complete, 0), 0);
    planted_map(&planted, name);
    ck_assert_uint_eq(planted.seats[0].leased_ns, 0);
    ck_assert_uint_eq(planted_lane(&planted, 0)->seen, 0);
    (void)lease(consumer); /* in the same tick of the clock */
    ck_assert_uint_ne(planted.seats[0].leased_ns, 0);
    ck_assert_uint_ne(planted_lane(&planted, 0)->seen, 0);
    planted_unmap(&planted);
}
END_TEST

START_TEST(failures_are_counted)
{
    put(1);
    (void)lease(consumer);
    ck_assert_int_eq(shmq_fail(consumer, NULL), 0);
    ck_assert_int_eq(shmq_fail(consumer, NULL), 0);
    ck_assert_uint_eq(seat_now(0).failed, 2);
    ck_assert_int_eq(shmq_acknowledge(consumer, 1), 0);
    ck_assert_int_eq(shmq_fail(consumer, NULL), -EINVAL);
    ck_assert_int_eq(shmq_count(consumer, SHMQ_COUNT_DEAD_LETTERS, 3), 0);
    const struct shmq_stat stat = stat_now();
    ck_assert_uint_eq(stat.failed, 2);
    ck_assert_uint_eq(stat.dead_letters, 3);
}
END_TEST

/* Leases all and dies, with @done of them acknowledged. */
static void lease_all_and_die(int done)
{
    const pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        struct shmq_message messages[CELLS];
        size_t count = 0;
        struct shmq *other = planted_open(name, SHMQ_CONSUMER, &small);
        const int error = shmq_lease_many(other, messages, CELLS, &count, 0);
        for (int i = 0; i < done && error == 0; i++)
            (void)shmq_acknowledge(other, 1);
        _exit(error == 0 ? 0 : 1);
    }
    int status;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
}

START_TEST(what_a_dead_consumer_left_is_counted_where_it_goes)
{
    ck_assert_int_eq(shmq_close(consumer), 0);
    consumer = NULL;
    put(5);
    lease_all_and_die(2);
    ck_assert_uint_eq(stat_now().deaths, 0);
    consumer = planted_open(name, SHMQ_CONSUMER, &small);
    ck_assert(lease(consumer).redelivered);
    const uint32_t own = consumer->consumer.seat;
    struct shmq_seat_stat seat = seat_now(own);
    ck_assert_uint_eq(seat.deaths, 1);
    ck_assert_uint_eq(seat.adopted, 1);
    ck_assert_uint_eq(seat.redelivered, 3);
    struct shmq_stat stat = stat_now();
    ck_assert_uint_eq(stat.deaths, 1);
    ck_assert_uint_eq(stat.adopted, 1);
    ck_assert_uint_eq(stat.redelivered, 3);
    ck_assert_uint_eq(stat.given_back, 0);
}
END_TEST

START_TEST(what_is_given_back_is_no_death)
{
    put(2);
    (void)lease(consumer);
    ck_assert_int_eq(shmq_release(consumer), 0);
    ck_assert_uint_eq(stat_now().given_back, 1);
    ck_assert(lease(consumer).redelivered);
    ck_assert_int_eq(shmq_close(consumer), 0);
    consumer = NULL;
    ck_assert_uint_eq(stat_now().given_back, 2);
    consumer = planted_open(name, SHMQ_CONSUMER, &small);
    ck_assert(lease(consumer).redelivered);
    const struct shmq_stat stat = stat_now();
    ck_assert_uint_eq(stat.given_back, 2);
    ck_assert_uint_eq(stat.redelivered, 4);
    ck_assert_uint_eq(stat.adopted, 0);
    ck_assert_uint_eq(stat.deaths, 0);
}
END_TEST

START_TEST(what_is_put_aside_is_counted_each_time)
{
    put(1);
    for (uint64_t i = 1; i <= 3; i++) {
        const struct shmq_aside aside = SHMQ_ASIDE_INIT;
        (void)lease(consumer);
        ck_assert_int_eq(shmq_put_aside(consumer, &aside), 0);
        ck_assert_uint_eq(stat_now().put_aside, i);
    }
    (void)lease(consumer);
    const struct shmq_stat stat = stat_now();
    ck_assert_uint_eq(stat.redelivered, 3);
    ck_assert_uint_eq(stat.adopted, 0);
    ck_assert_uint_eq(stat.deaths, 0);
}
END_TEST

/* ------------------------------------------------------------------ what others see */

START_TEST(a_bridge_shows_its_words)
{
    uint64_t words[SHMQ_BRIDGE_WORDS];
    for (uint64_t i = 0; i < SHMQ_BRIDGE_WORDS; i++)
        words[i] = i + 1;
    ck_assert_int_eq(shmq_set_bridge(producer, words), 0);
    ck_assert_mem_eq(lane_now().bridge, words, sizeof(words));
    words[0] = 7;
    ck_assert_int_eq(shmq_set_bridge(consumer, words), 0);
    ck_assert_mem_eq(seat_now(0).bridge, words, sizeof(words));
}
END_TEST

START_TEST(nothing_makes_an_age_negative)
{
    struct planted planted;
    put(1);
    (void)lease(consumer);
    planted_map(&planted, name);
    struct lane_counters *lane = &planted_lane(&planted, 0)->counters;
    const uint64_t odd[] = {1, UINT64_MAX, (uint64_t)INT64_MAX, (uint64_t)INT64_MIN, 0};
    for (size_t i = 0; i < COUNT(odd); i++) {
        lane->blocked_since = lane->attached_ns = lane->active_ns = odd[i];
        planted.seats[0].leased_ns = planted.seats[0].attached_ns = planted.seats[0].active_ns = odd[i];
        const struct shmq_lane_stat l = lane_now();
        const struct shmq_seat_stat s = seat_now(0);
        const int64_t least = odd[i] == 0 ? -1 : 0;
        ck_assert_int_ge(l.blocked_for_ns, 0);
        ck_assert_int_ge(l.attached_ns, least);
        ck_assert_int_ge(l.active_ns, least);
        ck_assert_int_ge(s.leased_ns, least);
        ck_assert_int_ge(s.attached_ns, least);
        ck_assert_int_ge(s.active_ns, least);
    }
    planted_unmap(&planted);
}
END_TEST

static atomic_bool puts_end;

static void *put_and_get(void *unused)
{
    uint64_t number = 0;
    size_t length;
    (void)unused;
    while (!atomic_load(&puts_end)) {
        for (int i = 0; i < CELLS; i++)
            ck_assert_int_eq(shmq_put(producer, &number, sizeof(number), 0), 0);
        for (int i = 0; i < CELLS; i++)
            ck_assert_int_eq(shmq_get(consumer, &number, sizeof(number), &length, 0), 0);
    }
    return NULL;
}

START_TEST(messages_and_bytes_are_of_the_same_moment)
{
    pthread_t thread;
    struct shmq *observer = planted_open(name, SHMQ_OBSERVER, NULL);
    uint64_t torn = 0;
    ck_assert_int_eq(pthread_create(&thread, NULL, put_and_get, NULL), 0);
    const int64_t until = clock_now_ns() + 500 * MS;
    while (clock_now_ns() < until) {
        struct shmq_lane_stat lane = SHMQ_LANE_STAT_INIT;
        ck_assert_int_eq(shmq_stat_lane(observer, 0, &lane), 0);
        torn += lane.put_bytes != lane.put_messages * sizeof(uint64_t);
        ck_assert_uint_le(lane.acknowledged, lane.put_messages);
    }
    atomic_store(&puts_end, true);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    ck_assert_uint_eq(torn, 0);
    ck_assert_int_eq(shmq_close(observer), 0);
}
END_TEST

START_TEST(a_queue_knows_when_and_by_whom_it_was_made)
{
    const struct shmq_stat stat = stat_now();
    ck_assert_int_eq(stat.creator, getpid());
    ck_assert_int_le(stat.created_s, (int64_t)time(NULL) + 1);
    ck_assert_int_ge(stat.created_s, (int64_t)time(NULL) - 60);
    ck_assert(stat.has_latency);
}
END_TEST

static const struct test tests[] = {
    TEST_GROUP("producers"),
    TEST(a_message_that_is_too_long_is_counted_once),
    TEST(a_put_without_room_is_refused_each_time),
    TEST(waits_that_follow_each_other_are_one),
    TEST(a_wait_that_is_given_up_is_a_refusal),
    TEST(a_producer_that_waits_says_since_when),
    TEST(a_dead_producer_does_not_wait),
    TEST(a_dead_producer_is_counted_once),
    TEST(what_is_dropped_is_counted),
    TEST(a_producer_is_seen_when_it_attaches),
    TEST_GROUP("consumers"),
    TEST(sleeps_that_nobody_ends_are_counted),
    TEST(rings_that_bring_something_are_not_spurious),
    TEST(a_ring_for_nothing_is_spurious),
    TEST(what_a_consumer_has_says_since_when),
    TEST(what_is_only_looked_at_is_not_leased),
    TEST(failures_are_counted),
    TEST(what_a_dead_consumer_left_is_counted_where_it_goes),
    TEST(what_is_given_back_is_no_death),
    TEST(what_is_put_aside_is_counted_each_time),
    TEST_GROUP("what others see"),
    TEST(a_bridge_shows_its_words),
    TEST(nothing_makes_an_age_negative),
    TEST(messages_and_bytes_are_of_the_same_moment),
    TEST(a_queue_knows_when_and_by_whom_it_was_made),
};
TEST_SUITE("counters", tests, .seconds = 20, .set_up = pair_set_up, .tear_down = pair_tear_down);
