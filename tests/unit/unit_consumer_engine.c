/* SPDX-License-Identifier: MIT */
/*
 * The consumer's engine: what it leases, delivers, acknowledges and says, how long it waits, and how it ends. The
 * sink does what a test tells it to, and time passes only where somebody waits.
 */
#include <check.h>
#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/cli/say.h"
#include "common/cli/stop.h"
#include "consumer/attach.h"
#include "consumer/end_reason.h"
#include "consumer/message_wait.h"
#include "consumer/simulated_work.h"
#include "consumer/sinks/sink.h"
#include "consumer/workers.h"
#include "tests/support/harness.h"
#include "tests/support/heard.h"
#include "tests/support/planted.h"

#define MS INT64_C(1000000)
#define SECOND (1000 * MS)

/* ------------------------------------------------------------------ time, and the library */

enum { WAITS = 64 };

static int64_t now_ns;
static int64_t waits_ns[WAITS]; /* for messages, or for the queue */
static size_t waits;
static int acknowledge_result; /* of the next one; 0: what the library says */
static int hold_result;
static int open_result;
static size_t holds;
static void (*while_waiting)(void); /* called in each wait */

int64_t __wrap_stop_now_ns(void);
bool __wrap_stop_sleep_until(int64_t deadline_ns);
int __wrap_clock_nanosleep(clockid_t clock, int flags, const struct timespec *until, struct timespec *left);
int __real_shmq_lease_many(struct shmq *handle, struct shmq_message *messages, size_t max, size_t *count,
                           int64_t timeout_ns);
int __wrap_shmq_lease_many(struct shmq *handle, struct shmq_message *messages, size_t max, size_t *count,
                           int64_t timeout_ns);
int __real_shmq_acknowledge(struct shmq *handle, size_t count);
int __wrap_shmq_acknowledge(struct shmq *handle, size_t count);
int __real_shmq_hold(struct shmq *handle, struct shmq_message *message);
int __wrap_shmq_hold(struct shmq *handle, struct shmq_message *message);
int __real_shmq_open(struct shmq **handle, const char *queue, enum shmq_role role,
                     const struct shmq_options *options);
int __wrap_shmq_open(struct shmq **handle, const char *queue, enum shmq_role role,
                     const struct shmq_options *options);
struct sink *__wrap_sink_open(const struct consumer_options *options, struct totals *totals);

int64_t __wrap_stop_now_ns(void)
{
    return now_ns;
}

static void wait_for(int64_t ns)
{
    ck_assert_uint_lt(waits, WAITS);
    waits_ns[waits++] = ns;
    now_ns += ns;
    if (while_waiting != NULL)
        while_waiting();
}

bool __wrap_stop_sleep_until(int64_t deadline_ns)
{
    wait_for(deadline_ns - now_ns);
    return stop_requested == 0;
}

int __wrap_clock_nanosleep(clockid_t clock, int flags, const struct timespec *until, struct timespec *left)
{
    ck_assert_int_eq(clock, CLOCK_MONOTONIC);
    ck_assert_int_eq(flags, TIMER_ABSTIME);
    ck_assert_ptr_null(left);
    wait_for(until->tv_sec * SECOND + until->tv_nsec - now_ns);
    return 0;
}

int __wrap_shmq_lease_many(struct shmq *handle, struct shmq_message *messages, size_t max, size_t *count,
                           int64_t timeout_ns)
{
    int result = __real_shmq_lease_many(handle, messages, max, count, 0);
    if (result != -EAGAIN)
        return result;
    wait_for(timeout_ns);
    return timeout_ns == 0 ? -EAGAIN : -ETIMEDOUT;
}

int __wrap_shmq_acknowledge(struct shmq *handle, size_t count)
{
    return acknowledge_result != 0 ? acknowledge_result : __real_shmq_acknowledge(handle, count);
}

int __wrap_shmq_hold(struct shmq *handle, struct shmq_message *message)
{
    holds++;
    return hold_result != 0 ? hold_result : __real_shmq_hold(handle, message);
}

int __wrap_shmq_open(struct shmq **handle, const char *queue, enum shmq_role role,
                     const struct shmq_options *options)
{
    return open_result != 0 && role == SHMQ_CONSUMER ? open_result
                                                     : __real_shmq_open(handle, queue, role, options);
}

/* ------------------------------------------------------------------ the sink, as it is told */

enum { DELIVERIES = 64 };

static struct {
    enum sink_result deliver[DELIVERIES];
    size_t done[DELIVERIES]; /* with another result than SINK_OK */
    enum sink_result check;
    enum sink_result complete;
    enum sink_result verify;
    enum sink_result close;
    bool refuses;     /* to be opened */
    bool does_little; /* has none of the functions that may be missing */
    void (*delivering)(const struct shmq_message *messages, size_t count);
} plan;

