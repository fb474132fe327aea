/* SPDX-License-Identifier: MIT */
/* Messages that are dropped: they are not delivered, and disturb nobody and nothing else. */
#include <check.h>
#include <errno.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "common/shmq.h"
#include "tests/support/harness.h"
#include "tests/support/plain_ring.h"
#include "tests/support/planted.h"
#include "tests/support/process.h"
#include "tests/support/sleeper.h"
#include "tests/support/test_queue.h"

/* So long that whatever comes in time has been brought by a wake-up. */
#define LONG_TICK_NS INT64_C(10000000000)
#define PROMPT_MS 2000
#define MS INT64_C(1000000)
#define LONGEST 1024
#define MANY 64
#define FIRST_POSITION 64 /* of a lane of 4 KiB */

static const struct shmq_options small = {
    SHMQ_OPTIONS_DEFAULTS, .create = true, .capacity_bytes = 4096, .seats = 8, .lanes = 4, .prefetch = 16};
static const struct shmq_options slow_tick = {SHMQ_OPTIONS_DEFAULTS,   .create = true, .capacity_bytes = 4096,
                                              .tick_ns = LONG_TICK_NS, .seats = 8,     .prefetch = 16};
static const struct shmq_options one_by_one = {SHMQ_OPTIONS_DEFAULTS, .prefetch = 1};

static struct shmq *producer;

/* ------------------------------------------------------------------ messages: numbers, of various lengths */

static size_t length_of(uint64_t number)
{
    static const size_t lengths[] = {8, 8, 64, 65, 200, 1024, 63, 8};
    return lengths[number % COUNT(lengths)];
}

static const char *headers_of(uint64_t number)
{
    return number % 5 == 3 ? "Key: value\n" : NULL;
}

static uint64_t tail(void)
{
    struct shmq_lane_stat stat = SHMQ_LANE_STAT_INIT;
    ck_assert_int_eq(shmq_stat_lane(producer, 0, &stat), 0);
    return stat.tail_position;
}

/* Return: its position. */
static uint64_t put(uint64_t number)
{
    unsigned char payload[LONGEST] = {0};
    const char *const headers = headers_of(number);
    const size_t room = headers != NULL ? LONGEST - 64 : LONGEST;
    const struct shmq_outgoing message = {.size = sizeof(message),
                                          .data = payload,
                                          .length = length_of(number) < room ? length_of(number) : room,
                                          .headers = headers,
                                          .headers_length = headers != NULL ? strlen(headers) : 0};
    const uint64_t position = tail();
    memcpy(payload, &number, sizeof(number));
    ck_assert_int_eq(shmq_put_outgoing(producer, &message, 1, NULL, 0), 0);
    return position;
}

static uint64_t number_of(const struct shmq_message *message)
{
    uint64_t number;
    memcpy(&number, message->data, sizeof(number));
    ck_assert((message->headers_length != 0) == (headers_of(number) != NULL));
    return number;
}

static void begin(const char *test, const struct shmq_options *options)
{
    use_queue(test);
    producer = test_queue_open(queue, SHMQ_PRODUCER, options);
}

static void end(void)
{
    ck_assert_int_eq(shmq_check(producer, NULL, NULL), 0);
    ck_assert_int_eq(shmq_close(producer), 0);
    test_queue_remove(queue);
}

static struct shmq *open_consumer(const struct shmq_options *options)
{
    return test_queue_open(queue, SHMQ_CONSUMER, options != NULL ? options : &small);
}

static struct shmq_message lease(struct shmq *consumer, uint64_t expected)
{
    struct shmq_message message;
    ck_assert_int_eq(shmq_lease(consumer, &message, 0), 0);
    ck_assert_uint_eq(number_of(&message), expected);
    return message;
}

static void expect_next(struct shmq *consumer, uint64_t expected)
{
    (void)lease(consumer, expected);
    ck_assert_int_eq(shmq_acknowledge(consumer, 1), 0);
}

static void expect_nothing(struct shmq *consumer)
{
    struct shmq_message message;
    ck_assert_int_eq(shmq_lease(consumer, &message, 0), -EAGAIN);
    ck_assert_int_eq(shmq_lease(consumer, &message, MS), -ETIMEDOUT);
    ck_assert_uint_eq(test_queue_stat(queue).messages, 0);
}

static void expect_drop(int code, uint64_t position)
{
    ck_assert_int_eq(shmq_drop(queue, 0, position), code);
    ck_assert_int_eq(shmq_check(producer, NULL, NULL), 0);
}

