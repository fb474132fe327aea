/* SPDX-License-Identifier: MIT */
/* Every code of shmq.h, provoked, with the meaning that stands there. */
#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/kernel/clock.h"
#include "tests/support/calls.h"
#include "tests/support/harness.h"
#include "tests/support/pair.h"
#include "tests/support/planted.h"
#include "tests/support/process.h"

#define SECOND INT64_C(1000000000)
#define MS INT64_C(1000000)
#define NOBODY 65534
#define NOT_PERMITTED 77

static void expect(int code, int actual)
{
    ck_assert_msg(actual == code, "%d (%s) instead of %d (%s)", actual, shmq_strerror(actual), code,
                  shmq_strerror(code));
}

static int put(const char *text, int64_t timeout_ns)
{
    return shmq_put(producer, text, strlen(text), timeout_ns);
}

static int get(int64_t timeout_ns)
{
    char buffer[2048];
    size_t length;
    return shmq_get(consumer, buffer, sizeof(buffer), &length, timeout_ns);
}

static void fill(void)
{
    while (put("x", 0) == 0)
        ;
}

static int open_and_close(enum shmq_role role, const struct shmq_options *options)
{
    struct shmq *handle = NULL;
    const int error = shmq_open(&handle, name, role, options);
    ck_assert((error == 0) == (handle != NULL));
    return error != 0 ? error : shmq_close(handle);
}

/* ------------------------------------------------------------------ waiting */

START_TEST(eagain_is_for_who_would_not_wait)
{
    struct shmq_message message;
    struct iovec vector = {.iov_base = (void *)(uintptr_t) "x", .iov_len = 1};
    size_t count;
    void *payload;
    expect(-EAGAIN, get(0));
    expect(-EAGAIN, shmq_lease(consumer, &message, 0));
    expect(-EAGAIN, shmq_lease_many(consumer, &message, 1, &count, 0));
    fill();
    expect(-EAGAIN, put("x", 0));
    expect(-EAGAIN, shmq_reserve(producer, 1, &payload, 0));
    expect(-EAGAIN, shmq_put_many(producer, &vector, 1, &count, 0));
    ck_assert_uint_eq(count, 0);
    expect(-EAGAIN, shmq_join(producer, 0));
}
END_TEST

/* Calls wait for their time and not much longer, also one that is shorter than a tick. */
static void expect_timeout(int (*call)(int64_t timeout_ns), int64_t timeout_ns)
{
    const int64_t before = clock_now_ns();
    expect(-ETIMEDOUT, call(timeout_ns));
    const int64_t waited = clock_now_ns() - before;
    ck_assert_int_ge(waited, timeout_ns);
    ck_assert_int_lt(waited, timeout_ns + 2 * SECOND);
}

static int lease_one(int64_t timeout_ns)
{
    struct shmq_message message;
    return shmq_lease(consumer, &message, timeout_ns);
}

static int reserve_one(int64_t timeout_ns)
{
    void *payload;
    return shmq_reserve(producer, 1, &payload, timeout_ns);
}

static int put_x(int64_t timeout_ns)
{
    return put("x", timeout_ns);
}

static int put_two(int64_t timeout_ns)
{
    char text[] = "x";
    const struct iovec vectors[] = {{.iov_base = text, .iov_len = 1}, {.iov_base = text, .iov_len = 1}};
    return shmq_put_many(producer, vectors, 2, NULL, timeout_ns);
}

static int join(int64_t timeout_ns)
{
    return shmq_join(consumer, timeout_ns);
}

START_TEST(etimedout_comes_after_the_time)
{
    static const int64_t times[] = {1, MS, 12 * MS};
    for (size_t i = 0; i < 3; i++) {
        expect_timeout(get, times[i]);
        expect_timeout(lease_one, times[i]);
    }
    fill();
    for (size_t i = 0; i < 3; i++) {
        expect_timeout(put_x, times[i]);
        expect_timeout(put_two, times[i]);
        expect_timeout(reserve_one, times[i]);
        expect_timeout(join, times[i]);
    }
    expect(0, get(0));
    expect_timeout(put_two, 2 * MS); /* one of them has room */
    expect(-EAGAIN, put("x", 0));
}
END_TEST

static volatile int stopped;

static void stop(int signal_number)
{
    (void)signal_number;
    stopped = 1;
}

static void stop_in(int64_t ns)
{
    const struct itimerspec when = {.it_value = clock_timespec(ns)};
    static timer_t timer;
    static bool made;
    (void)signal(SIGALRM, stop);
    if (!made)
        ck_assert_int_eq(timer_create(CLOCK_MONOTONIC, NULL, &timer), 0);
    made = true;
    stopped = 0;
    ck_assert_int_eq(timer_settime(timer, 0, &when, NULL), 0);
}

START_TEST(eintr_is_for_the_stop_flag)
{
    pair_tear_down();
    name = test_name("stopped");
    small.stop = &stopped;
    pair_open();
    int (*const empty[])(int64_t) = {get, lease_one};
    int (*const full[])(int64_t) = {put_x, put_two, reserve_one, join};
    for (size_t i = 0; i < 2; i++) {
        stop_in(20 * MS);
        expect(-EINTR, empty[i](SHMQ_FOREVER));
        expect(-EINTR, empty[i](SHMQ_FOREVER)); /* as long as it is set */
        expect(-EAGAIN, empty[i](0));
    }
    expect(0, put("x", SHMQ_FOREVER)); /* nothing to wait for */
    fill();
    for (size_t i = 0; i < 4; i++) {
        stop_in(20 * MS);
        expect(-EINTR, full[i](SHMQ_FOREVER));
        expect(-EAGAIN, full[i](0));
    }
}
END_TEST

static void nothing(int signal_number)
{
    (void)signal_number;
}

/* Signals that mean nothing to the queue end no wait. */
START_TEST(a_signal_alone_is_no_eintr)
{
    const struct itimerval often = {.it_value = {.tv_usec = 2000}, .it_interval = {.tv_usec = 2000}};
    const struct itimerval never = {.it_value = {.tv_usec = 0}};
    (void)signal(SIGALRM, nothing);
    ck_assert_int_eq(setitimer(ITIMER_REAL, &often, NULL), 0);
    expect_timeout(get, 50 * MS);
    fill();
    expect_timeout(put_x, 50 * MS);
    expect_timeout(join, 50 * MS);
    ck_assert_int_eq(setitimer(ITIMER_REAL, &never, NULL), 0);
}
END_TEST

/* ------------------------------------------------------------------ ends */

START_TEST(enodata_is_the_end_of_stream)
{
    expect(0, put("x", 0));
    expect(0, shmq_finish(producer));
    expect(0, get(0));
    expect(-ENODATA, get(SHMQ_FOREVER));
    expect(-ENODATA, get(0));
    expect(-ENODATA, lease_one(SHMQ_FOREVER));
}
END_TEST

