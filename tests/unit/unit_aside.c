/* SPDX-License-Identifier: MIT */
/* Messages put aside wait in a seat without an owner, and come to whoever looks first once they are due. */
#include <check.h>
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "common/queue/handle.h"
#include "tests/support/harness.h"
#include "tests/support/planted.h"
#include "tests/support/process.h"
#include "tests/support/test_queue.h"

#define MS INT64_C(1000000)
#define HOUR_NS (3600000 * MS)
#define SOON_NS (30 * MS)
/* So long that whatever comes in time does not come by a tick. */
#define LONG_TICK_NS INT64_C(10000000000)
#define PROMPT_MS 2000
#define SEATS 8

static const struct shmq_options following = {SHMQ_OPTIONS_DEFAULTS, .follow = true, .prefetch = 1};
static const struct shmq_options by_four = {SHMQ_OPTIONS_DEFAULTS, .follow = true, .prefetch = 4};
static const struct shmq_options eager = {SHMQ_OPTIONS_DEFAULTS, .follow = true, .prefetch = 1,
                                          .consumer_flags = SHMQ_CONSUMER_EAGER};
static const struct shmq_options new_queue = {SHMQ_OPTIONS_DEFAULTS, .create = true, .capacity_bytes = 4096,
                                              .seats = SEATS, .tick_ns = LONG_TICK_NS};

static struct shmq *producer;
static struct shmq *consumer;
static const uint64_t no_note[SHMQ_ASIDE_WORDS];

static void begin_with(const char *test, const struct shmq_options *options)
{
    use_queue(test);
    producer = test_queue_open(queue, SHMQ_PRODUCER, options);
    consumer = test_queue_open(queue, SHMQ_CONSUMER, &following);
}

static void begin(const char *test)
{
    begin_with(test, &new_queue);
}

static void end(void)
{
    ck_assert_int_eq(shmq_close(consumer), 0);
    ck_assert_int_eq(shmq_close(producer), 0);
    test_queue_remove(queue);
}

static void put(uint64_t first, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++)
        ck_assert_int_eq(test_queue_put(producer, first + i, 0), 0);
}

static struct shmq_message lease(struct shmq *handle, uint64_t expected, int64_t timeout_ns)
{
    struct shmq_message message;
    uint64_t number = UINT64_MAX;
    ck_assert_int_eq(test_queue_lease(handle, &number, &message, timeout_ns), 0);
    ck_assert_uint_eq(number, expected);
    return message;
}

static void expect_nothing(struct shmq *handle)
{
    struct shmq_message message;
    ck_assert_int_eq(shmq_lease(handle, &message, 0), -EAGAIN);
}

static struct shmq_aside for_ns(int64_t delay_ns)
{
    struct shmq_aside aside = SHMQ_ASIDE_INIT;
    aside.delay_ns = delay_ns;
    return aside;
}

static int put_aside(struct shmq *handle, int64_t delay_ns)
{
    const struct shmq_aside aside = for_ns(delay_ns);
    return shmq_put_aside(handle, &aside);
}

static void lease_and_put_aside(struct shmq *handle, uint64_t number, int64_t delay_ns)
{
    (void)lease(handle, number, 0);
    ck_assert_int_eq(put_aside(handle, delay_ns), 0);
}

static void take(struct shmq *handle, uint64_t number, int64_t timeout_ns)
{
    (void)lease(handle, number, timeout_ns);
    ck_assert_int_eq(shmq_acknowledge(handle, 1), 0);
}

static void expect_sound(void)
{
    struct shmq *observer = test_queue_open(queue, SHMQ_OBSERVER, NULL);
    ck_assert_int_eq(shmq_check(observer, NULL, NULL), 0);
    ck_assert_int_eq(shmq_close(observer), 0);
}

static void expect_note(struct shmq *handle, const uint64_t *expected)
{
    uint64_t note[SHMQ_ASIDE_WORDS] = {1, 2, 3, 4};
    ck_assert_int_eq(shmq_aside_note(handle, note), 0);
    ck_assert_mem_eq(note, expected, sizeof(note));
}

static void note_as(struct shmq_aside *aside, uint64_t number)
{
    for (size_t i = 0; i < SHMQ_ASIDE_WORDS; i++)
        aside->note[i] = number + i;
}

static void expect_numbered_note(struct shmq *handle, uint64_t number)
{
    struct shmq_aside aside;
    note_as(&aside, number);
    expect_note(handle, aside.note);
}

/* ------------------------------------------------------------------ what comes when */