/* ------------------------------------------------------------------ what is left */

/* How a consumer takes what is there. */
enum way { GET, LEASE, LEASE_MANY, LEASE_TWO, HOLD, RELEASE, ADOPT, WAYS };

static uint64_t take_by_get(struct shmq *consumer)
{
    uint64_t number;
    unsigned char buffer[LONGEST];
    size_t length;
    if (shmq_get(consumer, buffer, sizeof(buffer), &length, 0) != 0)
        return UINT64_MAX;
    memcpy(&number, buffer, sizeof(number));
    return number;
}

/* Takes some, and stores their numbers. Return: how many. */
static size_t take(struct shmq **consumer, enum way way, uint64_t *numbers)
{
    struct shmq_message messages[MANY];
    size_t count = 1;
    if (way == GET) {
        numbers[0] = take_by_get(*consumer);
        return numbers[0] != UINT64_MAX;
    }
    const int code = way == LEASE_MANY || way == LEASE_TWO
                         ? shmq_lease_many(*consumer, messages, way == LEASE_TWO ? 2 : MANY, &count, 0)
                         : shmq_lease(*consumer, messages, 0);
    if (code == -EAGAIN)
        return 0;
    ck_assert_int_eq(code, 0);
    for (size_t i = 0; i < count; i++)
        numbers[i] = number_of(&messages[i]);
    if (way == HOLD && shmq_hold(*consumer, messages) == 0)
        ck_assert_uint_eq(number_of(messages), numbers[0]);
    if (way == RELEASE && !messages[0].redelivered) {
        ck_assert_int_eq(shmq_release(*consumer), 0);
        return take(consumer, way, numbers);
    }
    if (way == ADOPT && !messages[0].redelivered) {
        shmq_abandon(*consumer);
        *consumer = open_consumer(NULL);
        return take(consumer, way, numbers);
    }
    ck_assert_int_eq(shmq_acknowledge(*consumer, count), 0);
    return count;
}

/* Takes everything, which has to be the messages below @count that are not in @dropped. */
static void take_rest(enum way way, uint64_t count, const bool *dropped)
{
    struct shmq *consumer = open_consumer(NULL);
    uint64_t numbers[MANY];
    uint64_t next = 0;
    size_t taken;
    while ((taken = take(&consumer, way, numbers)) > 0) {
        for (size_t i = 0; i < taken; i++) {
            while (next < count && dropped[next])
                next++;
            ck_assert_uint_eq(numbers[i], next);
            next++;
        }
        ck_assert_int_eq(shmq_check(producer, NULL, NULL), 0);
    }
    while (next < count && dropped[next])
        next++;
    ck_assert_uint_eq(next, count);
    expect_nothing(consumer);
    ck_assert_int_eq(shmq_close(consumer), 0);
}

static int count_one(void *context, const struct shmq_peeked *peeked)
{
    const bool *dropped = context;
    ck_assert(!dropped[number_of(peeked->message)]);
    return 0;
}

/* _i: way. Every set of five messages. */
START_TEST(what_is_not_dropped_is_delivered)
{
    const uint64_t count = 5;
    for (uint32_t set = 0; set < 1u << count; set++) {
        uint64_t positions[5];
        bool dropped[5];
        uint64_t left = 0;
        begin("set", &small);
        for (uint64_t i = 0; i < count; i++)
            positions[i] = put(i);
        for (uint64_t i = 0; i < count; i++) {
            dropped[i] = (set >> i & 1) != 0;
            left += !dropped[i];
            if (dropped[i])
                expect_drop(0, positions[i]);
        }
        ck_assert_uint_eq(test_queue_stat(queue).messages, left);
        ck_assert_int_eq(shmq_peek(producer, 0, count_one, dropped), 0);
        take_rest((enum way)_i, count, dropped);
        end();
    }
}
END_TEST

/* _i: way. Many laps, any set. */
START_TEST(laps_with_dropped_messages_are_gone_through)
{
    uint64_t random = 17 + (uint64_t)_i;
    begin("laps", &small);
    for (int round = 0; round < 200; round++) {
        uint64_t positions[8];
        bool dropped[8] = {false};
        const uint64_t count = 1 + plain_random(&random) % COUNT(positions);
        uint64_t there = 0;
        for (; there < count; there++)
            positions[there] = put(there);
        const uint64_t most = plain_random(&random) % (count + 1);
        for (uint64_t i = 0; i < most; i++) {
            const uint64_t victim = plain_random(&random) % count;
            expect_drop(dropped[victim] ? -ENOMSG : 0, positions[victim]);
            dropped[victim] = true;
        }
        take_rest((enum way)_i, count, dropped);
    }
    end();
}
END_TEST