START_TEST(enodata_waits_until_everything_is_acknowledged)
{
    struct shmq_message message;
    struct shmq *second = planted_open(name, SHMQ_CONSUMER, &small);
    expect(0, put("x", 0));
    expect(0, shmq_finish(producer));
    expect(0, shmq_lease(second, &message, 0));
    expect(-EAGAIN, get(0));
    expect(-ETIMEDOUT, get(20 * MS));
    expect(0, shmq_acknowledge(second, 1));
    expect(-ENODATA, get(0));
    expect(0, shmq_close(second));
}
END_TEST

START_TEST(eownerdead_is_an_end_without_finishing)
{
    struct shmq *patient;
    expect(0, shmq_close(consumer));
    small.grace_ns = 30 * MS;
    consumer = planted_open(name, SHMQ_CONSUMER, &small);
    small.grace_ns = SHMQ_FOREVER;
    patient = planted_open(name, SHMQ_CONSUMER, &small);
    expect(0, put("x", 0));
    expect(0, get(0));
    expect(-EAGAIN, get(0)); /* it lives */
    shmq_abandon(producer);
    const int64_t before = clock_now_ns();
    expect(-EOWNERDEAD, get(5 * SECOND));
    ck_assert_int_ge(clock_now_ns() - before, 30 * MS);
    char buffer[8];
    size_t length;
    expect(-ETIMEDOUT, shmq_get(patient, buffer, sizeof(buffer), &length, 60 * MS));
    producer = planted_open(name, SHMQ_PRODUCER, &small); /* takes the lane up again */
    expect(-EAGAIN, get(0));
    expect(0, shmq_finish(producer));
    expect(-ENODATA, get(0));
    expect(-ENODATA, shmq_get(patient, buffer, sizeof(buffer), &length, SHMQ_FOREVER));
    expect(0, shmq_close(patient));
}
END_TEST

START_TEST(eshutdown_is_for_puts_after_the_end)
{
    void *payload;
    struct iovec vector = {.iov_base = (void *)(uintptr_t) "x", .iov_len = 1};
    size_t done = 9;
    expect(0, put("x", 0));
    expect(0, shmq_reserve(producer, 1, &payload, 0));
    expect(0, shmq_shutdown(name, SHMQ_DRAIN));
    expect(-ESHUTDOWN, put("x", SHMQ_FOREVER));
    expect(-ESHUTDOWN, shmq_put_many(producer, &vector, 1, &done, 0));
    ck_assert_uint_eq(done, 0);
    expect(-ESHUTDOWN, shmq_commit(producer, 1));
    expect(-EINVAL, shmq_commit(producer, 2)); /* longer than what was reserved: that comes first */
    expect(-ESHUTDOWN, shmq_reserve(producer, 1, &payload, 0));
    expect(0, get(0)); /* what is committed is delivered */
    expect(-ESHUTDOWN, get(SHMQ_FOREVER));
    expect(0, shmq_shutdown(name, SHMQ_DRAIN)); /* again */
}
END_TEST

START_TEST(eshutdown_now_is_for_gets_too)
{
    struct shmq_message message;
    for (int i = 0; i < 3; i++)
        expect(0, put("x", 0));
    expect(0, shmq_lease(consumer, &message, 0));
    expect(0, shmq_shutdown(name, SHMQ_NOW));
    expect(0, shmq_acknowledge(consumer, 1)); /* what is in hand may be finished */
    struct shmq *late = planted_open(name, SHMQ_CONSUMER, &small);
    expect(-ESHUTDOWN, shmq_lease(late, &message, SHMQ_FOREVER));
    expect(0, shmq_close(late));
    expect(-ESHUTDOWN, put("x", 0));
    expect(0, shmq_close(producer));
    expect(0, shmq_close(consumer));
    expect(-ENOTEMPTY, shmq_remove(name, false));
    pair_open();
}
END_TEST

START_TEST(eshutdown_is_for_a_producer_that_has_finished)
{
    expect(0, shmq_finish(producer));
    expect(-ESHUTDOWN, put("x", 0));
    expect(0, shmq_finish(producer));
    struct shmq *other = planted_open(name, SHMQ_PRODUCER, &small);
    expect(0, shmq_put(other, "x", 1, 0)); /* for nobody else */
    expect(0, shmq_close(other));
}
END_TEST

START_TEST(estale_is_for_who_had_it_open)
{
    struct shmq_stat stat = SHMQ_STAT_INIT;
    struct shmq_info info = SHMQ_INFO_INIT;
    struct shmq *observer = planted_open(name, SHMQ_OBSERVER, NULL);
    expect(0, put("x", 0));
    expect(0, shmq_remove(name, true));
    expect(-ESTALE, put("x", 0));
    expect(-ESTALE, get(SHMQ_FOREVER));
    expect(-ESTALE, shmq_finish(producer));
    expect(-ESTALE, shmq_join(observer, SECOND));
    expect(0, shmq_stat(observer, &stat));
    ck_assert(stat.removed);
    expect(0, shmq_info(observer, &info));
    ck_assert(info.removed);
    expect(0, shmq_close(observer));
    expect(-ESTALE, shmq_close(producer));
    expect(0, shmq_close(consumer));
    pair_open();
}
END_TEST

static int put_three(void)
{
    struct iovec three[3];
    for (int i = 0; i < 3; i++)
        three[i] = (struct iovec){.iov_base = "abc", .iov_len = (size_t)i};
    return shmq_put_many(producer, three, 3, NULL, 0);
}

static int put_in_place(void)
{
    void *payload;
    const int error = shmq_reserve(producer, 100, &payload, 0);
    return error != 0 ? error : shmq_commit(producer, 0);
}

static int put_short(void)
{
    return put("x", 0);
}

/* One that always finds room never waits, and has to notice all the same. */
START_TEST(estale_for_a_deleted_name_although_there_is_always_room)
{
    static int (*const ways[])(void) = {put_short, put_three, put_in_place};
    int error = 0;
    ck_assert_int_eq(unlink(test_object_path(name)), 0);
    for (int i = 0; i < 4200 && error == 0; i++) {
        error = ways[_i]();
        while (get(0) == 0)
            ;
    }
    expect(-ESTALE, error);
}
END_TEST