/* _i: straight from the ring; held before; with a failed attempt. */
START_TEST(it_comes_when_it_is_due_and_not_before)
{
    begin("due");
    put(1, 3);
    struct shmq_message message = lease(consumer, 1, 0);
    ck_assert(!message.redelivered);
    if (_i > 0)
        ck_assert_int_eq(shmq_hold(consumer, &message), 0);
    if (_i == 2)
        ck_assert_int_eq(shmq_fail(consumer, NULL), 0);
    const int64_t began = process_now_ns();
    ck_assert_int_eq(put_aside(consumer, SOON_NS), 0);
    take(consumer, 2, 0);
    take(consumer, 3, 0);
    if (process_now_ns() < began + SOON_NS)
        expect_sound();
    message = lease(consumer, 1, SHMQ_FOREVER);
    const int64_t took = process_now_ns() - began;
    ck_assert_int_ge(took, SOON_NS);
    ck_assert_int_lt(took, process_stretched_ms(PROMPT_MS) * MS);
    ck_assert(message.redelivered);
    ck_assert_uint_eq(message.attempts, _i == 2);
    ck_assert_int_eq(shmq_acknowledge(consumer, 1), 0);
    expect_nothing(consumer);
    ck_assert_int_eq(shmq_join(consumer, 0), 0);
    end();
}
END_TEST

START_TEST(without_a_delay_it_is_due_at_once)
{
    begin("at_once");
    put(1, 2);
    lease_and_put_aside(consumer, 1, 0);
    take(consumer, 1, 0);
    take(consumer, 2, 0);
    end();
}
END_TEST

START_TEST(those_due_come_before_new_messages_in_their_order)
{
    begin("order");
    put(1, 5);
    lease_and_put_aside(consumer, 1, MS);
    lease_and_put_aside(consumer, 2, 0);
    (void)usleep(20000); /* more than the coarse clock's resolution */
    for (uint64_t i = 1; i <= 5; i++)
        take(consumer, i, 0);
    end();
}
END_TEST

/* With plenty to do it is found at its time, and not only when there is nothing else, or after a tick. */
START_TEST(a_busy_consumer_gets_it_at_its_time)
{
    begin("busy");
    put(1, 1);
    const int64_t began = process_now_ns();
    lease_and_put_aside(consumer, 1, SOON_NS);
    for (uint64_t got = 0, number; got != 1; got = number) {
        put(2, 1);
        ck_assert_int_eq(test_queue_get(consumer, &number, 0), 0);
        ck_assert_int_lt(process_now_ns() - began, process_stretched_ms(PROMPT_MS) * MS);
    }
    ck_assert_int_ge(process_now_ns() - began, SOON_NS);
    take(consumer, 2, 0);
    end();
}
END_TEST

static void wait_for_one(void *context)
{
    struct shmq_message message;
    struct shmq *handle;
    uint64_t number;
    (void)context;
    process_require_equal(shmq_open(&handle, queue, SHMQ_CONSUMER, &following), 0);
    process_report(0);
    process_require_equal(test_queue_lease(handle, &number, &message, SHMQ_FOREVER), 0);
    process_report(number);
    (void)process_await_order();
    process_require_equal(shmq_acknowledge(handle, 1), 0);
    process_require_equal(handle->items.missed, 0);
    process_require_equal(shmq_close(handle), 0);
}

static bool sleeps(void *context)
{
    return process_sleeps(context);
}

static void start_sleeper(struct process *process)
{
    process_start(process, wait_for_one, NULL);
    (void)process_hear(process);
    process_wait_until(sleeps, process, "the consumer sleeps");
}

/* Those who sleep already learn of it, although whoever put it aside has gone on to other work. */
START_TEST(those_who_sleep_wake_up_when_it_is_due)
{
    struct process sleepers[2];
    uint64_t number;
    begin("sleepers");
    put(1, 2);
    (void)lease(consumer, 1, 0);
    struct shmq *other = test_queue_open(queue, SHMQ_CONSUMER, &following);
    (void)lease(other, 2, 0);
    start_sleeper(&sleepers[0]);
    start_sleeper(&sleepers[1]);
    const int64_t began = process_now_ns();
    ck_assert_int_eq(put_aside(consumer, SOON_NS), 0);
    const size_t whose = process_hear_any(sleepers, 2, &number);
    ck_assert_uint_eq(number, 1);
    ck_assert_int_ge(process_now_ns() - began, SOON_NS);
    ck_assert_int_lt(process_now_ns() - began, process_stretched_ms(PROMPT_MS) * MS);
    process_order(&sleepers[whose], 0);
    process_expect_success(&sleepers[whose]);
    ck_assert_int_eq(put_aside(other, 0), 0);
    ck_assert_uint_eq(process_hear(&sleepers[1 - whose]), 2);
    process_order(&sleepers[1 - whose], 0);
    process_expect_success(&sleepers[1 - whose]);
    ck_assert_int_eq(shmq_close(other), 0);
    end();
}
END_TEST

static bool all_but_one_sleep_long(void *context)
{
    const struct planted *planted = context;
    int count = 0;
    for (uint32_t i = 0; i < SEATS; i++)
        count += atomic_load(&planted->seats[i].waiting) == WAITING_LONG;
    return count == 2;
}