START_TEST(only_delivered_messages_are_counted)
{
    begin("counts", &small);
    uint64_t positions[4];
    for (uint64_t i = 0; i < 4; i++)
        positions[i] = put(i);
    expect_drop(0, positions[1]);
    expect_drop(0, positions[3]);
    struct shmq *consumer = open_consumer(NULL);
    struct shmq_seat_stat stat = SHMQ_SEAT_STAT_INIT;
    (void)lease(consumer, 0);
    ck_assert_int_eq(shmq_stat_seat(consumer, 0, &stat), 0);
    ck_assert_uint_eq(stat.leased, 2);
    struct shmq_lane_stat lane = SHMQ_LANE_STAT_INIT;
    ck_assert_int_eq(shmq_stat_lane(consumer, 0, &lane), 0);
    ck_assert_uint_eq(lane.messages, 2);
    ck_assert_uint_eq(lane.leased, 2);
    ck_assert_int_eq(shmq_acknowledge(consumer, 1), 0);
    expect_next(consumer, 2);
    ck_assert_int_eq(shmq_stat_seat(consumer, 0, &stat), 0);
    ck_assert_uint_eq(stat.delivered, 2);
    ck_assert_uint_eq(stat.leased, 0);
    expect_nothing(consumer);
    ck_assert_int_eq(shmq_close(consumer), 0);
    end();
}
END_TEST

START_TEST(a_batch_is_handed_out_up_to_a_dropped_message)
{
    struct shmq_message messages[MANY];
    size_t count;
    uint64_t positions[4];
    begin("run", &small);
    for (uint64_t i = 0; i < 4; i++)
        positions[i] = put(i);
    expect_drop(0, positions[2]);
    struct shmq *consumer = open_consumer(NULL);
    ck_assert_int_eq(shmq_lease_many(consumer, messages, MANY, &count, 0), 0);
    ck_assert_uint_eq(count, 2);
    ck_assert_int_eq(shmq_lease(consumer, messages, 0), -EBUSY);
    ck_assert_int_eq(shmq_acknowledge(consumer, 1), 0);
    ck_assert_int_eq(shmq_lease(consumer, messages, 0), -EBUSY);
    ck_assert_int_eq(shmq_hold(consumer, &messages[1]), -EBUSY); /* one comes behind it */
    ck_assert_int_eq(shmq_acknowledge(consumer, 1), 0);
    ck_assert_int_eq(shmq_lease_many(consumer, messages, MANY, &count, 0), 0);
    ck_assert_uint_eq(count, 1);
    ck_assert_uint_eq(number_of(messages), 3);
    ck_assert_int_eq(shmq_acknowledge(consumer, 1), 0);
    ck_assert_int_eq(shmq_close(consumer), 0);
    end();
}
END_TEST

START_TEST(the_room_of_dropped_messages_becomes_free)
{
    uint64_t positions[64];
    uint64_t count = 0;
    begin("room", &small);
    for (; count < 64; count++) {
        positions[count] = FIRST_POSITION + count;
        ck_assert_int_eq(test_queue_put(producer, count, 0), 0);
    }
    ck_assert_int_eq(test_queue_put(producer, count, 0), -EAGAIN);
    for (uint64_t i = 0; i < count; i++)
        expect_drop(0, positions[i]);
    ck_assert_uint_eq(test_queue_stat(queue).messages, 0);
    struct shmq *consumer = open_consumer(NULL);
    expect_nothing(consumer);
    for (uint64_t i = 0; i < count; i++)
        ck_assert_int_eq(test_queue_put(producer, i, 0), 0);
    ck_assert_int_eq(shmq_close(consumer), 0);
    end();
}
END_TEST