static struct sink sink;
static char calls[512]; /* "d3 a" and so on: deliver 3, acknowledged, check, complete, verify, close (e: end) */
static char delivered[512];
static size_t deliveries;

static void note(const char *format, ...) __attribute__((format(printf, 1, 2)));

static void note(const char *format, ...)
{
    size_t used = strlen(calls);
    va_list list;
    va_start(list, format);
    vsnprintf(calls + used, sizeof(calls) - used, format, list);
    va_end(list);
}

static enum sink_result deliver(struct sink *of, const struct shmq_message *messages, size_t count, size_t *done)
{
    size_t n = deliveries++;
    ck_assert_uint_lt(n, DELIVERIES);
    ck_assert_ptr_nonnull(of->handle);
    ck_assert_uint_eq(*done, 0);
    note("d%zu ", count);
    if (plan.delivering != NULL)
        plan.delivering(messages, count);
    *done = plan.deliver[n] == SINK_OK ? count : plan.done[n];
    for (size_t i = 0; i < *done; i++) {
        size_t used = strlen(delivered);
        snprintf(delivered + used, sizeof(delivered) - used, "%.*s ", (int)messages[i].length,
                 (const char *)messages[i].data);
    }
    return plan.deliver[n];
}

static void acknowledged(struct sink *of)
{
    (void)of;
    note("a ");
}

static enum sink_result check(struct sink *of)
{
    (void)of;
    note("c ");
    return plan.check;
}

static enum sink_result complete(struct sink *of)
{
    ck_assert_ptr_nonnull(of->handle);
    note("complete ");
    return plan.complete;
}

static enum sink_result verify(struct sink *of)
{
    ck_assert_ptr_nonnull(of->handle);
    note("verify ");
    return plan.verify;
}

static enum sink_result close_sink(struct sink *of)
{
    (void)of;
    note("close");
    return plan.close;
}

static const struct sink_operations able = {.deliver = deliver,
                                            .acknowledged = acknowledged,
                                            .check = check,
                                            .complete = complete,
                                            .verify = verify,
                                            .close = close_sink};
static const struct sink_operations simple = {.deliver = deliver, .close = close_sink};

struct sink *__wrap_sink_open(const struct consumer_options *options, struct totals *totals)
{
    sink = (struct sink){.operations = plan.does_little ? &simple : &able, .options = options, .totals = totals};
    return plan.refuses ? NULL : &sink;
}

/* ------------------------------------------------------------------ what is said, the queue, the options */

static const char *name;
static struct shmq *producer;
static struct consumer_options options;

static void begin(void)
{
    struct shmq_options small = planted_small();
    say_init("consumer", 0, NULL);
    say_set_writer(hear);
    now_ns = 1000 * SECOND;
    name = test_name("engine");
    options = (struct consumer_options){.framing = {.prefix = ""}, .idle_ns = -1, .work_ns = {-1, -1}};
    options_init(&options.common);
    options.common.queue = name;
    options.common.shmq.prefetch = 4;
    options.common.shmq.stop = stop_flag();
    ck_assert_int_eq(shmq_create(name, &small), 0);
    producer = planted_open(name, SHMQ_PRODUCER, &small);
}

static void end(void)
{
    if (producer != NULL)
        ck_assert_int_eq(shmq_close(producer), 0);
    (void)shmq_remove(name, true);
    ck_assert_uint_eq(test_leftovers(name), 0);
}

static void finish(void)
{
    ck_assert_int_eq(shmq_close(producer), 0);
    producer = NULL;
}

static void put(const char *words)
{
    char text[64];
    snprintf(text, sizeof(text), "%s", words);
    for (char *word = strtok(text, " "); word != NULL; word = strtok(NULL, " "))
        planted_put(producer, word);
}

static void expect_left(uint64_t messages)
{
    struct shmq_stat stat = SHMQ_STAT_INIT;
    struct shmq *observer = planted_open(name, SHMQ_OBSERVER, NULL);
    ck_assert_int_eq(shmq_stat(observer, &stat), 0);
    ck_assert_uint_eq(stat.messages, messages);
    ck_assert_uint_eq(stat.consumers, 0);
    ck_assert_int_eq(shmq_close(observer), 0);
}

/* Runs, and compares the exit status, the calls of the sink, what it has delivered, and what stays. */
static void expect_run(int status, const char *expected_calls, const char *expected, uint64_t left)
{
    calls[0] = delivered[0] = heard[0] = '\0';
    deliveries = waits = holds = 0;
    int result = (int)run(&options);
    ck_assert_msg(result == status, "status %d, not %d: %s", result, status, heard);
    ck_assert_str_eq(calls, expected_calls);
    ck_assert_str_eq(delivered, expected);
    expect_left(left);
}