/* It wakes those in a long sleep early enough, and lets them sleep long again until it is due. */
START_TEST(long_sleeps_end_when_it_is_due)
{
    struct shmq_options options = new_queue;
    struct process sleepers[3];
    struct planted planted;
    uint64_t number;
    options.tick_ns = 60 * MS;
    begin_with("long", &options);
    planted_map(&planted, queue);
    put(1, 2);
    (void)lease(consumer, 1, 0);
    struct shmq *other = test_queue_open(queue, SHMQ_CONSUMER, &following);
    lease_and_put_aside(other, 2, HOUR_NS);
    ck_assert_int_eq(shmq_acknowledge(consumer, 1), 0);
    put(3, 1);
    (void)lease(consumer, 3, 0);
    for (size_t i = 0; i < 3; i++)
        start_sleeper(&sleepers[i]);
    ck_assert_int_eq(put_aside(consumer, 6000 * MS), 0);
    process_wait_until(all_but_one_sleep_long, &planted, "all but one sleep long");
    const size_t whose = process_hear_any(sleepers, 3, &number);
    ck_assert_uint_eq(number, 3);
    process_order(&sleepers[whose], 0);
    process_expect_success(&sleepers[whose]);
    for (size_t i = 0; i < 3; i++)
        if (i != whose)
            process_kill(&sleepers[i]);
    planted_unmap(&planted);
    ck_assert_int_eq(shmq_close(other), 0);
    end();
}
END_TEST

/* A message aside, due or not, costs a waiting consumer no time. _i: not due; due, but the queue is paused. */
START_TEST(waiting_for_it_costs_nothing)
{
    struct rusage before;
    struct rusage after;
    struct shmq_message message;
    begin("idle");
    put(1, 1);
    lease_and_put_aside(consumer, 1, _i == 0 ? HOUR_NS : 0);
    if (_i == 1)
        ck_assert_int_eq(shmq_pause(queue), 0);
    (void)getrusage(RUSAGE_SELF, &before);
    ck_assert_int_eq(shmq_lease(consumer, &message, 300 * MS), -ETIMEDOUT);
    (void)getrusage(RUSAGE_SELF, &after);
    ck_assert_int_lt(after.ru_nvcsw - before.ru_nvcsw, 20);
    ck_assert_int_lt(after.ru_utime.tv_usec + after.ru_stime.tv_usec + 1000000 * after.ru_utime.tv_sec,
                     before.ru_utime.tv_usec + before.ru_stime.tv_usec + 1000000 * before.ru_utime.tv_sec +
                         150000);
    end();
}
END_TEST

/* Its due time may pass, and does not bring it, however often; the end of the pause does. */
START_TEST(a_paused_queue_keeps_it)
{
    struct shmq_message message;
    begin("paused");
    put(1, 1);
    lease_and_put_aside(consumer, 1, MS);
    ck_assert_int_eq(shmq_pause(queue), 0);
    ck_assert_int_eq(shmq_lease(consumer, &message, 10 * MS), -ETIMEDOUT);
    ck_assert_int_eq(shmq_resume(queue), 0);
    take(consumer, 1, 0);
    end();
}
END_TEST

START_TEST(the_end_of_the_stream_waits_for_it)
{
    struct shmq_message message;
    begin("end");
    struct shmq *other = test_queue_open(queue, SHMQ_CONSUMER, NULL);
    put(1, 1);
    lease_and_put_aside(consumer, 1, SOON_NS);
    ck_assert_int_eq(shmq_finish(producer), 0);
    ck_assert_int_eq(shmq_join(consumer, 0), -EAGAIN);
    take(other, 1, SHMQ_FOREVER);
    ck_assert_int_eq(shmq_lease(other, &message, SHMQ_FOREVER), -ENODATA);
    ck_assert_int_eq(shmq_close(other), 0);
    end();
}
END_TEST

START_TEST(a_queue_with_one_is_not_removed_without_force)
{
    begin("removed");
    put(1, 1);
    lease_and_put_aside(consumer, 1, HOUR_NS);
    ck_assert_int_eq(shmq_close(consumer), 0);
    ck_assert_int_eq(shmq_close(producer), 0);
    ck_assert_int_eq(shmq_remove(queue, false), -ENOTEMPTY);
    test_queue_remove(queue);
}
END_TEST

/* ------------------------------------------------------------------ how many */