/* _i: set of four messages. What is told to be ready is what a lease brings. */
START_TEST(as_many_are_ready_as_a_lease_brings)
{
    struct shmq_message messages[MANY];
    uint64_t positions[4];
    size_t ready;
    size_t count;
    bool complete;
    begin("ready", &small);
    for (uint64_t i = 0; i < 4; i++)
        positions[i] = put(i);
    for (uint64_t i = 0; i < 4; i++)
        if ((_i >> i & 1) != 0)
            expect_drop(0, positions[i]);
    struct shmq *consumer = open_consumer(NULL);
    uint64_t left = test_queue_stat(queue).messages;
    while (left > 0) {
        ck_assert_int_eq(shmq_ready(consumer, &ready, &complete, 0), 0);
        ck_assert_int_eq(shmq_lease_many(consumer, messages, MANY, &count, 0), 0);
        ck_assert_uint_eq(ready, count);
        ck_assert_int_eq(shmq_acknowledge(consumer, count), 0);
        left -= count;
    }
    ck_assert_int_eq(shmq_ready(consumer, &ready, &complete, 0), -EAGAIN);
    ck_assert_int_eq(shmq_join(consumer, 0), 0);
    ck_assert_int_eq(shmq_close(consumer), 0);
    end();
}
END_TEST

/* ------------------------------------------------------------------ what cannot be dropped */

START_TEST(only_messages_can_be_dropped)
{
    begin("none", &small);
    expect_drop(-ENOMSG, 0);
    expect_drop(-ENOMSG, FIRST_POSITION);
    const uint64_t first = put(5); /* long */
    const uint64_t second = put(0);
    for (uint64_t position = 0; position < second + 200; position++)
        if (position != first && position != second)
            expect_drop(-ENOMSG, position);
    static const uint64_t others[] = {UINT64_MAX, UINT64_MAX - 64, UINT64_C(1) << 63, UINT64_C(1) << 57};
    for (size_t i = 0; i < COUNT(others); i++)
        expect_drop(-ENOMSG, others[i]);
    static const uint32_t lanes[] = {1, 3, 4, 1024, UINT32_MAX};
    for (size_t i = 0; i < COUNT(lanes); i++)
        ck_assert_int_eq(shmq_drop(queue, lanes[i], first), -ENOMSG);
    ck_assert_uint_eq(test_queue_stat(queue).messages, 2);
    expect_drop(0, second);
    expect_drop(-ENOMSG, second);
    struct shmq *consumer = open_consumer(NULL);
    expect_next(consumer, 5);
    expect_nothing(consumer);
    expect_drop(-ENOMSG, first);
    expect_drop(-ENOMSG, second);
    ck_assert_int_eq(shmq_close(consumer), 0);
    end();
}
END_TEST

START_TEST(without_a_queue_nothing_is_dropped)
{
    use_queue("missing");
    ck_assert_int_eq(shmq_drop(queue, 0, 64), -ENOENT);
    ck_assert_int_eq(shmq_drop("a/b", 0, 64), -EINVAL);
    ck_assert_int_eq(shmq_drop(NULL, 0, 64), -EINVAL);
}
END_TEST

/* _i: leased; held. */
START_TEST(what_a_live_consumer_has_stays)
{
    begin("live", &small);
    uint64_t positions[3];
    for (uint64_t i = 0; i < 3; i++)
        positions[i] = put(i);
    struct shmq *consumer = open_consumer(_i == 0 ? NULL : &one_by_one);
    struct shmq_message message = lease(consumer, 0);
    ck_assert_int_eq(shmq_acknowledge(consumer, 1), 0);
    message = lease(consumer, 1);
    if (_i == 1)
        ck_assert_int_eq(shmq_hold(consumer, &message), 0);
    expect_drop(-ENOMSG, positions[0]);
    expect_drop(-EBUSY, positions[1]);
    expect_drop(_i == 0 ? -EBUSY : 0, positions[2]); /* leased with it, or not */
    ck_assert_int_eq(shmq_acknowledge(consumer, 1), 0);
    if (_i == 0)
        expect_next(consumer, 2);
    expect_nothing(consumer);
    ck_assert_int_eq(shmq_close(consumer), 0);
    end();
}
END_TEST

/* ------------------------------------------------------------------ what the dead left */

static void lease_and_die(void *context)
{
    struct shmq *handle;
    struct shmq_message message;
    const uint64_t *next = context;
    process_require_equal(shmq_open(&handle, queue, SHMQ_CONSUMER, &small), 0);
    process_require_equal(shmq_lease(handle, &message, 0), 0);
    if (*next == 0) {
        process_require_equal(shmq_lease(handle, &message, 0), 0);
        process_require_equal(shmq_acknowledge(handle, 1), 0);
        process_require_equal(shmq_fail(handle, NULL), 0);
        process_require_equal(shmq_fail(handle, NULL), 0);
    }
}