static void expect_waits(size_t count, const int64_t *expected_ms)
{
    ck_assert_uint_ge(waits, count);
    for (size_t i = 0; i < count; i++)
        ck_assert_msg(waits_ns[i] == expected_ms[i] * MS, "wait %zu: %lld ns", i, (long long)waits_ns[i]);
}

#define EXPECT_WAITS(...)                                                                                         \
    do {                                                                                                          \
        const int64_t list[] = {__VA_ARGS__};                                                                     \
        expect_waits(COUNT(list), list);                                                                          \
    } while (0)

/* ------------------------------------------------------------------ to the end of the stream */

START_TEST(all_is_delivered_and_acknowledged)
{
    put("a b c d e f");
    finish();
    expect_run(EXIT_DONE, "d4 a d2 a complete verify close", "a b c d e f ", 0);
    ck_assert_str_eq(heard, "consumer: consumed 6 messages, 6 B in 0 s (0/s, 0 B/s)\n");
    ck_assert_uint_eq(holds, 0);
    expect_run(EXIT_DONE, "complete verify close", "", 0);
    expect_heard("consumed 0 messages");
}
END_TEST

START_TEST(a_sink_need_not_do_more_than_deliver)
{
    plan.does_little = true;
    put("a b");
    finish();
    expect_run(EXIT_DONE, "d2 close", "a b ", 0);
    options.idle_ns = 300 * MS;
    options.common.shmq.follow = true;
    expect_run(EXIT_TIMEOUT, "close", "", 0);
}
END_TEST

START_TEST(a_capacity_that_is_rounded_is_told)
{
    say_set_level(SAY_DETAILS);
    options.common.shmq.capacity_bytes = 3000;
    finish();
    expect_run(EXIT_DONE, "complete verify close", "", 0);
    expect_heard("consumer: --capacity 3000: rounded up to 4K ");
}
END_TEST

START_TEST(a_run_leaves_no_memory)
{
    options.common.shmq.prefetch = 4096;
    finish();
    expect_run(EXIT_DONE, "complete verify close", "", 0);
    const struct mallinfo2 before = mallinfo2();
    for (int i = 0; i < 10; i++)
        expect_run(EXIT_DONE, "complete verify close", "", 0);
    const struct mallinfo2 after = mallinfo2();
    ck_assert_uint_lt(after.uordblks + after.hblkhd, before.uordblks + before.hblkhd + 100000);
}
END_TEST

START_TEST(a_count_is_exact)
{
    put("a b c d e f g");
    options.count = 5;
    expect_run(EXIT_DONE, "d4 a d1 a verify close", "a b c d e ", 2);
    options.count = 1;
    expect_run(EXIT_DONE, "d1 a verify close", "f ", 1);
    expect_heard("consumed 1 message, 1 B");
    finish();
    options.count = 2;
    expect_run(EXIT_ENDED, "d1 a complete verify close", "g ", 0);
    expect_heard(": all producers have finished; 1 of 2 messages delivered (see --count)\n");
    options.count = 1;
    expect_run(EXIT_ENDED, "complete verify close", "", 0);
    expect_heard("; 0 of 1 message delivered");
}
END_TEST

START_TEST(what_is_worked_on_is_delivered_one_by_one)
{
    options.work_ns[0] = options.work_ns[1] = 0;
    put("a b c d e");
    finish();
    expect_run(EXIT_DONE, "d1 a d1 a d1 a d1 a d1 a complete verify close", "a b c d e ", 0);
    ck_assert_uint_eq(holds, 1); /* only the one that came alone can be held */
}
END_TEST

START_TEST(work_is_done_on_each_message)
{
    int64_t began = now_ns;
    options.work_ns[0] = options.work_ns[1] = 100 * MS;
    put("a b c");
    options.count = 3;
    expect_run(EXIT_DONE, "d1 a d1 a d1 a verify close", "a b c ", 0);
    ck_assert_int_eq(now_ns - began, 300 * MS);
    began = now_ns;
    options.work_ns[0] = 0;
    put("d e f");
    expect_run(EXIT_DONE, "d1 a d1 a d1 a verify close", "d e f ", 0);
    ck_assert_int_gt(now_ns, began);
    ck_assert_int_lt(now_ns - began, 300 * MS);
}
END_TEST

START_TEST(a_command_is_run_for_each_message)
{
    options.sink = SINK_EXEC;
    put("a b");
    finish();
    expect_run(EXIT_DONE, "d1 a d1 a complete verify close", "a b ", 0);
    ck_assert_uint_eq(holds, 0);
}
END_TEST