START_TEST(no_more_than_asked_for_and_than_leaves_a_quarter_of_the_seats)
{
    struct shmq_aside aside = for_ns(HOUR_NS);
    begin("limits");
    put(1, SEATS);
    aside.most = 0;
    (void)lease(consumer, 1, 0);
    ck_assert_int_eq(shmq_put_aside(consumer, &aside), -EUSERS);
    aside.most = 2;
    ck_assert_int_eq(shmq_put_aside(consumer, &aside), 0);
    (void)lease(consumer, 2, 0);
    ck_assert_int_eq(shmq_put_aside(consumer, &aside), 0);
    (void)lease(consumer, 3, 0);
    ck_assert_int_eq(shmq_put_aside(consumer, &aside), -EUSERS);
    ck_assert_int_eq(put_aside(consumer, HOUR_NS), 0);
    for (uint64_t i = 4; i <= SEATS - SEATS / 4; i++)
        lease_and_put_aside(consumer, i, HOUR_NS);
    (void)lease(consumer, 7, 0);
    ck_assert_int_eq(put_aside(consumer, HOUR_NS), -EUSERS);
    expect_sound();
    struct shmq *other = test_queue_open(queue, SHMQ_CONSUMER, &following);
    take(other, 8, 0);
    ck_assert_int_eq(shmq_acknowledge(consumer, 1), 0); /* it has kept what it could not put aside */
    ck_assert_uint_eq(test_queue_stat(queue).aside, SEATS - SEATS / 4);
    ck_assert_int_eq(shmq_close(other), 0);
    end();
}
END_TEST

/* _i: seats of the queue, less one. */
START_TEST(a_small_queue_keeps_a_seat)
{
    static const uint64_t limits[] = {0, 1, 2, 3, 4, 5, 6, 6};
    struct shmq_options options = new_queue;
    options.seats = (uint32_t)_i + 1;
    begin_with("small", &options);
    put(1, 9);
    for (uint64_t i = 1; i <= limits[_i]; i++)
        lease_and_put_aside(consumer, i, HOUR_NS);
    (void)lease(consumer, limits[_i] + 1, 0);
    ck_assert_int_eq(put_aside(consumer, HOUR_NS), -EUSERS);
    ck_assert_int_eq(shmq_acknowledge(consumer, 1), 0);
    end();
}
END_TEST

START_TEST(without_a_free_seat_none_is_put_aside)
{
    struct shmq *others[SEATS - 1];
    begin("no_seat");
    put(1, 1);
    for (size_t i = 0; i < SEATS - 1; i++)
        others[i] = test_queue_open(queue, SHMQ_CONSUMER, &following);
    struct shmq_message message = lease(consumer, 1, 0);
    ck_assert_int_eq(put_aside(consumer, HOUR_NS), -EUSERS);
    ck_assert_int_eq(memcmp(message.data, &(uint64_t){1}, 8), 0);
    ck_assert_uint_eq(consumer->consumer.seat, 0); /* nothing has changed */
    ck_assert(!consumer->consumer.batch.held);
    ck_assert_int_eq(shmq_close(others[3]), 0);
    ck_assert_int_eq(put_aside(consumer, HOUR_NS), 0);
    for (size_t i = 0; i < SEATS - 1; i++)
        if (i != 3)
            ck_assert_int_eq(shmq_close(others[i]), 0);
    end();
}
END_TEST

START_TEST(its_seat_is_given_to_nobody)
{
    struct shmq *others[SEATS];
    struct planted planted;
    begin("its_seat");
    planted_map(&planted, queue);
    put(1, 3);
    lease_and_put_aside(consumer, 1, HOUR_NS);
    lease_and_put_aside(consumer, 2, 0);
    for (size_t i = 0; i < SEATS - 2; i++) {
        others[i] = NULL;
        if (i < SEATS - 3)
            others[i] = test_queue_open(queue, SHMQ_CONSUMER, &following);
        else
            ck_assert_int_eq(shmq_open(&others[i], queue, SHMQ_CONSUMER, &following), 0); /* that of 2, in need */
        ck_assert_uint_eq(others[i]->consumer.seat, i < SEATS - 3 ? i + 3 : 1);
    }
    struct shmq *none;
    ck_assert_int_eq(shmq_open(&none, queue, SHMQ_CONSUMER, &following), -EUSERS);
    take(others[SEATS - 3], 2, 0); /* what its seat has comes before what it leases */
    take(others[SEATS - 3], 3, 0);
    ck_assert_uint_eq(atomic_load(&planted.seats[0].held_valid), 1);
    for (size_t i = 0; i < SEATS - 2; i++)
        ck_assert_int_eq(shmq_close(others[i]), 0);
    planted_unmap(&planted);
    end();
}
END_TEST

/* What a dead one had stays in its seat, and needs no other. */
START_TEST(what_was_adopted_is_put_aside_where_it_is)
{
    begin("adopted");
    put(1, 1);
    struct shmq *other = test_queue_open(queue, SHMQ_CONSUMER, &following);
    (void)lease(other, 1, 0);
    shmq_abandon(other);
    (void)lease(consumer, 1, 0);
    const uint32_t seat = consumer->consumer.seat;
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(put_aside(consumer, 0), 0);
        ck_assert_uint_eq(consumer->consumer.seat, seat);
        (void)lease(consumer, 1, 0);
    }
    ck_assert_int_eq(shmq_acknowledge(consumer, 1), 0);
    expect_nothing(consumer);
    end();
}
END_TEST