static void let_die(uint64_t next)
{
    struct process victim;
    process_start(&victim, lease_and_die, &next);
    process_expect_success(&victim);
}

/* Leaves a batch behind, from message 1 on, which has failed twice. */
static void leave_batch(uint64_t count, uint64_t *positions)
{
    for (uint64_t i = 0; i < count; i++)
        positions[i] = put(i);
    let_die(0);
}

/* _i: set of messages 1 to 4. */
START_TEST(of_a_dead_consumers_batch_the_rest_is_delivered)
{
    uint64_t positions[5];
    uint64_t left = 0;
    begin("dead", &small);
    leave_batch(5, positions);
    expect_drop(-ENOMSG, positions[0]); /* acknowledged */
    for (uint64_t i = 1; i < 5; i++) {
        const bool drops = (_i >> (i - 1) & 1) != 0;
        left += !drops;
        if (drops)
            expect_drop(0, positions[i]);
        if (drops)
            expect_drop(-ENOMSG, positions[i]);
    }
    ck_assert_uint_eq(test_queue_stat(queue).messages, left);
    struct shmq *consumer = open_consumer(NULL);
    bool first = true;
    for (uint64_t i = 1; i < 5; i++) {
        if ((_i >> (i - 1) & 1) != 0)
            continue;
        const struct shmq_message message = lease(consumer, i);
        ck_assert(message.redelivered);
        ck_assert_uint_eq(message.attempts, first && i == 1 ? 3 : 0);
        ck_assert_uint_eq(message.position, positions[i]);
        ck_assert_int_eq(shmq_acknowledge(consumer, 1), 0);
        first = false;
    }
    expect_nothing(consumer);
    ck_assert_int_eq(shmq_close(consumer), 0);
    end();
}
END_TEST

/* The next one of a dropped message that had attempts begins with none, whoever dies. */
START_TEST(attempts_go_with_the_message)
{
    uint64_t positions[3];
    begin("attempts", &small);
    leave_batch(3, positions);
    expect_drop(0, positions[1]);
    let_die(2); /* with no attempt at this one */
    struct shmq *consumer = open_consumer(NULL);
    struct shmq_message message = lease(consumer, 2);
    ck_assert_uint_eq(message.attempts, 1);
    ck_assert_int_eq(shmq_release(consumer), 0);
    message = lease(consumer, 2);
    ck_assert_uint_eq(message.attempts, 1);
    ck_assert_int_eq(shmq_acknowledge(consumer, 1), 0);
    ck_assert_int_eq(shmq_close(consumer), 0);
    end();
}
END_TEST

/* _i: its consumer died; it gave the message back; it put the message aside. */
START_TEST(a_held_message_without_a_consumer_is_dropped)
{
    const struct shmq_aside aside = {.size = sizeof(aside), .delay_ns = 1000 * MS * 3600, .most = 1};
    begin("held", &small);
    const uint64_t position = put(0);
    (void)put(1);
    struct shmq *consumer = open_consumer(&one_by_one);
    struct shmq_message message = lease(consumer, 0);
    ck_assert_int_eq(shmq_hold(consumer, &message), 0);
    expect_drop(-EBUSY, position);
    if (_i == 1)
        ck_assert_int_eq(shmq_release(consumer), 0);
    if (_i == 2)
        ck_assert_int_eq(shmq_put_aside(consumer, &aside), 0);
    shmq_abandon(consumer);
    ck_assert_uint_eq(test_queue_stat(queue).messages, 2);
    expect_drop(0, position);
    expect_drop(-ENOMSG, position);
    ck_assert_uint_eq(test_queue_stat(queue).messages, 1);
    consumer = open_consumer(NULL);
    expect_next(consumer, 1);
    expect_nothing(consumer);
    ck_assert_int_eq(shmq_close(consumer), 0);
    end();
}
END_TEST

START_TEST(what_was_given_back_is_dropped)
{
    uint64_t positions[2];
    begin("back", &small);
    for (uint64_t i = 0; i < 2; i++)
        positions[i] = put(i);
    struct shmq *consumer = open_consumer(NULL);
    (void)lease(consumer, 0);
    ck_assert_int_eq(shmq_release(consumer), 0);
    expect_drop(0, positions[0]);
    expect_next(consumer, 1);
    expect_nothing(consumer);
    ck_assert_int_eq(shmq_close(consumer), 0);
    end();
}
END_TEST

/* ------------------------------------------------------------------ those who wait */