static void must_be_held(const struct shmq_message *messages, size_t count)
{
    struct shmq_seat_stat seat = SHMQ_SEAT_STAT_INIT;
    struct shmq *observer = planted_open(name, SHMQ_OBSERVER, NULL);
    (void)messages;
    ck_assert_uint_eq(count, 1);
    ck_assert_int_eq(shmq_stat_seat(observer, 0, &seat), 0);
    ck_assert_int_eq(seat.holding, hold_result == 0);
    ck_assert_int_eq(shmq_close(observer), 0);
}

START_TEST(slow_work_is_taken_out_of_the_ring)
{
    options.sink = SINK_EXEC;
    options.common.shmq.prefetch = 1;
    plan.delivering = must_be_held;
    put("a b c d");
    options.count = 1;
    expect_run(EXIT_DONE, "d1 a verify close", "a ", 3);
    ck_assert_uint_eq(holds, 1);
    hold_result = -ENOSPC;
    expect_run(EXIT_DONE, "d1 a verify close", "b ", 2);
    hold_result = -EBUSY;
    expect_run(EXIT_DONE, "d1 a verify close", "c ", 1);
    hold_result = -EBADMSG;
    expect_run(EXIT_QUEUE, "verify close", "", 1);
}
END_TEST

/* ------------------------------------------------------------------ what the sink says */

START_TEST(what_a_failing_sink_has_delivered_is_acknowledged)
{
    put("a b c d e");
    plan.deliver[0] = SINK_FAILED;
    plan.done[0] = 2;
    expect_run(EXIT_FAILED, "d4 a close", "a b ", 3);
    ck_assert_str_eq(heard, "consumer: consumed 2 messages, 2 B in 0 s (0/s, 0 B/s)\n");
    plan.done[0] = 0;
    expect_run(EXIT_FAILED, "d2 a close", "", 3); /* what comes again comes by itself */
    plan.deliver[0] = SINK_STOPPED;
    plan.done[0] = 1;
    expect_run(EXIT_DONE, "d2 a verify close", "c ", 2);
    expect_heard(", stopped by a signal\n");
    plan.deliver[0] = SINK_DAMAGED;
    plan.done[0] = 0;
    expect_run(EXIT_QUEUE, "d1 a verify close", "", 2);
}
END_TEST

START_TEST(one_by_one_ends_with_the_first_that_fails)
{
    options.sink = SINK_EXEC;
    put("a b c");
    plan.deliver[1] = SINK_FAILED;
    expect_run(EXIT_FAILED, "d1 a d1 a close", "a ", 2);
}
END_TEST

START_TEST(a_failure_that_shows_in_the_end_is_a_failure)
{
    finish();
    plan.complete = SINK_FAILED;
    expect_run(EXIT_FAILED, "complete close", "", 0);
    plan.complete = SINK_DAMAGED;
    expect_run(EXIT_QUEUE, "complete verify close", "", 0);
    plan.complete = SINK_OK;
    plan.verify = SINK_FAILED;
    expect_run(EXIT_FAILED, "complete verify close", "", 0);
    plan.verify = SINK_OK;
    plan.close = SINK_FAILED;
    expect_run(EXIT_FAILED, "complete verify close", "", 0);
}
END_TEST

START_TEST(a_sink_that_cannot_be_opened_ends_it)
{
    plan.refuses = true;
    expect_run(EXIT_FAILED, "", "", 0);
    ck_assert_str_eq(heard, "");
    stop_requested = SIGTERM;
    expect_run(EXIT_DONE, "", "", 0);
}
END_TEST

START_TEST(what_cannot_be_acknowledged_is_not_counted)
{
    put("a b");
    acknowledge_result = -EBADMSG;
    expect_run(EXIT_QUEUE, "d2 a verify close", "a b ", 2);
    expect_heard("consumed 0 messages");
    /* Nothing is acknowledged of what was not delivered. */
    acknowledge_result = -EINVAL;
    plan.deliver[0] = SINK_STOPPED;
    expect_run(EXIT_DONE, "d2 a verify close", "", 2);
}
END_TEST

/* ------------------------------------------------------------------ ends in order */

static void stop_at_b(const struct shmq_message *messages, size_t count)
{
    if (*(const char *)messages[count - 1].data == 'b')
        stop_requested = SIGTERM;
}