/* Two generations under one name have nothing to do with each other. */
START_TEST(estale_also_where_only_the_name_was_deleted)
{
    ck_assert_int_eq(unlink(test_object_path(name)), 0);
    struct shmq *other = planted_open(name, SHMQ_CONSUMER, &small);
    expect(-ESTALE, get(5 * SECOND));
    int error = 0;
    for (int i = 0; i < 100000 && error == 0; i++) {
        error = put("x", SECOND);
        error = error == -ETIMEDOUT ? 0 : error;
    }
    expect(-ESTALE, error);
    struct shmq_message message;
    expect(-EAGAIN, shmq_lease(other, &message, 0));
    expect(0, shmq_close(other));
}
END_TEST

/* ------------------------------------------------------------------ content and versions */

START_TEST(ebadmsg_and_eproto_are_told_apart)
{
    struct planted planted;
    planted_map(&planted, name);
    planted.header->abi++;
    expect(-EPROTO, open_and_close(SHMQ_CONSUMER, &small));
    expect(-EPROTO, shmq_create(name, &small));
    planted.header->abi--;
    planted.header->features |= UINT32_C(1) << 31; /* what a later version may add */
    expect(-EPROTO, open_and_close(SHMQ_CONSUMER, &small));
    expect(-EPROTO, open_and_close(SHMQ_OBSERVER, &small));
    expect(-EPROTO, shmq_create(name, &small));
    planted.header->features &= ~(UINT32_C(1) << 31);
    expect(0, open_and_close(SHMQ_CONSUMER, &small));
    planted.header->magic++;
    expect(-EBADMSG, open_and_close(SHMQ_CONSUMER, &small));
    expect(-EBADMSG, shmq_remove(name, false));
    planted.header->magic--;
    expect(0, put("x", 0));
    atomic_store(&planted_record(&planted, 0, 64)->word, 0);
    expect(-EBADMSG, get(SHMQ_FOREVER));
    struct shmq *observer = planted_open(name, SHMQ_OBSERVER, NULL);
    expect(-EBADMSG, shmq_check(observer, NULL, NULL));
    struct shmq_lane_stat stat = SHMQ_LANE_STAT_INIT;
    expect(-EBADMSG, shmq_stat_lane(observer, 0, &stat));
    expect(0, shmq_close(observer));
    planted_unmap(&planted);
}
END_TEST

/* A lease word that is not what its holder left there. */
START_TEST(ebadmsg_for_who_acknowledges_or_holds_what_it_does_not_have)
{
    struct planted planted;
    struct shmq_message message;
    char buffer[8];
    size_t length;
    planted_map(&planted, name);
    shared_u64 *lease = planted_lease(&planted, 0, 64);
    expect(0, put("x", 0));
    expect(0, shmq_lease(consumer, &message, 0));
    const uint64_t word = atomic_load(lease);
    atomic_store(lease, 0);
    expect(-EBADMSG, shmq_hold(consumer, &message));
    ck_assert_mem_eq(message.data, "x", 1); /* still where it was */
    expect(-EBADMSG, shmq_acknowledge(consumer, 1));
    atomic_store(lease, word);
    expect(0, shmq_close(consumer));
    consumer = planted_open(name, SHMQ_CONSUMER, &small);
    expect(0, shmq_lease(consumer, &message, 0)); /* not acknowledged, so once more */
    ck_assert(message.redelivered);
    expect(0, shmq_acknowledge(consumer, 1));
    expect(0, put("y", 0));
    atomic_store(planted_lease(&planted, 0, 65), UINT64_MAX);
    expect(-EBADMSG, shmq_get(consumer, buffer, sizeof(buffer), &length, 0));
    planted_unmap(&planted);
}
END_TEST

START_TEST(eoverflow_is_the_end_of_a_lane_s_positions)
{
    struct planted planted;
    expect(0, shmq_close(producer));
    planted_map(&planted, name);
    struct lane_control *lane = planted_lane(&planted, 0);
    const uint64_t last = planted.geometry.max_position - 2;
    shared_u64 *const positions[] = {&lane->head, &lane->claim, &lane->tail, &lane->checkpoints[0].tail};
    for (size_t i = 0; i < 4; i++)
        atomic_store(positions[i], last);
    producer = planted_open(name, SHMQ_PRODUCER, &small);
    char two_cells[65] = {0};
    char three_cells[129] = {0};
    expect(-EOVERFLOW, shmq_put(producer, three_cells, sizeof(three_cells), SHMQ_FOREVER));
    expect(0, shmq_put(producer, two_cells, sizeof(two_cells), 0));
    expect(-EOVERFLOW, put("", SHMQ_FOREVER));
    expect(0, get(0));
    expect(-EOVERFLOW, put("", SHMQ_FOREVER));
    expect(0, shmq_check(consumer, NULL, NULL));
    expect(0, shmq_finish(producer));
    expect(-ENODATA, get(0));
    planted_unmap(&planted);
}
END_TEST

/* ------------------------------------------------------------------ sizes */

START_TEST(emsgsize_is_longer_than_any_message_may_be)
{
    char message[1025] = {0};
    void *payload;
    expect(-EMSGSIZE, shmq_put(producer, message, sizeof(message), SHMQ_FOREVER));
    expect(-EMSGSIZE, shmq_put(producer, message, SIZE_MAX, 0));
    expect(-EMSGSIZE, shmq_reserve(producer, sizeof(message), &payload, 0));
    expect(-EMSGSIZE, shmq_reserve(producer, SIZE_MAX, &payload, 0));
    expect(0, shmq_put(producer, message, 1024, 0));
}
END_TEST

START_TEST(enobufs_leaves_the_message_where_it_is)
{
    char buffer[8] = {0};
    size_t length = 0;
    expect(0, put("four", 0));
    expect(-ENOBUFS, shmq_get(consumer, buffer, 3, &length, 0));
    ck_assert_uint_eq(length, 4);
    expect(-ENOBUFS, shmq_get(consumer, NULL, 0, &length, 0));
    ck_assert_uint_eq(length, 4);
    expect(-EAGAIN, shmq_join(consumer, 0));
    expect(0, shmq_get(consumer, buffer, 4, &length, 0));
    ck_assert_uint_eq(length, 4);
    ck_assert_str_eq(buffer, "four");
    expect(0, shmq_join(consumer, 0));
}
END_TEST