static void hold_and_wait(void *context)
{
    struct shmq *handle;
    struct shmq_message message;
    (void)context;
    process_require_equal(shmq_open(&handle, queue, SHMQ_CONSUMER, &one_by_one), 0);
    process_require_equal(shmq_lease(handle, &message, 0), 0);
    process_require_equal(shmq_hold(handle, &message), 0);
    process_report(0);
    (void)process_await_order();
}

START_TEST(consumers_that_wait_learn_that_the_last_held_message_is_dropped)
{
    struct process sleeper;
    struct process holder;
    begin("sleeper", &slow_tick);
    const uint64_t position = put(0);
    process_start(&holder, hold_and_wait, NULL);
    (void)process_hear(&holder);
    ck_assert_int_eq(shmq_finish(producer), 0);
    sleeper_start(&sleeper, NULL);
    process_kill(&holder); /* the sleeper would find it after a tick */
    expect_drop(0, position);
    ck_assert_uint_eq(sleeper_hear(&sleeper, PROMPT_MS), process_code(-ENODATA));
    sleeper_finish(&sleeper);
    end();
}
END_TEST

START_TEST(a_consumer_goes_on_waiting_if_all_is_dropped)
{
    struct process sleeper;
    uint64_t positions[3];
    begin("waits", &slow_tick);
    ck_assert_int_eq(shmq_pause(queue), 0);
    for (uint64_t i = 0; i < 3; i++)
        positions[i] = put(i);
    for (uint64_t i = 0; i < 3; i++)
        expect_drop(0, positions[i]);
    sleeper_start(&sleeper, NULL);
    ck_assert_int_eq(shmq_resume(queue), 0);
    sleeper_await(&sleeper);
    ck_assert(!process_has_report(&sleeper));
    ck_assert_int_eq(test_queue_put(producer, 7, 0), 0);
    ck_assert_uint_eq(sleeper_hear(&sleeper, PROMPT_MS), 7);
    sleeper_finish(&sleeper);
    end();
}
END_TEST

/* Although no consumer has come past them. _i: paused, or not. */
START_TEST(where_only_dropped_messages_are_left_nothing_is_left)
{
    uint64_t number;
    uint64_t positions[3];
    struct planted planted;
    begin("nothing", &small);
    for (uint64_t i = 0; i < 3; i++)
        positions[i] = put(i);
    if (_i == 0)
        ck_assert_int_eq(shmq_pause(queue), 0);
    for (uint64_t i = 0; i < 3; i++) {
        ck_assert_int_eq(shmq_join(producer, 0), -EAGAIN);
        expect_drop(0, positions[i]);
    }
    ck_assert_int_eq(shmq_join(producer, 0), 0);
    struct shmq *observer = test_queue_open(queue, SHMQ_OBSERVER, NULL);
    ck_assert_int_eq(shmq_join(observer, 0), 0);
    ck_assert_int_eq(shmq_close(observer), 0);
    planted_map(&planted, queue);
    atomic_fetch_add(&planted_lane(&planted, 0)->drops_begun, 1); /* somebody has marked one, and not counted it */
    ck_assert_int_eq(shmq_join(producer, 0), -EAGAIN);
    atomic_fetch_sub(&planted_lane(&planted, 0)->drops_begun, 1);
    planted_unmap(&planted);
    ck_assert_int_eq(shmq_close(producer), 0);
    if (_i == 0) {
        struct shmq *consumer = open_consumer(NULL);
        ck_assert_int_eq(test_queue_get(consumer, &number, SHMQ_FOREVER), -ENODATA);
        ck_assert_int_eq(shmq_close(consumer), 0);
    }
    ck_assert_int_eq(shmq_remove(queue, false), 0);
}
END_TEST

/* _i: producers have finished; the queue is drained. */
START_TEST(the_end_comes_after_dropped_messages)
{
    uint64_t number;
    begin("ends", &small);
    const uint64_t position = put(0);
    expect_drop(0, position);
    ck_assert_int_eq(_i == 0 ? shmq_finish(producer) : shmq_shutdown(queue, SHMQ_DRAIN), 0);
    struct shmq *consumer = open_consumer(NULL);
    ck_assert_int_eq(test_queue_get(consumer, &number, SHMQ_FOREVER), _i == 0 ? -ENODATA : -ESHUTDOWN);
    ck_assert_int_eq(shmq_join(consumer, 0), 0);
    ck_assert_int_eq(shmq_close(consumer), 0);
    end();
}
END_TEST