START_TEST(an_end_that_is_asked_for_comes_after_the_message_in_hand)
{
    options.sink = SINK_EXEC;
    plan.delivering = stop_at_b;
    put("b a b c d e");
    expect_run(EXIT_DONE, "d1 a verify close", "b ", 5); /* the first of a batch */
    stop_requested = 0;
    expect_run(EXIT_DONE, "d1 a d1 a verify close", "a b ", 3);
    expect_heard("consumed 2 messages, 2 B in 0 s (0/s, 0 B/s), 2 redelivered, stopped by a signal\n");
    expect_run(EXIT_DONE, "verify close", "", 3); /* it was asked for before */
    /* Of a batch that is delivered at once, all is done. */
    stop_requested = 0;
    options.sink = SINK_DISCARD;
    plan.delivering = NULL;
    put("b b b b");
    plan.delivering = stop_at_b;
    expect_run(EXIT_DONE, "d1 a d4 a verify close", "c d e b b ", 2);
}
END_TEST

START_TEST(a_queue_that_was_shut_down_is_told)
{
    put("a");
    ck_assert_int_eq(shmq_shutdown(name, SHMQ_DRAIN), 0);
    expect_run(EXIT_ENDED, "d1 a verify close", "a ", 0);
    expect_heard(": was shut down; 1 message delivered\n");
}
END_TEST

START_TEST(a_producer_that_died_is_told)
{
    put("a b");
    shmq_abandon(producer);
    producer = NULL;
    options.common.shmq.grace_ns = 0;
    expect_run(EXIT_ENDED, "d2 a verify close", "a b ", 0);
    expect_heard(": a producer died before it finished; 2 messages delivered (resume it for the rest, or 'monitor "
                 "finish ");
}
END_TEST

START_TEST(a_queue_that_cannot_be_used_is_told)
{
    open_result = -EUSERS;
    expect_run(EXIT_FAILED, "close", "", 0);
    expect_heard(": all seats are taken (stop a consumer, or create the queue with more --seats)\n");
    open_result = -EBADMSG;
    expect_run(EXIT_QUEUE, "close", "", 0);
    expect_heard(": damaged, or not a queue (see 'monitor check'");
    open_result = -EEXIST;
    options.common.shmq.lanes = 3;
    expect_run(EXIT_QUEUE, "close", "", 0);
    expect_heard(": exists with lanes 2, not 3 (drop --lanes, ");
    options.common.shmq.lanes = 2;
    expect_run(EXIT_QUEUE, "close", "", 0);
    expect_heard(shmq_strerror(-EEXIST));
}
END_TEST

START_TEST(what_comes_again_is_told_and_counted)
{
    put("a b");
    plan.deliver[0] = SINK_STOPPED;
    expect_run(EXIT_DONE, "d2 a verify close", "", 2);
    expect_not_heard("redelivered");
    plan.deliver[0] = SINK_OK;
    put("c");
    finish();
    say_set_level(SAY_DETAILS);
    expect_run(EXIT_DONE, "d2 a d1 a complete verify close", "a b c ", 0);
    expect_heard("is redelivered (failed attempts: 0)\n");
    ck_assert_ptr_null(
        strstr(strstr(strstr(heard, "is redelivered") + 1, "is redelivered") + 1, "is redelivered"));
    expect_heard("), 2 redelivered\n");
}
END_TEST

START_TEST(without_v_what_comes_again_is_only_counted)
{
    put("a");
    plan.deliver[0] = SINK_STOPPED;
    expect_run(EXIT_DONE, "d1 a verify close", "", 1);
    plan.deliver[0] = SINK_OK;
    finish();
    expect_run(EXIT_DONE, "d1 a complete verify close", "a ", 0);
    ck_assert_str_eq(heard, "consumer: consumed 1 message, 1 B in 0 s (0/s, 0 B/s), 1 redelivered\n");
}
END_TEST

START_TEST(both_reasons_are_in_one_line)
{
    put("a");
    plan.deliver[0] = SINK_STOPPED;
    expect_run(EXIT_DONE, "d1 a verify close", "", 1);
    plan.done[0] = 1;
    expect_run(EXIT_DONE, "d1 a verify close", "a ", 0);
    expect_heard("), 1 redelivered, stopped by a signal\n");
}
END_TEST

/* ------------------------------------------------------------------ waiting */

static void stop_later(void)
{
    if (now_ns >= 1000 * SECOND + 20 * SECOND)
        stop_requested = SIGTERM;
}

START_TEST(it_looks_around_ever_more_rarely)
{
    while_waiting = stop_later;
    expect_run(EXIT_DONE, "c c c c c c c c c verify close", "", 0);
    /* The third is until it is time to say what it waits for. */
    EXPECT_WAITS(250, 500, 250, 2000, 4000, 4000, 4000, 4000, 4000);
    ck_assert_str_eq(heard, "consumer: waiting for messages: 1 producer is attached\n"
                            "consumer: consumed 0 messages, 0 B in 23 s (0/s, 0 B/s), stopped by a signal\n");
}
END_TEST