/* ------------------------------------------------------------------ notes */

START_TEST(its_note_comes_with_it)
{
    struct shmq_aside aside = for_ns(0);
    begin("note");
    put(1, 1);
    (void)lease(consumer, 1, 0);
    expect_note(consumer, no_note);
    for (uint64_t i = 1; i < 5; i++) {
        note_as(&aside, 10 * i);
        ck_assert_int_eq(shmq_put_aside(consumer, &aside), 0);
        (void)lease(consumer, 1, 0);
        expect_numbered_note(consumer, 10 * i);
    }
    ck_assert_int_eq(shmq_release(consumer), 0); /* given back it keeps it */
    (void)lease(consumer, 1, 0);
    expect_numbered_note(consumer, 40);
    ck_assert_int_eq(put_aside(consumer, 0), 0); /* with another, empty one */
    (void)lease(consumer, 1, 0);
    expect_note(consumer, no_note);
    ck_assert_int_eq(shmq_acknowledge(consumer, 1), 0);
    put(2, 1);
    (void)lease(consumer, 2, 0);
    expect_note(consumer, no_note);
    ck_assert_int_eq(shmq_acknowledge(consumer, 1), 0);
    end();
}
END_TEST

/* The next message in the same seat's buffer has none. */
START_TEST(a_note_belongs_to_one_message)
{
    struct shmq_aside aside = for_ns(0);
    begin("one_note");
    put(1, 20);
    for (uint64_t i = 1; i <= 20; i++) {
        struct shmq_message message = lease(consumer, i, 0);
        ck_assert_int_eq(shmq_hold(consumer, &message), 0);
        expect_note(consumer, no_note);
        note_as(&aside, i);
        ck_assert_int_eq(shmq_put_aside(consumer, &aside), 0);
        (void)lease(consumer, i, 0);
        expect_numbered_note(consumer, i);
        ck_assert_int_eq(shmq_acknowledge(consumer, 1), 0);
    }
    end();
}
END_TEST

START_TEST(headers_and_framing_come_with_it)
{
    struct shmq_outgoing outgoing = SHMQ_OUTGOING_INIT;
    struct shmq_message message;
    size_t length;
    begin("headers");
    outgoing.data = "text";
    outgoing.length = 4;
    outgoing.headers = "A: b\n";
    outgoing.headers_length = 5;
    ck_assert_int_eq(shmq_set_frame(producer, SHMQ_FRAME_DELIMITER, ';'), 0);
    ck_assert_int_eq(shmq_put_outgoing(producer, &outgoing, 1, NULL, 0), 0);
    ck_assert_int_eq(shmq_lease(consumer, &message, 0), 0);
    ck_assert_int_eq(put_aside(consumer, 0), 0);
    struct shmq_message again;
    ck_assert_int_eq(shmq_lease(consumer, &again, 0), 0);
    ck_assert_uint_eq(again.length, 4);
    ck_assert_mem_eq(again.data, "text", 4);
    ck_assert_uint_eq(again.position, message.position);
    ck_assert_uint_eq(again.stream_offset, message.stream_offset);
    ck_assert_uint_eq(again.frame, SHMQ_FRAME_DELIMITER);
    ck_assert_uint_eq(again.delimiter, ';');
    ck_assert_mem_eq(shmq_message_headers(&again, &length), "A: b\n", 5);
    ck_assert_int_eq(shmq_acknowledge(consumer, 1), 0);
    end();
}
END_TEST

/* ------------------------------------------------------------------ deaths */

struct life {
    int64_t delay_ns;
    uint64_t note;
    uint32_t attempts; /* that it finds */
    bool dies;         /* with the message in its hands */
};

static void live(void *context)
{
    const struct life *life = context;
    struct shmq_message message;
    struct shmq *handle;
    uint64_t number;
    uint64_t note[SHMQ_ASIDE_WORDS];
    process_require_equal(shmq_open(&handle, queue, SHMQ_CONSUMER, &following), 0);
    process_require_equal(test_queue_lease(handle, &number, &message, SHMQ_FOREVER), 0);
    process_require_equal(number, 1);
    process_require_equal(message.attempts, life->attempts);
    process_require_equal(shmq_aside_note(handle, note), 0);
    process_require_equal(note[0], life->note);
    if (life->dies)
        (void)raise(SIGKILL);
    process_require_equal(shmq_fail(handle, NULL), 0);
    struct shmq_aside aside = for_ns(life->delay_ns);
    aside.note[0] = life->note + 1;
    process_require_equal(shmq_put_aside(handle, &aside), 0);
    (void)raise(SIGKILL);
}