START_TEST(eexist_is_a_queue_of_other_sizes)
{
    static const struct shmq_options others[] = {
        {SHMQ_OPTIONS_DEFAULTS, .capacity_bytes = 8192},
        {SHMQ_OPTIONS_DEFAULTS, .max_message_bytes = 1000},
        {SHMQ_OPTIONS_DEFAULTS, .lanes = 3},
        {SHMQ_OPTIONS_DEFAULTS, .seats = 5},
        {SHMQ_OPTIONS_DEFAULTS, .mode = 0640},
        {SHMQ_OPTIONS_DEFAULTS, .tick_ns = 6000000},
        {SHMQ_OPTIONS_DEFAULTS, .group = 12345},
    };
    for (size_t i = 0; i < COUNT(others); i++) {
        struct shmq_options options = others[i];
        expect(-EEXIST, shmq_create(name, &options));
        expect(-EEXIST, open_and_close(SHMQ_CONSUMER, &options));
        options.create = true;
        expect(-EEXIST, open_and_close(SHMQ_PRODUCER, &options));
    }
    struct shmq_options same = planted_small();
    same.capacity_bytes = 3000; /* is rounded up */
    same.max_message_bytes = 1024;
    same.mode = 0600;
    same.group = getegid();
    expect(0, shmq_create(name, &same));
    expect(0, shmq_create(name, NULL)); /* nothing asked for */
}
END_TEST

/* ------------------------------------------------------------------ taken, in use */

START_TEST(eusers_when_all_lanes_or_seats_are_taken)
{
    struct shmq *lane = planted_open(name, SHMQ_PRODUCER, &small);
    expect(-EUSERS, open_and_close(SHMQ_PRODUCER, &small));
    expect(0, shmq_close(lane));
    expect(0, open_and_close(SHMQ_PRODUCER, &small));
    struct shmq *seats[3];
    for (size_t i = 0; i < 3; i++)
        seats[i] = planted_open(name, SHMQ_CONSUMER, &small);
    expect(-EUSERS, open_and_close(SHMQ_CONSUMER, &small));
    expect(0, shmq_close(seats[0]));
    expect(0, open_and_close(SHMQ_CONSUMER, &small));
    expect(0, open_and_close(SHMQ_OBSERVER, &small)); /* takes none */
    expect(0, shmq_close(seats[1]));
    expect(0, shmq_close(seats[2]));
}
END_TEST

START_TEST(ebusy_while_others_are_attached)
{
    expect(-EBUSY, shmq_remove(name, false));
    expect(0, shmq_close(producer));
    expect(-EBUSY, shmq_remove(name, false));
    expect(0, shmq_close(consumer));
    struct shmq *observer = planted_open(name, SHMQ_OBSERVER, NULL);
    expect(0, shmq_remove(name, false)); /* observers do not count */
    expect(0, shmq_close(observer));
    pair_open();
}
END_TEST

START_TEST(ebusy_while_somebody_puts_the_same_source)
{
    struct shmq_options source = small;
    source.source_id = 77;
    struct shmq *first = planted_open(name, SHMQ_PRODUCER, &source);
    expect(-EBUSY, open_and_close(SHMQ_PRODUCER, &source));
    expect(0, shmq_close(first));
    expect(0, open_and_close(SHMQ_PRODUCER, &source));
}
END_TEST

START_TEST(ebusy_while_messages_are_leased)
{
    struct shmq_message message;
    size_t count;
    expect(0, put("1", 0));
    expect(0, put("2", 0));
    expect(0, shmq_lease(consumer, &message, 0));
    expect(-EBUSY, get(0));
    expect(-EBUSY, shmq_hold(consumer, &message)); /* more of its batch are to come */
    expect(0, shmq_lease(consumer, &message, 0));
    expect(-EBUSY, shmq_lease(consumer, &message, SHMQ_FOREVER));
    expect(-EBUSY, shmq_lease_many(consumer, &message, 1, &count, SHMQ_FOREVER));
    expect(-EBUSY, shmq_hold(consumer, &message)); /* not the only one held */
    expect(0, shmq_acknowledge(consumer, 1));
    expect(0, shmq_hold(consumer, &message));
    expect(-EBUSY, get(0));
    expect(-EBUSY, shmq_lease(consumer, &message, 0));
    expect(0, shmq_acknowledge(consumer, 1));
    expect(-EAGAIN, get(0));
}
END_TEST

START_TEST(enotempty_while_messages_are_in_it)
{
    expect(0, put("x", 0));
    expect(0, shmq_close(producer));
    expect(0, shmq_close(consumer));
    expect(-ENOTEMPTY, shmq_remove(name, false));
    consumer = planted_open(name, SHMQ_CONSUMER, &small);
    expect(0, get(0));
    expect(0, shmq_close(consumer));
    expect(0, shmq_remove(name, false));
    pair_open();
}
END_TEST

/* ------------------------------------------------------------------ names, arguments, roles */

START_TEST(enoent_where_there_is_no_queue)
{
    struct shmq *handle;
    const char *nowhere = test_name("nowhere");
    expect(-ENOENT, shmq_open(&handle, nowhere, SHMQ_PRODUCER, NULL));
    expect(-ENOENT, shmq_open(&handle, nowhere, SHMQ_CONSUMER, NULL));
    expect(-ENOENT, shmq_open(&handle, nowhere, SHMQ_OBSERVER, NULL));
    expect(-ENOENT, shmq_open(&handle, nowhere, SHMQ_OBSERVER, &small));
    ck_assert_ptr_null(handle);
    expect(-ENOENT, shmq_shutdown(nowhere, SHMQ_DRAIN));
    expect(-ENOENT, shmq_remove(nowhere, false));
    expect(-ENOENT, shmq_remove(nowhere, true));
    ck_assert_uint_eq(test_leftovers(nowhere), 0);
}
END_TEST

START_TEST(enametoolong_and_einval_for_names)
{
    struct shmq *handle;
    char too_long[SHMQ_NAME_MAX + 2];
    memset(too_long, 'n', SHMQ_NAME_MAX + 1);
    too_long[SHMQ_NAME_MAX + 1] = '\0';
    static const char *const bad[] = {"", "a/b", "/a", "a b", "\n"};
    expect(-ENAMETOOLONG, shmq_create(too_long, NULL));
    expect(-ENAMETOOLONG, shmq_open(&handle, too_long, SHMQ_CONSUMER, &small));
    expect(-ENAMETOOLONG, shmq_shutdown(too_long, SHMQ_NOW));
    expect(-ENAMETOOLONG, shmq_remove(too_long, true));
    for (size_t i = 0; i < COUNT(bad); i++) {
        expect(-EINVAL, shmq_create(bad[i], NULL));
        expect(-EINVAL, shmq_open(&handle, bad[i], SHMQ_OBSERVER, NULL));
        expect(-EINVAL, shmq_shutdown(bad[i], SHMQ_NOW));
        expect(-EINVAL, shmq_remove(bad[i], true));
    }
}
END_TEST