/* ------------------------------------------------------------------ write intents */

static int expect_two(void *context, const struct shmq_write_intent *intent, const struct shmq_message *messages,
                      size_t count)
{
    (void)intent;
    ck_assert_uint_eq(count, 2);
    for (size_t i = 0; i < count; i++)
        ck_assert_uint_eq(number_of(&messages[i]), i);
    ++*(int *)context;
    return 0;
}

/* What was being written when its consumer died can still be compared with the file. _i: the visitor comes
 * before that is taken over; after it, as consumers do. */
START_TEST(a_visitor_gets_dropped_messages_that_were_being_written)
{
    const struct shmq_write_intent intent = {.device = 1, .inode = 2, .bytes = 100, .count = 2};
    int visits = 0;
    uint64_t positions[2];
    begin("intent", &small);
    for (uint64_t i = 0; i < 2; i++)
        positions[i] = put(i);
    struct shmq *writer = open_consumer(NULL);
    (void)lease(writer, 0);
    (void)lease(writer, 1);
    ck_assert_int_eq(shmq_set_write_intent(writer, &intent), 0);
    shmq_abandon(writer);
    expect_drop(0, positions[0]);
    struct shmq *consumer = open_consumer(NULL);
    if (_i == 1)
        (void)lease(consumer, 1);
    ck_assert_int_eq(shmq_visit_write_intents(consumer, 1, 2, expect_two, &visits), 0);
    ck_assert_int_eq(visits, 1);
    if (_i == 0)
        (void)lease(consumer, 1);
    ck_assert_int_eq(shmq_acknowledge(consumer, 1), 0);
    ck_assert_int_eq(shmq_close(consumer), 0);
    end();
}
END_TEST

/* ------------------------------------------------------------------ against consumers that take at the same time
 */

#define RACES 3000
#define AHEAD 24
#define TAKERS 2
#define NOT_ASKED 1

struct race {
    _Atomic uint32_t acknowledged[RACES];
    _Atomic int dropped[RACES]; /* what shmq_drop said */
    _Atomic uint64_t put;
    _Atomic uint64_t taken; /* the greatest number that was delivered */
    _Atomic uint32_t deaths;
};

static struct race *race;

/* A little longer than a drop takes, at the most. */
static void linger(uint64_t *random)
{
    const int64_t until = process_now_ns() + (int64_t)(plain_random(random) % 200000);
    while (process_now_ns() < until)
        sched_yield();
}

struct taker {
    struct process process;
    uint64_t random;
    uint32_t prefetch;
};

/* What a dead taker had comes later than newer ones; the producer must not wait for it. */
static void note_taken(uint64_t number)
{
    uint64_t taken = atomic_load(&race->taken);
    while (taken < number && !atomic_compare_exchange_weak(&race->taken, &taken, number))
        ;
}

/* Dies now and then with what it has leased. */
static void take_all(void *context)
{
    struct taker *taker = context;
    const struct shmq_options options = {SHMQ_OPTIONS_DEFAULTS, .prefetch = taker->prefetch};
    struct shmq *handle;
    struct shmq_message message;
    int code;
    process_require_equal(shmq_open(&handle, queue, SHMQ_CONSUMER, &options), 0);
    while ((code = shmq_lease(handle, &message, SHMQ_FOREVER)) == 0) {
        uint64_t number;
        memcpy(&number, message.data, sizeof(number));
        note_taken(number);
        if (plain_random(&taker->random) % 64 == 0)
            _exit(1);
        atomic_fetch_add(&race->acknowledged[number], 1);
        process_require_equal(shmq_acknowledge(handle, 1), 0);
        linger(&taker->random);
    }
    process_require_equal(code, -ENODATA);
    process_require_equal(shmq_close(handle), 0);
}

/* Drops what is about to be taken, until it is killed. */
static void drop_some(void *context)
{
    uint64_t random = 1;
    (void)context;
    for (;;) {
        const uint64_t number = atomic_load(&race->taken) + plain_random(&random) % 6;
        if (number < atomic_load(&race->put) && atomic_load(&race->dropped[number]) == NOT_ASKED)
            atomic_store(&race->dropped[number], shmq_drop(queue, 0, FIRST_POSITION + number));
        sched_yield();
    }
}