static void live_and_die(const struct life *life)
{
    struct process process;
    process_start(&process, live, (void *)(uintptr_t)life);
    const int status = process_collect(&process);
    ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

/* Attempts, note and the time left survive everybody. */
START_TEST(it_survives_all_who_had_it)
{
    begin("survives");
    put(1, 1);
    const int64_t began = process_now_ns();
    live_and_die(&(struct life){.delay_ns = 0, .note = 0, .attempts = 0});
    live_and_die(&(struct life){.delay_ns = 0, .note = 1, .attempts = 1});
    live_and_die(&(struct life){.note = 2, .attempts = 2, .dies = true});
    live_and_die(&(struct life){.delay_ns = SOON_NS, .note = 2, .attempts = 3});
    const struct shmq_message message = lease(consumer, 1, SHMQ_FOREVER);
    ck_assert_int_ge(process_now_ns() - began, SOON_NS);
    ck_assert_uint_eq(message.attempts, 4);
    ck_assert(message.redelivered);
    uint64_t note[SHMQ_ASIDE_WORDS];
    ck_assert_int_eq(shmq_aside_note(consumer, note), 0);
    ck_assert_uint_eq(note[0], 3);
    ck_assert_int_eq(shmq_acknowledge(consumer, 1), 0);
    end();
}
END_TEST

/* ------------------------------------------------------------------ tools that clear up */

/* _i: not due; paused; both. It acknowledges it; gives it back; leaves; dies. */
START_TEST(an_eager_consumer_takes_it_at_any_time)
{
    const int how = _i / 3;
    const int which = _i % 3;
    begin("eager");
    put(1, 2);
    lease_and_put_aside(consumer, 1, which != 1 ? HOUR_NS : 0);
    if (which != 0)
        ck_assert_int_eq(shmq_pause(queue), 0);
    struct shmq *tool = test_queue_open(queue, SHMQ_CONSUMER, &eager);
    const struct shmq_message message = lease(tool, 1, 0);
    ck_assert_uint_eq(message.attempts, 0);
    if (how == 0)
        ck_assert_int_eq(shmq_acknowledge(tool, 1), 0);
    if (how == 1)
        ck_assert_int_eq(shmq_release(tool), 0);
    if (how == 3)
        shmq_abandon(tool);
    else
        ck_assert_int_eq(shmq_close(tool), 0);
    ck_assert_int_eq(shmq_resume(queue), 0);
    if (how != 0 && which == 1)
        take(consumer, 1, 0);
    take(consumer, 2, 0); /* if it had to wait before, it does again */
    expect_nothing(consumer);
    ck_assert_uint_eq(test_queue_stat(queue).messages, how != 0 && which != 1);
    end();
}
END_TEST

START_TEST(an_eager_consumer_of_a_paused_queue_is_rung_for)
{
    begin("eager_bell");
    ck_assert_int_eq(shmq_pause(queue), 0);
    struct shmq *tool = test_queue_open(queue, SHMQ_CONSUMER, &eager);
    struct planted planted;
    struct shmq_message message;
    planted_map(&planted, queue);
    ck_assert_int_eq(shmq_lease(tool, &message, MS), -ETIMEDOUT);
    put(1, 1);
    take(tool, 1, 0);
    planted_unmap(&planted);
    ck_assert_int_eq(shmq_close(tool), 0);
    ck_assert_int_eq(shmq_resume(queue), 0);
    end();
}
END_TEST

/* ------------------------------------------------------------------ what is seen of it */

static int look(void *context, const struct shmq_peeked *peeked)
{
    *(struct shmq_peeked *)context = *peeked;
    return 1;
}

START_TEST(it_is_seen_with_the_time_left)
{
    begin("seen");
    put(1, 1);
    struct shmq_peeked peeked;
    struct shmq_seat_stat seat = SHMQ_SEAT_STAT_INIT;
    (void)lease(consumer, 1, 0);
    ck_assert_uint_eq(test_queue_stat(queue).aside, 0);
    ck_assert_int_eq(put_aside(consumer, HOUR_NS), 0);
    struct shmq *observer = test_queue_open(queue, SHMQ_OBSERVER, NULL);
    const struct shmq_stat stat = test_queue_stat(queue);
    ck_assert_int_eq(shmq_stat_seat(observer, 0, &seat), 0);
    ck_assert_int_eq(shmq_peek(observer, 0, look, &peeked), 1);
    ck_assert_uint_eq(stat.messages, 1);
    ck_assert_uint_eq(stat.aside, 1);
    ck_assert(seat.aside && seat.holding && !seat.alive && !seat.taken);
    ck_assert(peeked.aside && peeked.held && !peeked.alive);
    const int64_t left[] = {stat.aside_left_ns, seat.aside_left_ns, peeked.aside_left_ns};
    for (size_t i = 0; i < COUNT(left); i++) {
        ck_assert_int_le(left[i], HOUR_NS);
        ck_assert_int_gt(left[i], HOUR_NS / 2);
    }
    ck_assert_int_eq(shmq_close(observer), 0);
    end();
}
END_TEST

START_TEST(once_taken_it_is_no_longer_aside)
{
    begin("taken");
    put(1, 1);
    lease_and_put_aside(consumer, 1, 0);
    ck_assert_uint_eq(test_queue_stat(queue).aside, 1);
    ck_assert_int_eq(test_queue_stat(queue).aside_left_ns, 0);
    (void)lease(consumer, 1, 0);
    ck_assert_uint_eq(test_queue_stat(queue).aside, 0);
    ck_assert_int_eq(shmq_acknowledge(consumer, 1), 0);
    end();
}
END_TEST

/* Later than anybody can have asked for: nobody waits for that. */
START_TEST(a_due_time_that_makes_no_sense_is_damage)
{
    static const uint64_t due[] = {UINT64_MAX, UINT64_MAX >> 1, (uint64_t)SHMQ_ASIDE_DELAY_MAX_NS * 4};
    struct planted planted;
    struct shmq_message message;
    begin("damage");
    put(1, 1);
    lease_and_put_aside(consumer, 1, HOUR_NS);
    planted_map(&planted, queue);
    struct shmq *observer = test_queue_open(queue, SHMQ_OBSERVER, NULL);
    for (size_t i = 0; i < COUNT(due); i++) {
        atomic_store(&planted.seats[0].held_due, due[i]);
        ck_assert_int_eq(shmq_lease(consumer, &message, SHMQ_FOREVER), -EBADMSG);
        ck_assert_int_eq(shmq_check(observer, NULL, NULL), -EBADMSG);
    }
    atomic_store(&planted.seats[0].held_due, 3); /* long past */
    ck_assert_int_eq(shmq_check(observer, NULL, NULL), 0);
    take(consumer, 1, 0);
    ck_assert_int_eq(shmq_close(observer), 0);
    planted_unmap(&planted);
    end();
}
END_TEST

/* ------------------------------------------------------------------ refusals */

START_TEST(only_the_only_message_is_put_aside)
{
    struct shmq_message message;
    const struct shmq_aside aside = for_ns(0);
    uint64_t note[SHMQ_ASIDE_WORDS];
    begin("refused");
    struct shmq *other = test_queue_open(queue, SHMQ_CONSUMER, &by_four);
    ck_assert_int_eq(put_aside(other, 0), -EINVAL);
    ck_assert_int_eq(shmq_aside_note(other, note), -EINVAL);
    put(1, 8);
    (void)lease(other, 1, 0);
    ck_assert_int_eq(put_aside(other, 0), -EBUSY); /* there are more in the batch */
    while (shmq_lease(other, &message, 0) == 0)
        ;
    ck_assert_int_eq(put_aside(other, 0), -EBUSY); /* they are held, too */
    ck_assert_int_eq(shmq_aside_note(other, NULL), -EINVAL);
    expect_note(other, no_note);
    while (other->consumer.batch.count - other->consumer.batch.done > 1)
        ck_assert_int_eq(shmq_acknowledge(other, 1), 0);
    const struct shmq_write_intent intent = {.device = 1, .inode = 1, .bytes = 1, .count = 1};
    ck_assert_int_eq(shmq_set_write_intent(other, &intent), 0);
    ck_assert_int_eq(put_aside(other, 0), -EBUSY);
    ck_assert_int_eq(shmq_set_write_intent(other, NULL), 0);
    ck_assert_int_eq(put_aside(other, -1), -EINVAL);
    ck_assert_int_eq(put_aside(other, SHMQ_ASIDE_DELAY_MAX_NS + 1), -EINVAL);
    ck_assert_int_eq(shmq_put_aside(other, NULL), -EINVAL);
    ck_assert_int_eq(shmq_put_aside(other, &(struct shmq_aside){.size = 8}), -EINVAL);
    ck_assert_int_eq(shmq_put_aside(producer, &aside), -EINVAL);
    ck_assert_int_eq(shmq_aside_note(producer, note), -EINVAL);
    ck_assert_int_eq(shmq_put_aside(NULL, &aside), -EINVAL);
    ck_assert_int_eq(put_aside(other, SHMQ_ASIDE_DELAY_MAX_NS), 0);
    ck_assert_int_eq(shmq_close(other), 0);
    end();
}
END_TEST

/* ------------------------------------------------------------------ all at once */

#define CROWD 3
#define CROWD_MESSAGES 400

struct crowd {
    _Atomic uint32_t done[CROWD_MESSAGES];
    _Atomic uint32_t all;
};

/* Puts many aside for moments, dies now and then, and counts what it has acknowledged. */
static void work_in_a_crowd(void *context)
{
    struct crowd *crowd = context;
    struct shmq_message message;
    struct shmq *handle;
    uint64_t number;
    process_require_equal(shmq_open(&handle, queue, SHMQ_CONSUMER, &following), 0);
    srand((unsigned)getpid());
    while (test_queue_lease(handle, &number, &message, SHMQ_FOREVER) == 0) {
        const int luck = rand() % 100;                           // NOLINT: any is as good
        const struct shmq_aside aside = for_ns(rand() % 3 * MS); // NOLINT
        if (luck < 50) {
            const int code = shmq_put_aside(handle, &aside);
            if (code == 0)
                continue;
            process_require_equal(code, -EUSERS);
        }
        if (luck == 99)
            (void)raise(SIGKILL);
        process_require_equal(shmq_acknowledge(handle, 1), 0);
        atomic_fetch_add(&crowd->done[number], 1);
        atomic_fetch_add(&crowd->all, 1);
    }
}

static bool tend_crowd(struct process *workers, struct crowd *crowd)
{
    for (int i = 0; i < CROWD; i++) {
        int status;
        if (waitpid(workers[i].pid, &status, WNOHANG) != workers[i].pid)
            continue;
        ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
        process_start(&workers[i], work_in_a_crowd, crowd);
    }
    return atomic_load(&crowd->all) == CROWD_MESSAGES;
}

START_TEST(each_of_many_is_done_once_however_many_die)
{
    struct process workers[CROWD];
    struct shmq_options options = new_queue;
    options.capacity_bytes = 1 << 20;
    options.tick_ns = 5 * MS;
    begin_with("crowd", &options);
    ck_assert_int_eq(shmq_close(consumer), 0);
    put(0, CROWD_MESSAGES);
    struct crowd *crowd = process_share(sizeof(*crowd));
    for (int i = 0; i < CROWD; i++)
        process_start(&workers[i], work_in_a_crowd, crowd);
    const int64_t deadline = process_now_ns() + process_patience_ns();
    while (!tend_crowd(workers, crowd)) {
        ck_assert_msg(process_now_ns() < deadline, "%u done", atomic_load(&crowd->all));
        (void)usleep(1000);
    }
    for (int i = 0; i < CROWD; i++)
        process_kill(&workers[i]);
    for (int i = 0; i < CROWD_MESSAGES; i++)
        ck_assert_uint_eq(atomic_load(&crowd->done[i]), 1);
    consumer = test_queue_open(queue, SHMQ_CONSUMER, &following);
    expect_sound();
    ck_assert_int_eq(shmq_join(consumer, 0), 0);
    end();
}
END_TEST

static const struct test tests[] = {
    TEST_GROUP("what comes when"),
    TEST_EACH(it_comes_when_it_is_due_and_not_before, 3),
    TEST(without_a_delay_it_is_due_at_once),
    TEST(those_due_come_before_new_messages_in_their_order),
    TEST(a_busy_consumer_gets_it_at_its_time),
    TEST(those_who_sleep_wake_up_when_it_is_due),
    TEST(long_sleeps_end_when_it_is_due),
    TEST_EACH(waiting_for_it_costs_nothing, 2),
    TEST(a_paused_queue_keeps_it),
    TEST(the_end_of_the_stream_waits_for_it),
    TEST(a_queue_with_one_is_not_removed_without_force),
    TEST_GROUP("how many"),
    TEST(no_more_than_asked_for_and_than_leaves_a_quarter_of_the_seats),
    TEST_EACH(a_small_queue_keeps_a_seat, 8),
    TEST(without_a_free_seat_none_is_put_aside),
    TEST(its_seat_is_given_to_nobody),
    TEST(what_was_adopted_is_put_aside_where_it_is),
    TEST_GROUP("notes"),
    TEST(its_note_comes_with_it),
    TEST(a_note_belongs_to_one_message),
    TEST(headers_and_framing_come_with_it),
    TEST_GROUP("deaths"),
    TEST(it_survives_all_who_had_it),
    TEST_GROUP("tools that clear up"),
    TEST_EACH(an_eager_consumer_takes_it_at_any_time, 12),
    TEST(an_eager_consumer_of_a_paused_queue_is_rung_for),
    TEST_GROUP("what is seen of it"),
    TEST(it_is_seen_with_the_time_left),
    TEST(once_taken_it_is_no_longer_aside),
    TEST(a_due_time_that_makes_no_sense_is_damage),
    TEST_GROUP("refusals"),
    TEST(only_the_only_message_is_put_aside),
    TEST_GROUP("all at once"),
    TEST(each_of_many_is_done_once_however_many_die),
};
TEST_SUITE("aside", tests, .seconds = 20);