START_TEST(the_longest_name_works)
{
    char longest[SHMQ_NAME_MAX + 1];
    const size_t length = strlen(name);
    memcpy(longest, name, length);
    memset(longest + length, 'n', SHMQ_NAME_MAX - length);
    longest[SHMQ_NAME_MAX] = '\0';
    struct shmq *handle = planted_open(longest, SHMQ_PRODUCER, &small);
    for (int i = 0; i < 64; i++)
        planted_put(handle, "x");
    expect(-ETIMEDOUT, shmq_put(handle, "x", 1, MS)); /* has opened its semaphore */
    expect(0, shmq_close(handle));
    expect(0, shmq_remove(longest, true));
    ck_assert_uint_eq(test_leftovers(longest), 0);
}
END_TEST

START_TEST(einval_for_options_that_make_no_sense)
{
    static const struct shmq_options making[] = {
        {SHMQ_OPTIONS_DEFAULTS, .capacity_bytes = (UINT64_C(1) << 36) + 1},
        {SHMQ_OPTIONS_DEFAULTS, .capacity_bytes = UINT64_MAX},
        {SHMQ_OPTIONS_DEFAULTS, .max_message_bytes = 4097, .capacity_bytes = 4096},
        {SHMQ_OPTIONS_DEFAULTS, .max_message_bytes = UINT64_MAX},
        {SHMQ_OPTIONS_DEFAULTS, .lanes = SHMQ_LANES_MAX + 1},
        {SHMQ_OPTIONS_DEFAULTS, .lanes = UINT32_MAX},
        {SHMQ_OPTIONS_DEFAULTS, .seats = SHMQ_SEATS_MAX + 1},
        {SHMQ_OPTIONS_DEFAULTS, .mode = 0666},
        {SHMQ_OPTIONS_DEFAULTS, .mode = 0400},
        {SHMQ_OPTIONS_DEFAULTS, .mode = 01600},
        {SHMQ_OPTIONS_DEFAULTS, .tick_ns = 999999},
        {SHMQ_OPTIONS_DEFAULTS, .tick_ns = 10000000001},
        {SHMQ_OPTIONS_DEFAULTS, .tick_ns = -1},
    };
    static const struct shmq_options using[] = {{SHMQ_OPTIONS_DEFAULTS, .priority = SHMQ_PRIORITIES},
                                                {SHMQ_OPTIONS_DEFAULTS, .prefetch = SHMQ_PREFETCH_MAX + 1},
                                                {SHMQ_OPTIONS_DEFAULTS, .source_part = 1}};
    const char *fresh = test_name("fresh");
    for (size_t i = 0; i < COUNT(making); i++) {
        expect(-EINVAL, shmq_create(fresh, &making[i]));
        expect(-EINVAL, open_and_close(SHMQ_CONSUMER, &making[i])); /* also where one exists */
    }
    for (size_t i = 0; i < COUNT(using); i++) {
        expect(-EINVAL, open_and_close(SHMQ_PRODUCER, &using[i]));
        expect(-EINVAL, open_and_close(SHMQ_CONSUMER, &using[i]));
    }
    expect(-EINVAL, open_and_close((enum shmq_role)0, &small));
    expect(-EINVAL, open_and_close((enum shmq_role)(SHMQ_SUPERVISOR + 1), &small));
    expect(-EINVAL, shmq_shutdown(name, (enum shmq_shutdown_how)0));
    expect(-EINVAL, shmq_shutdown(name, (enum shmq_shutdown_how)3));
    ck_assert_uint_eq(test_leftovers(fresh), 0);
}
END_TEST

static void expect_all(int code, struct shmq *handle, unsigned kinds)
{
    ck_assert_uint_eq(calls_not_returning(code, handle, kinds), 0);
}

START_TEST(einval_for_the_wrong_role_and_for_no_handle)
{
    struct shmq *observer = planted_open(name, SHMQ_OBSERVER, NULL);
    expect_all(-EINVAL, consumer, CALLS_OF_PRODUCERS);
    expect_all(-EINVAL, producer, CALLS_OF_CONSUMERS);
    expect_all(-EINVAL, observer, CALLS_OF_PRODUCERS | CALLS_OF_CONSUMERS);
    expect_all(-EINVAL, NULL, CALLS_OF_PRODUCERS | CALLS_OF_CONSUMERS | CALLS_OF_ANYBODY);
    expect_all(0, producer, CALLS_OF_ANYBODY);
    expect_all(0, consumer, CALLS_OF_ANYBODY);
    expect_all(0, observer, CALLS_OF_ANYBODY);
    expect(-EINVAL, shmq_report_loss(observer));
    expect(-EINVAL, shmq_report_loss(NULL));
    ck_assert(!shmq_intent_holds(NULL) && !shmq_intent_holds(producer) && !shmq_intent_holds(consumer));
    expect(0, shmq_close(NULL));
    shmq_abandon(NULL);
    expect(0, shmq_close(observer));
}
END_TEST

START_TEST(einval_for_arguments_of_producers)
{
    void *payload;
    uint64_t offset;
    size_t done = 9;
    const struct iovec nowhere = {.iov_base = NULL, .iov_len = 1};
    expect(-EINVAL, shmq_open(NULL, name, SHMQ_PRODUCER, NULL));
    expect(-EINVAL, shmq_put(producer, NULL, 1, 0));
    expect(0, shmq_put(producer, NULL, 0, 0));
    expect(-EINVAL, shmq_put_many(producer, NULL, 1, &done, 0));
    ck_assert_uint_eq(done, 0);
    expect(0, shmq_put_many(producer, NULL, 0, NULL, 0));
    expect(-EINVAL, shmq_put_many(producer, &nowhere, 1, &done, 0));
    ck_assert_uint_eq(done, 0);
    expect(-EINVAL, shmq_reserve(producer, 1, NULL, 0));
    expect(-EINVAL, shmq_commit(producer, 0)); /* nothing reserved */
    expect(0, shmq_reserve(producer, 10, &payload, 0));
    expect(-EINVAL, shmq_commit(producer, 11));
    expect(0, shmq_commit(producer, 10));
    expect(-EINVAL, shmq_commit(producer, 0)); /* not twice */
    expect(-EINVAL, shmq_set_frame(producer, (enum shmq_frame)3, 0));
    expect(-EINVAL, shmq_resume_offset(producer, &offset)); /* without a source */
}
END_TEST

static int commit_in_child(void *context)
{
    (void)context;
    return shmq_commit(producer, 0) == -ECHILD ? 0 : 1;
}

/* Of whatever kind the reservation is: of many messages in a row, few are dated. */
START_TEST(a_reservation_counts_for_its_own_handle_until_that_finishes)
{
    void *payload;
    for (int i = 0; i < 200 + _i; i++) {
        expect(0, shmq_reserve(producer, 1, &payload, 0));
        expect(0, shmq_commit(producer, 1));
        expect(0, get(0));
    }
    expect(0, shmq_reserve(producer, 1, &payload, 0));
    expect(-EINVAL, shmq_commit(consumer, 0));
    planted_in_child(commit_in_child, NULL, 0, 0);
    expect(0, shmq_finish(producer));
    expect(-ESHUTDOWN, shmq_commit(producer, 1));
    expect(-EINVAL, shmq_commit(producer, 2));
    expect(-ESHUTDOWN, shmq_reserve(producer, 1, &payload, 0));
}
END_TEST