/* Until it ends in order, and not by its own hand. */
static void keep_taking(struct taker *taker)
{
    while (process_collect(&taker->process) != 0) {
        ck_assert_int_eq(WEXITSTATUS(taker->process.status), 1);
        atomic_fetch_add(&race->deaths, 1);
        taker->random++;
        process_start(&taker->process, take_all, taker);
    }
}

/* Puts as long as there are few; dead takers are replaced. */
static void put_all(void *context)
{
    (void)context;
    struct shmq *handle;
    process_require_equal(shmq_open(&handle, queue, SHMQ_PRODUCER, NULL), 0);
    for (uint64_t i = 0; i < RACES; i++) {
        while (i > atomic_load(&race->taken) + AHEAD)
            sched_yield();
        process_require_equal(test_queue_put(handle, i, SHMQ_FOREVER), 0);
        atomic_store(&race->put, i + 1);
    }
    process_require_equal(shmq_close(handle), 0);
}

static void expect_dropped_or_delivered(void)
{
    uint32_t counts[3] = {0};
    for (int i = 0; i < RACES; i++) {
        const int code = atomic_load(&race->dropped[i]);
        const uint32_t times = atomic_load(&race->acknowledged[i]);
        ck_assert_msg(code == 0        ? times == 0
                      : code == -EBUSY ? times <= 1
                                       : times == 1,
                      "message %d: %d, acknowledged %u times", i, code, times);
        counts[code == 0 ? 0 : code == -EBUSY ? 1 : 2]++;
    }
    (void)printf("dropped %u, taken at the same time %u, delivered %u; %u deaths\n", counts[0], counts[1],
                 counts[2], atomic_load(&race->deaths));
    ck_assert_uint_gt(counts[0], 0);
}

/* _i: prefetch of the consumers, less 1. */
START_TEST(a_message_is_dropped_or_delivered)
{
    struct taker takers[TAKERS];
    struct process dropper;
    struct process putter;
    race = process_share(sizeof(*race));
    for (int i = 0; i < RACES; i++)
        atomic_store(&race->dropped[i], NOT_ASKED);
    use_queue("race");
    ck_assert_int_eq(shmq_create(queue, &small), 0);
    for (int i = 0; i < TAKERS; i++) {
        takers[i] = (struct taker){.random = 7 + (uint64_t)i, .prefetch = 1 + 3 * (uint32_t)_i};
        process_start(&takers[i].process, take_all, &takers[i]);
    }
    process_start(&putter, put_all, NULL);
    process_start(&dropper, drop_some, NULL);
    for (int i = 0; i < TAKERS; i++)
        keep_taking(&takers[i]);
    process_expect_success(&putter);
    process_kill(&dropper);
    expect_dropped_or_delivered();
    test_queue_remove(queue);
}
END_TEST

/* ------------------------------------------------------------------ */

static const struct test tests[] = {
    TEST_GROUP("what is left", .seconds = 60),
    TEST_EACH(what_is_not_dropped_is_delivered, WAYS),
    TEST_EACH(laps_with_dropped_messages_are_gone_through, WAYS),
    TEST(only_delivered_messages_are_counted),
    TEST(a_batch_is_handed_out_up_to_a_dropped_message),
    TEST(the_room_of_dropped_messages_becomes_free),
    TEST_EACH(as_many_are_ready_as_a_lease_brings, 16),
    TEST_GROUP("what cannot be dropped"),
    TEST(only_messages_can_be_dropped),
    TEST(without_a_queue_nothing_is_dropped),
    TEST_EACH(what_a_live_consumer_has_stays, 2),
    TEST_GROUP("what the dead left"),
    TEST_EACH(of_a_dead_consumers_batch_the_rest_is_delivered, 16),
    TEST(attempts_go_with_the_message),
    TEST_EACH(a_held_message_without_a_consumer_is_dropped, 3),
    TEST(what_was_given_back_is_dropped),
    TEST_GROUP("those who wait"),
    TEST(consumers_that_wait_learn_that_the_last_held_message_is_dropped),
    TEST(a_consumer_goes_on_waiting_if_all_is_dropped),
    TEST_EACH(the_end_comes_after_dropped_messages, 2),
    TEST_EACH(where_only_dropped_messages_are_left_nothing_is_left, 2),
    TEST_GROUP("write intents"),
    TEST_EACH(a_visitor_gets_dropped_messages_that_were_being_written, 2),
    TEST_GROUP("races", .seconds = 60),
    TEST_EACH(a_message_is_dropped_or_delivered, 3),
};

TEST_SUITE("drop", tests, .seconds = 20);