START_TEST(with_a_status_line_it_looks_four_times_a_second)
{
    while_waiting = stop_later;
    options.progress = true;
    say_set_level(SAY_ERRORS); /* then it need not say what it waits for */
    options.idle_ns = 3 * SECOND + 100 * MS;
    expect_run(EXIT_TIMEOUT, "c c c c c c c c c c c c verify close", "", 0);
    EXPECT_WAITS(250, 250, 250, 250, 250, 250, 250, 250, 250, 250, 250, 250, 100);
    ck_assert_uint_eq(waits, 13);
}
END_TEST

static void put_later(void)
{
    if (waits == 3)
        planted_put(producer, "a");
}

START_TEST(what_comes_begins_the_wait_anew)
{
    while_waiting = put_later;
    options.idle_ns = 2 * SECOND;
    expect_run(EXIT_DONE, "c c c d1 a c c c verify close", "a ", 0);
    EXPECT_WAITS(250, 500, 250, 250, 500, 1000, 250);
    ck_assert_uint_eq(waits, 7);
    expect_heard("), idle\n");
    expect_not_heard("going on");
}
END_TEST

static void put_after_long(void)
{
    if (now_ns > 1012 * SECOND) {
        planted_put(producer, "a");
        while_waiting = NULL;
    }
}

START_TEST(a_long_wait_is_told_of_when_it_is_over)
{
    options.count = 1;
    while_waiting = put_after_long;
    expect_run(EXIT_DONE, "c c c c c c c d1 a verify close", "a ", 0);
    ck_assert_str_eq(heard, "consumer: waiting for messages: 1 producer is attached\n"
                            "consumer: going on after 15 s\n"
                            "consumer: consumed 1 message, 1 B in 15 s (0/s, 0 B/s)\n");
}
END_TEST

START_TEST(a_sink_that_fails_while_nothing_comes_ends_it)
{
    plan.check = SINK_FAILED;
    expect_run(EXIT_FAILED, "c close", "", 0);
}
END_TEST

START_TEST(idle_is_not_longer_than_it_says)
{
    options.idle_ns = 300 * MS;
    expect_run(EXIT_TIMEOUT, "c verify close", "", 0);
    EXPECT_WAITS(250, 50);
    ck_assert_uint_eq(waits, 2);
    expect_heard(": no message for 300 ms (see --idle)\n");
    options.idle_ns = 0;
    expect_run(EXIT_TIMEOUT, "verify close", "", 0);
    EXPECT_WAITS(0);
    ck_assert_uint_eq(waits, 1);
    options.idle_ns = 100 * MS;
    options.count = 3;
    put("a b");
    expect_run(EXIT_TIMEOUT, "d2 a verify close", "a b ", 0);
    expect_heard(": no message for 100 ms; 2 of 3 messages delivered (see --idle and --count)\n");
    options.count = 0;
    put("a");
    expect_run(EXIT_DONE, "d1 a verify close", "a ", 0);
}
END_TEST

static void take_long(const struct shmq_message *messages, size_t count)
{
    (void)count;
    now_ns += SECOND;
    if (*(const char *)messages->data == 'a')
        planted_put(producer, "b");
}

START_TEST(idle_is_counted_from_when_the_last_was_delivered)
{
    plan.delivering = take_long;
    options.idle_ns = 200 * MS;
    put("a");
    expect_run(EXIT_DONE, "d1 a d1 a verify close", "a b ", 0);
    EXPECT_WAITS(200);
}
END_TEST

static void wait_long(void)
{
    now_ns += SECOND; /* the machine is busy */
}

START_TEST(an_end_that_has_passed_is_no_wait_without_end)
{
    while_waiting = wait_long;
    options.idle_ns = 1250 * MS;
    options.common.shmq.follow = true;
    plan.check = SINK_OK;
    expect_run(EXIT_TIMEOUT, "verify close", "", 0);
    ck_assert_uint_eq(waits, 1);
}
END_TEST

START_TEST(statistics_are_said_when_they_are_asked_for)
{
    stop_init();
    put("a b");
    finish();
    ck_assert_int_eq(raise(SIGUSR1), 0);
    expect_run(EXIT_DONE, "d2 a complete verify close", "a b ", 0);
    ck_assert_str_eq(heard, "consumer: consumed 2 messages, 2 B in 0 s (0/s, 0 B/s)\n"
                            "consumer: consumed 2 messages, 2 B in 0 s (0/s, 0 B/s)\n");
}
END_TEST

static void ask_for_statistics(void)
{
    if (waits == 1)
        ck_assert_int_eq(raise(SIGUSR1), 0);
}

START_TEST(statistics_are_said_while_nothing_comes)
{
    stop_init();
    while_waiting = ask_for_statistics;
    options.idle_ns = 500 * MS;
    expect_run(EXIT_TIMEOUT, "c verify close", "", 0);
    expect_heard("consumer: consumed 0 messages, 0 B in 250 ms (0/s, 0 B/s)\n");
}
END_TEST