START_TEST(einval_for_arguments_of_consumers)
{
    char buffer[8];
    size_t length;
    struct shmq_message message;
    expect(0, put("x", 0));
    expect(-EINVAL, shmq_get(consumer, NULL, 1, &length, 0));
    expect(-EINVAL, shmq_get(consumer, buffer, 1, NULL, 0));
    expect(-EINVAL, shmq_lease(consumer, NULL, 0));
    expect(-EINVAL, shmq_lease_many(consumer, NULL, 1, &length, 0));
    expect(-EINVAL, shmq_lease_many(consumer, &message, 1, NULL, 0));
    expect(-EINVAL, shmq_lease_many(consumer, &message, 0, &length, 0));
    expect(-EINVAL, shmq_acknowledge(consumer, 1)); /* nothing held */
    expect(-EINVAL, shmq_fail(consumer, NULL));
    expect(-EINVAL, shmq_release(consumer));
    expect(-EINVAL, shmq_hold(consumer, &message));
    expect(0, shmq_lease(consumer, &message, 0));
    expect(-EINVAL, shmq_hold(consumer, NULL));
    expect(-EINVAL, shmq_acknowledge(consumer, 2));
    expect(-EINVAL, shmq_acknowledge(consumer, SIZE_MAX));
    expect(0, shmq_acknowledge(consumer, 1));
    expect(-EINVAL, shmq_acknowledge(consumer, 1));
    expect(-EINVAL, shmq_info(consumer, NULL));
    expect(-EINVAL, shmq_stat(consumer, NULL));
    expect(-EINVAL, shmq_stat_lane(consumer, 0, NULL));
    expect(-EINVAL, shmq_stat_seat(consumer, 0, NULL));
    struct shmq_lane_stat lane = SHMQ_LANE_STAT_INIT;
    struct shmq_seat_stat seat = SHMQ_SEAT_STAT_INIT;
    expect(-EINVAL, shmq_stat_lane(consumer, 2, &lane));
    expect(-EINVAL, shmq_stat_seat(consumer, 4, &seat));
    expect(-EINVAL, shmq_stat_seat(consumer, UINT32_MAX, &seat));
}
END_TEST

/* ------------------------------------------------------------------ forked children */

static int use_the_parents_handles(void *context)
{
    (void)context;
    expect_all(-ECHILD, producer, CALLS_OF_PRODUCERS);
    expect_all(-ECHILD, consumer, CALLS_OF_CONSUMERS | CALLS_OF_ANYBODY);
    expect(-ECHILD, shmq_report_loss(producer));
    ck_assert(!shmq_intent_holds(consumer));
    expect(-ECHILD, shmq_close(producer));
    shmq_abandon(consumer);
    struct shmq *own = planted_open(name, SHMQ_CONSUMER, &small); /* its own works */
    struct shmq_message message;
    expect(0, shmq_lease(own, &message, 0));
    expect(0, shmq_acknowledge(own, 1));
    return -shmq_close(own);
}

START_TEST(echild_is_for_a_handle_from_before_a_fork)
{
    expect(0, put("x", 0));
    planted_in_child(use_the_parents_handles, NULL, 0, 0);
    expect(-EBUSY, shmq_remove(name, false)); /* the child's end let go of nothing */
    expect(0, put("x", 0));
    expect(0, get(0));
}
END_TEST

/* ------------------------------------------------------------------ what the system refuses */

static int make_too_large(void *fresh)
{
    process_limit(RLIMIT_FSIZE, 65536);
    expect(-EFBIG, shmq_create(fresh, NULL));
    struct shmq *handle;
    const struct shmq_options create = {SHMQ_OPTIONS_DEFAULTS, .create = true};
    expect(-EFBIG, shmq_open(&handle, fresh, SHMQ_PRODUCER, &create));
    return 0;
}

START_TEST(efbig_is_the_limit_of_file_sizes)
{
    const char *fresh = test_name("fsize");
    planted_in_child(make_too_large, (void *)(uintptr_t)fresh, 0, 0);
    ck_assert_uint_eq(test_leftovers(fresh), 0);
}
END_TEST

static int open_without_descriptors(void *fresh)
{
    const int next = open("/dev/null", O_RDONLY | O_CLOEXEC);
    struct shmq *handle;
    ck_assert_int_ge(next, 0);
    (void)close(next);
    process_limit(RLIMIT_NOFILE, (rlim_t)next);
    expect(-EMFILE, shmq_open(&handle, name, SHMQ_CONSUMER, NULL));
    expect(-EMFILE, shmq_create(fresh, NULL));
    expect(-EMFILE, shmq_remove(name, true));
    return 0;
}

START_TEST(emfile_is_the_limit_of_open_files)
{
    const char *fresh = test_name("nofile");
    planted_in_child(open_without_descriptors, (void *)(uintptr_t)fresh, 0, 0);
    ck_assert_uint_eq(test_leftovers(fresh), 0);
    expect(0, put("x", 0));
}
END_TEST

/* No descriptor for a semaphore: sleeps take their tick, and nothing else changes. */
static int wait_without_descriptors(void *context)
{
    (void)context;
    struct shmq *own = planted_open(name, SHMQ_CONSUMER, &small);
    struct shmq_message message;
    const int next = open("/dev/null", O_RDONLY | O_CLOEXEC);
    (void)close(next);
    process_limit(RLIMIT_NOFILE, (rlim_t)next);
    expect(-ETIMEDOUT, shmq_lease(own, &message, 20 * MS));
    return -shmq_close(own);
}

START_TEST(a_missing_semaphore_is_no_error)
{
    planted_in_child(wait_without_descriptors, NULL, 0, 0);
}
END_TEST

static int open_without_memory(void *fresh)
{
    struct shmq *handle;
    const struct shmq_options create = {SHMQ_OPTIONS_DEFAULTS, .create = true};
    process_limit(RLIMIT_AS, process_mapped_bytes() + (2 << 20));
    expect(-ENOMEM, shmq_open(&handle, fresh, SHMQ_PRODUCER, &create));
    return 0;
}

START_TEST(enomem_is_the_limit_of_memory)
{
    const char *fresh = test_name("as");
    if (test_is_sanitized()) {
        test_skip("a sanitizer needs the address space");
        return;
    }
    planted_in_child(open_without_memory, (void *)(uintptr_t)fresh, 0, 0);
    ck_assert_uint_eq(test_leftovers(fresh), 0);
}
END_TEST

static int hold_without_memory(void *context)
{
    (void)context;
    struct shmq_message message;
    struct shmq *own = planted_open(name, SHMQ_CONSUMER, &small);
    expect(0, shmq_lease(own, &message, 0));
    process_limit(RLIMIT_AS, process_mapped_bytes());
    expect(-ENOMEM, shmq_hold(own, &message));
    ck_assert_mem_eq(message.data, "x", 1); /* still where it was */
    expect(0, shmq_acknowledge(own, 1));
    return -shmq_close(own);
}

START_TEST(enomem_leaves_the_message_that_was_to_be_held_where_it_is)
{
    if (test_is_sanitized()) {
        test_skip("a sanitizer needs the address space");
        return;
    }
    expect(0, put("x", 0));
    planted_in_child(hold_without_memory, NULL, 0, 0);
    expect(-EAGAIN, get(0));
}
END_TEST

/* A mapping that would have to be locked is refused with EAGAIN, which is no word for a caller that opens. */
static int open_with_little_to_lock(void *context)
{
    struct rlimit limit;
    const rlim_t page = (rlim_t)sysconf(_SC_PAGESIZE);
    int error = -ENOMEM;
    ck_assert_int_eq(getrlimit(RLIMIT_MEMLOCK, &limit), 0);
    if (limit.rlim_max < 256 * page || mlockall(MCL_FUTURE) != 0)
        return NOT_PERMITTED;
    for (rlim_t pages = 1; pages <= 256 && error != 0; pages++) {
        struct shmq *handle;
        limit.rlim_cur = pages * page;
        ck_assert_int_eq(setrlimit(RLIMIT_MEMLOCK, &limit), 0);
        error = shmq_open(&handle, context, SHMQ_CONSUMER, &small);
        if (error == 0)
            (void)shmq_close(handle);
        else
            expect(-ENOMEM, error);
    }
    expect(0, error);
    return -shmq_remove(context, true);
}

START_TEST(enomem_also_where_memory_would_have_to_be_locked)
{
    const char *locked = test_name("locked");
    int status = 0;
    if (test_is_sanitized() || geteuid() != 0) {
        test_skip("needs root, and no sanitizer");
        return;
    }
    const pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0)
        _exit(setgid(NOBODY) == 0 && setuid(NOBODY) == 0 ? open_with_little_to_lock((void *)(uintptr_t)locked)
                                                         : NOT_PERMITTED);
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    if (WIFEXITED(status) && WEXITSTATUS(status) == NOT_PERMITTED) {
        test_skip("locking memory is not permitted");
        return;
    }
    ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "the child failed: status %#x", status);
    ck_assert_uint_eq(test_leftovers(locked), 0);
}
END_TEST

static bool stormy;

/*
 * In place of the C library's. Some kernels undo a reservation at each signal: in a storm none gets done unless
 * signals are blocked.
 */
int fallocate(int fd, int mode, off_t offset, off_t bytes)
{
    sigset_t blocked;
    ck_assert_int_eq(sigprocmask(SIG_SETMASK, NULL, &blocked), 0);
    if (stormy && sigismember(&blocked, SIGALRM) == 0) {
        errno = EINTR;
        return -1;
    }
    return (int)syscall(SYS_fallocate, fd, mode, offset, bytes);
}

START_TEST(signals_without_end_keep_nobody_from_making_a_queue)
{
    const char *fresh = test_name("storm");
    const struct shmq_options create = {SHMQ_OPTIONS_DEFAULTS, .create = true};
    struct shmq *handle;
    sigset_t blocked;
    stormy = true;
    expect(0, shmq_open(&handle, fresh, SHMQ_PRODUCER, &create));
    stormy = false;
    ck_assert_int_eq(sigprocmask(SIG_SETMASK, NULL, &blocked), 0);
    ck_assert_int_eq(sigismember(&blocked, SIGALRM), 0);
    expect(0, shmq_close(handle));
    expect(0, shmq_remove(fresh, true));
}
END_TEST

/* ------------------------------------------------------------------ a full /dev/shm */

/* A small /dev/shm of this process alone. */
static bool mount_small(void)
{
    return unshare(CLONE_NEWNS) == 0 && mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
           mount("shmq-test", "/dev/shm", "tmpfs", 0, "size=1m") == 0;
}

static int files_in_shm(void)
{
    int count = 0;
    DIR *directory = opendir("/dev/shm");
    ck_assert_ptr_nonnull(directory);
    for (const struct dirent *entry = readdir(directory); entry != NULL; entry = readdir(directory))
        count += entry->d_name[0] != '.';
    (void)closedir(directory);
    return count;
}

static void expect_nothing_left_of_a_queue_too_large(void)
{
    struct shmq *handle;
    const struct shmq_options large = {SHMQ_OPTIONS_DEFAULTS, .create = true};
    const struct shmq_options many_seats = {SHMQ_OPTIONS_DEFAULTS, .create = true, .seats = 1024,
                                            .capacity_bytes = 4096};
    expect(-ENOSPC, shmq_open(&handle, "full", SHMQ_PRODUCER, &large));
    ck_assert_int_eq(files_in_shm(), 0);
    const int fd = open("/dev/shm/ballast", O_CREAT | O_RDWR | O_CLOEXEC, 0600);
    ck_assert_int_eq(posix_fallocate(fd, 0, 700 << 10), 0);
    (void)close(fd);
    expect(-ENOSPC, shmq_create("full", &many_seats));
    expect(-ENOSPC, shmq_open(&handle, "full", SHMQ_CONSUMER, &many_seats));
    ck_assert_int_eq(files_in_shm(), 1);
    ck_assert_int_eq(unlink("/dev/shm/ballast"), 0);
}

static void take_all_room(void)
{
    const int fd = open("/dev/shm/ballast", O_CREAT | O_RDWR | O_CLOEXEC, 0600);
    for (off_t bytes = 1 << 20; bytes >= 4096; bytes /= 2)
        for (off_t at = 0; posix_fallocate(fd, at, bytes) == 0 && at < 2 << 20; at += bytes)
            ;
    (void)close(fd);
}