/* ------------------------------------------------------------------ simulated work */

static struct totals totals;

START_TEST(work_takes_its_time)
{
    struct simulated_work work;
    simulated_work_init(&work, 1100 * MS, 1100 * MS);
    totals_init(&totals, &(struct consumer_options){0});
    simulated_work_run(&work, &totals, false);
    EXPECT_WAITS(250, 250, 250, 250, 100);
    ck_assert_uint_eq(waits, 5);
    simulated_work_init(&work, 250 * MS, 250 * MS);
    waits = 0;
    simulated_work_run(&work, &totals, false);
    EXPECT_WAITS(250);
    ck_assert_uint_eq(waits, 1);
}
END_TEST

static void ask_once(void)
{
    if (waits == 2)
        ck_assert_int_eq(raise(SIGUSR1), 0);
    if (waits == 3)
        expect_heard("consumer: consumed 0 messages, ");
}

START_TEST(statistics_are_said_during_work)
{
    struct simulated_work work;
    stop_init();
    simulated_work_init(&work, 1000 * MS, 1000 * MS);
    totals.redelivered = 7; /* of anybody */
    totals_init(&totals, &(struct consumer_options){0});
    while_waiting = ask_once;
    simulated_work_run(&work, &totals, false);
    ck_assert_uint_eq(waits, 4);
    expect_not_heard("redelivered");
}
END_TEST

START_TEST(work_is_of_any_length_in_between)
{
    struct simulated_work work;
    int64_t shortest = INT64_MAX;
    int64_t longest = 0;
    simulated_work_init(&work, 10, 20);
    totals_init(&totals, &(struct consumer_options){0});
    for (int i = 0; i < 1000; i++) {
        int64_t began = now_ns;
        waits = 0;
        simulated_work_run(&work, &totals, false);
        shortest = now_ns - began < shortest ? now_ns - began : shortest;
        longest = now_ns - began > longest ? now_ns - began : longest;
    }
    ck_assert_int_eq(shortest, 10);
    ck_assert_int_eq(longest, 20);
}
END_TEST

/* ------------------------------------------------------------------ a queue that is not there yet */

static int attach_it(void)
{
    struct shmq *handle = NULL;
    heard[0] = '\0';
    waits = 0;
    totals_init(&totals, &(struct consumer_options){0});
    int result = attach(&options, &totals, &handle);
    if (result == 0)
        ck_assert_int_eq(shmq_close(handle), 0);
    return result;
}

static void make_after(void)
{
    if (waits == 20)
        open_result = 0;
}

START_TEST(a_queue_is_waited_for)
{
    open_result = -ENOENT;
    while_waiting = make_after;
    ck_assert_int_eq(attach_it(), 0);
    EXPECT_WAITS(1, 2, 4, 8, 16, 32, 50, 50);
    ck_assert_uint_eq(waits, 20);
    expect_heard("consumer: waiting for queue '");
    ck_assert_ptr_null(strchr(strchr(heard, '\n') + 1, '\n')); /* once, and it was not long */
    while_waiting = NULL;
    ck_assert_int_eq(attach_it(), 0);
    ck_assert_str_eq(heard, "");
}
END_TEST

static void make_late(void)
{
    now_ns += 2 * SECOND;
    if (waits == 8)
        open_result = 0;
}

START_TEST(a_queue_that_comes_late_is_told_of)
{
    open_result = -ENOENT;
    while_waiting = make_late;
    ck_assert_int_eq(attach_it(), 0);
    expect_heard("consumer: going on after 16 s\n");
}
END_TEST

static void make_soon(void)
{
    now_ns += 2 * SECOND;
    if (waits == 6)
        open_result = 0;
}

START_TEST(what_was_not_told_of_does_not_go_on)
{
    open_result = -ENOENT;
    while_waiting = make_soon;
    ck_assert_int_eq(attach_it(), 0);
    ck_assert_str_eq(heard, "");
}
END_TEST

START_TEST(a_queue_is_waited_for_until_idle_is_over)
{
    open_result = -ENOENT;
    options.idle_ns = 10 * MS;
    ck_assert_int_eq(attach_it(), -ETIMEDOUT);
    EXPECT_WAITS(1, 2, 4, 3);
    ck_assert_uint_eq(waits, 4);
    ck_assert_str_eq(heard, "");
    expect_run(EXIT_TIMEOUT, "close", "", 0);
    expect_heard(": no message for 10 ms (see --idle)\n");
    stop_requested = SIGTERM;
    ck_assert_int_eq(attach_it(), -EINTR);
    open_result = -EUSERS;
    ck_assert_int_eq(attach_it(), -EUSERS);
}
END_TEST

/* ------------------------------------------------------------------ what it waits for */

static void expect_told(const char *text)
{
    char line[256];
    struct shmq *observer = planted_open(name, SHMQ_OBSERVER, NULL);
    heard[0] = '\0';
    message_wait_say(observer, &options);
    ck_assert_int_eq(shmq_close(observer), 0);
    snprintf(line, sizeof(line), "consumer: waiting for messages: %s\n", text);
    ck_assert_str_eq(heard, line);
}

START_TEST(what_it_waits_for_is_told)
{
    struct shmq_options small = planted_small();
    expect_told("1 producer is attached");
    put("a");
    expect_told("1 producer is attached");
    finish();
    expect_told("no producer is attached; other consumers have 1 message in flight");
    options.common.shmq.producers = 3;
    expect_told("no producer is attached; other consumers have 1 message in flight");
    producer = planted_open(name, SHMQ_PRODUCER, &small);
    put("b");
    finish();
    expect_told("no producer is attached; other consumers have 2 messages in flight");
    options.count = 2;
    expect_run(EXIT_DONE, "d2 a verify close", "a b ", 0);
    expect_told("no producer is attached; 2 of 3 have finished");
    options.common.shmq.producers = 4;
    expect_told("no producer is attached; 2 of 4 have finished");
    options.common.shmq.producers = 2;
    expect_told("no producer is attached");
    options.common.shmq.producers = 0;
    expect_told("no producer is attached");
}
END_TEST

START_TEST(one_that_has_finished_is_told)
{
    options.common.shmq.producers = 2;
    finish();
    options.common.shmq.follow = true;
    expect_told("no producer is attached; 1 of 2 has finished");
}
END_TEST

START_TEST(those_that_died_are_told)
{
    shmq_abandon(producer);
    producer = NULL;
    options.common.shmq.grace_ns = 7 * SECOND;
    expect_told("no producer is attached; 1 died before finishing and can be resumed within --grace 7s");
    options.common.shmq.follow = true;
    expect_told("no producer is attached; 1 died before finishing");
}
END_TEST

static const struct test tests[] = {
    TEST(all_is_delivered_and_acknowledged),
    TEST(a_sink_need_not_do_more_than_deliver),
    TEST(a_capacity_that_is_rounded_is_told),
    TEST(a_run_leaves_no_memory),
    TEST(a_count_is_exact),
    TEST(what_is_worked_on_is_delivered_one_by_one),
    TEST(work_is_done_on_each_message),
    TEST(a_command_is_run_for_each_message),
    TEST(slow_work_is_taken_out_of_the_ring),
    TEST(what_a_failing_sink_has_delivered_is_acknowledged),
    TEST(one_by_one_ends_with_the_first_that_fails),
    TEST(a_failure_that_shows_in_the_end_is_a_failure),
    TEST(a_sink_that_cannot_be_opened_ends_it),
    TEST(what_cannot_be_acknowledged_is_not_counted),
    TEST(an_end_that_is_asked_for_comes_after_the_message_in_hand),
    TEST(a_queue_that_was_shut_down_is_told),
    TEST(a_producer_that_died_is_told),
    TEST(a_queue_that_cannot_be_used_is_told),
    TEST(what_comes_again_is_told_and_counted),
    TEST(without_v_what_comes_again_is_only_counted),
    TEST(both_reasons_are_in_one_line),
    TEST(it_looks_around_ever_more_rarely),
    TEST(with_a_status_line_it_looks_four_times_a_second),
    TEST(what_comes_begins_the_wait_anew),
    TEST(a_long_wait_is_told_of_when_it_is_over),
    TEST(a_sink_that_fails_while_nothing_comes_ends_it),
    TEST(idle_is_not_longer_than_it_says),
    TEST(idle_is_counted_from_when_the_last_was_delivered),
    TEST(an_end_that_has_passed_is_no_wait_without_end),
    TEST(statistics_are_said_when_they_are_asked_for),
    TEST(statistics_are_said_while_nothing_comes),
    TEST(work_takes_its_time),
    TEST(statistics_are_said_during_work),
    TEST(work_is_of_any_length_in_between),
    TEST(a_queue_is_waited_for),
    TEST(a_queue_that_comes_late_is_told_of),
    TEST(what_was_not_told_of_does_not_go_on),
    TEST(a_queue_is_waited_for_until_idle_is_over),
    TEST(what_it_waits_for_is_told),
    TEST(one_that_has_finished_is_told),
    TEST(those_that_died_are_told),
};

TEST_SUITE("consumer_engine", tests, .seconds = 10, .set_up = begin, .tear_down = end);