/* There is room neither for a second lane nor for a seat buffer; what is in the ring is not touched by that. */
static void expect_a_queue_to_work_on_without_room(void)
{
    struct shmq *handle;
    struct shmq_message message;
    struct shmq_options options = planted_small();
    options.capacity_bytes = 65536;
    struct shmq *first = planted_open("room", SHMQ_PRODUCER, &options);
    struct shmq *reader = planted_open("room", SHMQ_CONSUMER, &options);
    take_all_room();
    expect(-ENOSPC, shmq_open(&handle, "room", SHMQ_PRODUCER, &options));
    expect(0, shmq_put(first, "abc", 3, 0));
    expect(0, shmq_lease(reader, &message, 0));
    expect(-ENOSPC, shmq_hold(reader, &message));
    ck_assert_mem_eq(message.data, "abc", 3); /* still where it was */
    expect(0, shmq_acknowledge(reader, 1));
    for (int i = 0; i < 2000; i++) { /* all of the lane is there */
        expect(0, shmq_put(first, "abc", 3, 0));
        expect(0, shmq_lease(reader, &message, 0));
        expect(0, shmq_acknowledge(reader, 1));
    }
    expect(-ETIMEDOUT, shmq_lease(reader, &message, 20 * MS)); /* no room for a semaphore either */
    expect(0, shmq_close(first));
    expect(0, shmq_close(reader));
    expect(0, shmq_remove("room", false));
    ck_assert_int_eq(unlink("/dev/shm/ballast"), 0);
    ck_assert_int_eq(files_in_shm(), 0);
}

static int fill_dev_shm(void *context)
{
    if (!mount_small())
        return NOT_PERMITTED;
    *(bool *)context = true;
    expect_nothing_left_of_a_queue_too_large();
    expect_a_queue_to_work_on_without_room();
    return 0;
}

START_TEST(enospc_is_a_full_dev_shm_and_leaves_nothing_behind)
{
    int status = 0;
    bool mounted = false;
    const pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0)
        _exit(fill_dev_shm(&mounted));
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    if (WIFEXITED(status) && WEXITSTATUS(status) == NOT_PERMITTED) {
        test_skip("mounting a small /dev/shm is not permitted");
        return;
    }
    ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "the child failed: status %#x", status);
}
END_TEST

/* ------------------------------------------------------------------ text */

START_TEST(every_code_has_a_text_of_its_own)
{
    static const int codes[] = {
        EAGAIN,  ETIMEDOUT, EINTR,        ENODATA, EOWNERDEAD, ESHUTDOWN, ESTALE,    EBADMSG,   EPROTO, EMSGSIZE,
        ENOBUFS, ENOSPC,    EUSERS,       EEXIST,  EALREADY,   EBUSY,     ENOTEMPTY, EOVERFLOW, ENOENT, EPERM,
        EACCES,  EINVAL,    ENAMETOOLONG, ECHILD,  ENOMEM,     EMFILE,    EFBIG,     ENOSYS,    EROFS};
    const size_t count = COUNT(codes);
    for (size_t i = 0; i < count; i++) {
        const char *text = shmq_strerror(-codes[i]);
        ck_assert_str_eq(text, shmq_strerror(codes[i]));
        ck_assert_str_ne(text, "unknown error");
        ck_assert_uint_gt(strlen(text), 5);
        for (size_t j = 0; j < i; j++)
            ck_assert_str_ne(text, shmq_strerror(-codes[j]));
    }
    ck_assert_str_eq(shmq_strerror(0), "success");
    ck_assert_str_eq(shmq_strerror(-EIO), strerror(EIO));
    ck_assert_str_eq(shmq_strerror(-99999), "unknown error");
    ck_assert_str_eq(shmq_strerror(INT32_MIN), "unknown error");
    ck_assert_str_eq(shmq_strerror(INT32_MAX), "unknown error");
    ck_assert_str_eq(shmq_version(), SHMQ_VERSION_STRING);
    /* Ours, not the system's: the first and the last that there are. */
    ck_assert_str_eq(shmq_strerror(-EAGAIN), "nothing to take, or no room, right now");
    ck_assert_str_eq(shmq_strerror(-ENOSYS), "not supported here (is /dev/shm mounted?)");
}
END_TEST

/* ------------------------------------------------------------------ */

static const struct test tests[] = {
    TEST_GROUP("waits"),
    TEST(eagain_is_for_who_would_not_wait),
    TEST(etimedout_comes_after_the_time),
    TEST(eintr_is_for_the_stop_flag),
    TEST(a_signal_alone_is_no_eintr),
    TEST_GROUP("ends"),
    TEST(enodata_is_the_end_of_stream),
    TEST(enodata_waits_until_everything_is_acknowledged),
    TEST(eownerdead_is_an_end_without_finishing),
    TEST(eshutdown_is_for_puts_after_the_end),
    TEST(eshutdown_now_is_for_gets_too),
    TEST(eshutdown_is_for_a_producer_that_has_finished),
    TEST(estale_is_for_who_had_it_open),
    TEST_EACH(estale_for_a_deleted_name_although_there_is_always_room, 3),
    TEST(estale_also_where_only_the_name_was_deleted),
    TEST_GROUP("content and sizes"),
    TEST(ebadmsg_and_eproto_are_told_apart),
    TEST(ebadmsg_for_who_acknowledges_or_holds_what_it_does_not_have),
    TEST(eoverflow_is_the_end_of_a_lane_s_positions),
    TEST(emsgsize_is_longer_than_any_message_may_be),
    TEST(enobufs_leaves_the_message_where_it_is),
    TEST(eexist_is_a_queue_of_other_sizes),
    TEST(eusers_when_all_lanes_or_seats_are_taken),
    TEST(ebusy_while_others_are_attached),
    TEST(ebusy_while_somebody_puts_the_same_source),
    TEST(ebusy_while_messages_are_leased),
    TEST(enotempty_while_messages_are_in_it),
    TEST_GROUP("names, arguments, roles"),
    TEST(enoent_where_there_is_no_queue),
    TEST(enametoolong_and_einval_for_names),
    TEST(the_longest_name_works),
    TEST(einval_for_options_that_make_no_sense),
    TEST(einval_for_the_wrong_role_and_for_no_handle),
    TEST(einval_for_arguments_of_producers),
    TEST_EACH(a_reservation_counts_for_its_own_handle_until_that_finishes, 3),
    TEST(einval_for_arguments_of_consumers),
    TEST(every_code_has_a_text_of_its_own),
    TEST_GROUP("what the system refuses"),
    TEST(echild_is_for_a_handle_from_before_a_fork),
    TEST(efbig_is_the_limit_of_file_sizes),
    TEST(emfile_is_the_limit_of_open_files),
    TEST(a_missing_semaphore_is_no_error),
    TEST(enomem_is_the_limit_of_memory),
    TEST(enomem_leaves_the_message_that_was_to_be_held_where_it_is),
    TEST(enomem_also_where_memory_would_have_to_be_locked),
    TEST(signals_without_end_keep_nobody_from_making_a_queue),
    TEST(enospc_is_a_full_dev_shm_and_leaves_nothing_behind),
};

TEST_SUITE("errors", tests, .seconds = 10, .set_up = pair_set_up, .tear_down = pair_tear_down);
