/* SPDX-License-Identifier: MIT */
/* Batches copied to other queues: each message once, whatever becomes of the mover, until the end of the stream.
 */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/queue/lane.h"
#include "common/queue/message_id.h"
#include "common/shmq.h"
#include "tests/support/harness.h"
#include "tests/support/planted.h"

#define MOST 64

static struct shmq_options small;
static struct shmq_options small_there;
static struct shmq *producer;
static struct shmq *consumer;
static struct shmq_mover *mover;
static struct shmq_message messages[MOST];
static size_t held;
static const char *name;
static char there[SHMQ_NAME_MAX + 1];
static char elsewhere[SHMQ_NAME_MAX + 1];

static void set_up(void)
{
    small = planted_small();
    small_there = small;
    small_there.lanes = 6;
    small_there.grace_ns = SHMQ_FOREVER;
    name = test_name("forward");
    (void)snprintf(there, sizeof(there), "%s", test_name("there"));
    (void)snprintf(elsewhere, sizeof(elsewhere), "%s", test_name("elsewhere"));
    producer = planted_open(name, SHMQ_PRODUCER, &small);
    consumer = planted_open(name, SHMQ_CONSUMER, &small);
    ck_assert_int_eq(shmq_mover_open(&mover, consumer, there, &small_there), 0);
    held = 0;
}

static void remove_queue(const char *queue)
{
    const int error = shmq_remove(queue, true);
    ck_assert(error == 0 || error == -ENOENT);
    ck_assert_uint_eq(test_leftovers(queue), 0);
}

static void tear_down(void)
{
    shmq_mover_close(mover);
    ck_assert_int_eq(shmq_close(producer), 0);
    ck_assert_int_eq(shmq_close(consumer), 0);
    remove_queue(name);
    remove_queue(there);
    remove_queue(elsewhere);
}

static void put_texts(const char *const *texts)
{
    for (; *texts != NULL; texts++)
        planted_put(producer, *texts);
}
#define PUT(...) put_texts((const char *const[]){__VA_ARGS__, NULL})

static void lease_all(void)
{
    ck_assert_int_eq(shmq_lease_many(consumer, messages, MOST, &held, 1000000000), 0);
}

static void forward_by(struct shmq_mover *by, size_t expected)
{
    size_t done = 99;
    ck_assert_int_eq(shmq_mover_put(by, messages, held, &done, 0), 0);
    ck_assert_uint_eq(done, expected);
}

static void forward_all(void)
{
    lease_all();
    forward_by(mover, held);
    ck_assert_int_eq(shmq_acknowledge(consumer, held), 0);
}

static struct shmq *open_reader(const char *queue)
{
    return planted_open(queue, SHMQ_CONSUMER, &small_there);
}

static void expect_next(struct shmq *reader, const char *text)
{
    struct shmq_message message;
    ck_assert_int_eq(shmq_lease(reader, &message, 1000000000), 0);
    ck_assert_uint_eq(message.length, strlen(text));
    ck_assert_mem_eq(message.data, text, message.length);
    ck_assert_int_eq(shmq_acknowledge(reader, 1), 0);
}

static void expect_end(struct shmq *reader, int end)
{
    struct shmq_message message;
    ck_assert_int_eq(shmq_lease(reader, &message, 0), end);
}

/* What is there, one after the other, and what comes then. */
static void expect_in(const char *queue, const char *const *texts, int end)
{
    struct shmq *reader = open_reader(queue);
    for (; *texts != NULL; texts++)
        expect_next(reader, *texts);
    expect_end(reader, end);
    ck_assert_int_eq(shmq_check(reader, NULL, NULL), 0);
    ck_assert_int_eq(shmq_close(reader), 0);
}
#define EXPECT(queue, end, ...) expect_in(queue, (const char *const[]){__VA_ARGS__, NULL}, end)
#define EXPECT_NOTHING(queue, end) expect_in(queue, (const char *const[]){NULL}, end)

/* ------------------------------------------------------------------ copied */

START_TEST(a_batch_is_there_and_still_here)
{
    PUT("one", "two", "three");
    lease_all();
    ck_assert_uint_eq(held, 3);
    forward_by(mover, 3);
    ck_assert_int_ne(shmq_join(consumer, 0), 0);
    ck_assert_int_eq(shmq_acknowledge(consumer, 3), 0);
    ck_assert_int_eq(shmq_join(consumer, 0), 0);
    EXPECT(there, -EAGAIN, "one", "two", "three"); /* its mover has not come to an end */
    ck_assert_int_eq(shmq_mover_finish(mover), 0);
    EXPECT_NOTHING(there, -ENODATA);
}
END_TEST

START_TEST(what_was_put_is_not_put_again)
{
    PUT("one", "two", "three");
    lease_all();
    ck_assert_int_eq(shmq_mover_put(mover, messages, 2, NULL, 0), 0);
    forward_by(mover, 3);
    forward_by(mover, 3);
    ck_assert_int_eq(shmq_acknowledge(consumer, 1), 0);
    ck_assert_int_eq(shmq_mover_put(mover, messages + 1, 2, NULL, 0), 0);
    EXPECT(there, -EAGAIN, "one", "two", "three");
}
END_TEST

START_TEST(several_queues_get_the_same)
{
    struct shmq_mover *other;
    ck_assert_int_eq(shmq_mover_open(&other, consumer, elsewhere, &small_there), 0);
    PUT("one", "two");
    lease_all();
    forward_by(mover, 2);
    forward_by(other, 2);
    ck_assert_int_eq(shmq_acknowledge(consumer, 2), 0);
    ck_assert_int_eq(shmq_mover_finish(mover), 0);
    ck_assert_int_eq(shmq_mover_finish(other), 0);
    EXPECT(there, -ENODATA, "one", "two");
    EXPECT(elsewhere, -ENODATA, "one", "two");
    shmq_mover_close(other);
}
END_TEST

START_TEST(what_is_left_out_is_not_put_later)
{
    PUT("one", "two", "three");
    lease_all();
    ck_assert_int_eq(shmq_mover_put(mover, messages, 1, NULL, 0), 0);
    ck_assert_int_eq(shmq_mover_put(mover, messages + 2, 1, NULL, 0), 0);
    forward_by(mover, 3);
    EXPECT(there, -EAGAIN, "one", "three");
}
END_TEST

/* More than a portion, round the end of both rings. */
START_TEST(long_batches_go_in_portions)
{
    struct shmq *reader;
    unsigned char data[300];
    unsigned next = 0;
    unsigned seen = 0;
    small_there.capacity_bytes = 65536;
    small_there.max_message_bytes = 4096;
    ck_assert_int_eq(shmq_create(there, &small_there), 0);
    shmq_mover_close(mover);
    ck_assert_int_eq(shmq_mover_open(&mover, consumer, there, NULL), 0);
    reader = open_reader(there);
    for (int round = 0; round < 100; round++) {
        do {
            memset(data, (int)next, sizeof(data));
        } while (shmq_put(producer, data, next % 7 == 0 ? 300 : next % 70, 0) == 0 && ++next % 100 != 0);
        while (seen < next) {
            struct shmq_message message;
            lease_all();
            forward_by(mover, held);
            ck_assert_int_eq(shmq_acknowledge(consumer, held), 0);
            for (size_t i = 0; i < held; i++, seen++) {
                ck_assert_int_eq(shmq_lease(reader, &message, 0), 0);
                ck_assert_uint_eq(message.length, seen % 7 == 0 ? 300 : seen % 70);
                memset(data, (int)seen, sizeof(data));
                ck_assert_mem_eq(message.data, data, message.length);
                ck_assert_int_eq(shmq_acknowledge(reader, 1), 0);
            }
        }
    }
    ck_assert_uint_gt(seen, 3000);
    ck_assert_int_eq(shmq_close(reader), 0);
}
END_TEST

START_TEST(a_held_message_is_copied)
{
    PUT("held");
    lease_all();
    ck_assert_int_eq(shmq_hold(consumer, messages), 0);
    forward_by(mover, 1);
    forward_by(mover, 1);
    ck_assert_int_eq(shmq_acknowledge(consumer, 1), 0);
    EXPECT(there, -EAGAIN, "held");
}
END_TEST

/* ------------------------------------------------------------------ what goes along */

static void put_with(const char *headers, enum shmq_frame frame)
{
    struct shmq_outgoing outgoing = SHMQ_OUTGOING_INIT;
    outgoing.data = "x";
    outgoing.length = 1;
    outgoing.headers = headers;
    outgoing.headers_length = strlen(headers);
    ck_assert_int_eq(shmq_set_frame(producer, frame, '|'), 0);
    ck_assert_int_eq(shmq_put_outgoing(producer, &outgoing, 1, NULL, 0), 0);
}

static void expect_headers(struct shmq *reader, const char *text, enum shmq_frame frame)
{
    struct shmq_message message;
    size_t length;
    ck_assert_int_eq(shmq_lease(reader, &message, 0), 0);
    const char *headers = shmq_message_headers(&message, &length);
    ck_assert_uint_eq(length, strlen(text));
    ck_assert_mem_eq(headers, text, length);
    ck_assert_uint_eq(message.length, 1);
    ck_assert_mem_eq(message.data, "x", 1);
    ck_assert_uint_eq(message.frame, frame);
    ck_assert_uint_eq(message.delimiter, frame == SHMQ_FRAME_DELIMITER ? '|' : 0);
    ck_assert_int_eq(shmq_acknowledge(reader, 1), 0);
}

START_TEST(framing_and_headers_go_along_with_the_id)
{
    char id[3][SHMQ_ID_SIZE];
    char text[128];
    put_with("", SHMQ_FRAME_DELIMITER);
    put_with("Why: because\n", SHMQ_FRAME_LENGTH32);
    put_with("A: b\nshmq-id: first-1-2\nC: d\n", SHMQ_FRAME_NONE);
    lease_all();
    for (size_t i = 0; i < 3; i++)
        shmq_message_id(consumer, &messages[i], id[i]);
    forward_by(mover, 3);
    ck_assert_int_eq(shmq_acknowledge(consumer, 3), 0);
    struct shmq *reader = open_reader(there);
    (void)snprintf(text, sizeof(text), "Shmq-Id: %s\n", id[0]);
    expect_headers(reader, text, SHMQ_FRAME_DELIMITER);
    (void)snprintf(text, sizeof(text), "Why: because\nShmq-Id: %s\n", id[1]);
    expect_headers(reader, text, SHMQ_FRAME_LENGTH32);
    expect_headers(reader, "A: b\nshmq-id: first-1-2\nC: d\n", SHMQ_FRAME_NONE);
    ck_assert_int_eq(shmq_close(reader), 0);
}
END_TEST

START_TEST(an_id_is_written_as_printf_would)
{
    char text[64];
    char expected[64];
    for (int digits = 0; digits < 20; digits++) {
        uint64_t number = 1;
        for (int i = 0; i < digits; i++)
            number *= 10;
        for (int i = -1; i <= 1; i++) {
            const uint64_t one = number + (uint64_t)(int64_t)i;
            text[message_id_write_position(text, one)] = '\0';
            (void)snprintf(expected, sizeof(expected), "%llu", (unsigned long long)one);
            ck_assert_str_eq(text, expected);
            size_t length = message_id_write_batch(text, one * 977, (uint32_t)one);
            text[length] = '\0';
            (void)snprintf(expected, sizeof(expected), "%016llx-%u-", (unsigned long long)(one * 977),
                           (unsigned)(uint32_t)one);
            ck_assert_str_eq(text, expected);
            ck_assert_uint_le(length, MESSAGE_ID_BATCH_BYTES);
        }
    }
    ck_assert_uint_eq(message_id_write_position(text, UINT64_MAX), MESSAGE_ID_POSITION_BYTES);
}
END_TEST

/* ------------------------------------------------------------------ refused */

START_TEST(a_full_destination_is_back_pressure)
{
    size_t done;
    struct shmq *reader = open_reader(there);
    for (int i = 0; i < 40; i++)
        planted_put(producer, "x");
    lease_all();
    ck_assert_uint_gt(held, 10);
    size_t put = 0;
    int code = 0;
    while (code == 0 && put < 1000) {
        code = shmq_mover_put(mover, messages, held, &done, 0);
        put += done;
        if (code == 0) {
            ck_assert_int_eq(shmq_acknowledge(consumer, held), 0);
            for (size_t i = 0; i < held; i++)
                planted_put(producer, "x");
            lease_all();
        }
    }
    ck_assert_int_eq(code, -EAGAIN);
    ck_assert_uint_eq(put, 32); /* a lane of 64 cells, two each */
    ck_assert_int_eq(shmq_mover_put(mover, messages, held, &done, 2000000), -ETIMEDOUT);
    for (int i = 0; i < 32; i++)
        expect_next(reader, "x");
    forward_by(mover, held);
    for (size_t i = 0; i < held - done; i++)
        expect_next(reader, "x");
    expect_end(reader, -EAGAIN);
    ck_assert_int_eq(shmq_close(reader), 0);
}
END_TEST

START_TEST(without_a_free_lane_there_it_waits)
{
    struct shmq *others[6];
    size_t done = 1;
    for (int i = 0; i < 6; i++)
        others[i] = planted_open(there, SHMQ_PRODUCER, &small_there);
    PUT("x");
    lease_all();
    ck_assert_int_eq(shmq_mover_put(mover, messages, 1, &done, 0), -EUSERS);
    ck_assert_uint_eq(done, 0);
    ck_assert_int_eq(shmq_mover_put(mover, NULL, 0, NULL, 2000000), -EUSERS);
    ck_assert_int_eq(shmq_mover_finish(mover), -EBUSY);
    ck_assert_int_eq(shmq_close(others[0]), 0);
    forward_by(mover, 1);
    for (int i = 1; i < 6; i++)
        ck_assert_int_eq(shmq_close(others[i]), 0);
}
END_TEST

START_TEST(a_message_that_is_too_long_stops_the_batch)
{
    char data[512] = "";
    size_t done;
    struct shmq_options narrow = small_there;
    narrow.max_message_bytes = sizeof(data);
    ck_assert_int_eq(shmq_create(there, &narrow), 0);
    shmq_mover_close(mover);
    ck_assert_int_eq(shmq_mover_open(&mover, consumer, there, NULL), 0);
    PUT("one", "two");
    ck_assert_int_eq(shmq_put(producer, data, sizeof(data), 0), 0); /* fits, but not with its id */
    PUT("four");
    lease_all();
    ck_assert_uint_eq(held, 4);
    ck_assert_int_eq(shmq_mover_put(mover, messages, 4, &done, 0), -EMSGSIZE);
    ck_assert_uint_eq(done, 2);
    ck_assert_int_eq(shmq_mover_put(mover, messages, 4, &done, 0), -EMSGSIZE);
    ck_assert_uint_eq(done, 2);
    ck_assert_int_eq(shmq_mover_put(mover, messages + 3, 1, &done, 0), 0);
    EXPECT(there, -EAGAIN, "one", "two", "four");
}
END_TEST

START_TEST(only_what_is_held_is_copied)
{
    struct shmq_message other;
    size_t done = 1;
    PUT("one", "two", "three");
    ck_assert_int_eq(shmq_mover_put(mover, messages, 1, &done, 0), -EINVAL);
    lease_all();
    ck_assert_int_eq(shmq_mover_put(mover, messages, held + 1, &done, 0), -EINVAL);
    ck_assert_int_eq(shmq_mover_put(mover, NULL, 1, &done, 0), -EINVAL);
    ck_assert_int_eq(shmq_mover_put(NULL, messages, 1, &done, 0), -EINVAL);
    other = messages[0];
    other.position++;
    ck_assert_int_eq(shmq_acknowledge(consumer, 1), 0);
    ck_assert_int_eq(shmq_mover_put(mover, messages, 1, &done, 0), -EINVAL);
    other = messages[1];
    other.lane++;
    ck_assert_int_eq(shmq_mover_put(mover, &other, 1, &done, 0), -EINVAL);
    other = messages[1];
    other.position += 100;
    ck_assert_int_eq(shmq_mover_put(mover, &other, 1, &done, 0), -EINVAL);
    other = messages[1];
    other.frame = 3;
    ck_assert_int_eq(shmq_mover_put(mover, &other, 1, &done, 0), -EINVAL);
    const struct shmq_message twice[2] = {messages[1], messages[1]};
    ck_assert_int_eq(shmq_mover_put(mover, twice, 2, &done, 0), -EINVAL);
    ck_assert_uint_eq(done, 1);
    EXPECT(there, -EAGAIN, "two");
}
END_TEST

START_TEST(a_destination_that_goes_away_gets_nothing)
{
    size_t done = 1;
    shmq_mover_close(mover);
    ck_assert_int_eq(shmq_mover_open(&mover, consumer, there, NULL), 0);
    PUT("one", "two", "three", "four");
    lease_all();
    ck_assert_int_eq(shmq_mover_put(mover, messages, 1, &done, 0), -ENOENT); /* without .create */
    ck_assert_uint_eq(done, 0);
    ck_assert_int_eq(shmq_create(there, &small_there), 0);
    ck_assert_int_eq(shmq_mover_put(mover, messages, 1, &done, 0), 0);
    ck_assert_int_eq(shmq_remove(there, true), 0);
    ck_assert_int_eq(shmq_mover_put(mover, messages, 2, &done, 0), -ESTALE);
    ck_assert_uint_eq(done, 0);
    ck_assert_int_eq(shmq_create(there, &small_there), 0); /* another one: it gets all that is held */
    ck_assert_int_eq(shmq_mover_put(mover, messages, 3, &done, 0), 0);
    EXPECT(there, -EAGAIN, "one", "two", "three");
    ck_assert_int_eq(shmq_shutdown(there, SHMQ_DRAIN), 0);
    ck_assert_int_eq(shmq_mover_put(mover, messages, 4, &done, 0), -ESHUTDOWN);
    ck_assert_uint_eq(done, 3);
    ck_assert_int_eq(shmq_remove(there, true), 0);
    ck_assert_int_eq(shmq_mover_put(mover, NULL, 0, NULL, 0), -ESTALE); /* seen also while nothing comes */
    ck_assert_int_ne(shmq_join(consumer, 0), 0);
}
END_TEST

/* ------------------------------------------------------------------ lanes and the end */

static uint64_t finishes_there(void)
{
    struct shmq *observer = planted_open(there, SHMQ_OBSERVER, NULL);
    struct shmq_stat stat = SHMQ_STAT_INIT;
    ck_assert_int_eq(shmq_stat(observer, &stat), 0);
    ck_assert_int_eq(shmq_close(observer), 0);
    return stat.finished;
}

static void open_lane_there(void)
{
    ck_assert_int_eq(shmq_mover_put(mover, NULL, 0, NULL, 0), 0);
}

START_TEST(a_mover_without_messages_is_waited_for)
{
    struct shmq *other = planted_open(there, SHMQ_PRODUCER, &small_there);
    open_lane_there();
    ck_assert_int_eq(shmq_close(other), 0);
    EXPECT_NOTHING(there, -EAGAIN);
    ck_assert_int_eq(shmq_mover_finish(mover), 0);
    EXPECT_NOTHING(there, -ENODATA);
    ck_assert_uint_eq(finishes_there(), 2);
    ck_assert_int_eq(shmq_mover_finish(mover), 0); /* once more, as a producer that comes again */
    ck_assert_uint_eq(finishes_there(), 3);
}
END_TEST

START_TEST(a_mover_that_put_nothing_leaves_no_trace)
{
    struct shmq *other = planted_open(there, SHMQ_PRODUCER, &small_there);
    open_lane_there();
    shmq_mover_close(mover);
    mover = NULL;
    ck_assert_int_eq(shmq_close(other), 0);
    EXPECT_NOTHING(there, -ENODATA);
    ck_assert_uint_eq(finishes_there(), 1);
}
END_TEST

/* One that is stopped has not come to the end of its source. */
START_TEST(a_mover_that_is_closed_early_leaves_its_lane_unfinished)
{
    PUT("one");
    forward_all();
    shmq_mover_close(mover);
    EXPECT(there, -EAGAIN, "one");
    ck_assert_int_eq(shmq_mover_open(&mover, consumer, there, &small_there), 0);
    ck_assert_int_eq(shmq_mover_finish(mover), 0);
    EXPECT_NOTHING(there, -ENODATA);
    ck_assert_uint_eq(finishes_there(), 1);
}
END_TEST

START_TEST(nothing_is_finished_while_messages_are_leased)
{
    PUT("one", "two");
    lease_all();
    ck_assert_int_eq(shmq_mover_finish(mover), -EBUSY);
    forward_by(mover, 2);
    ck_assert_int_eq(shmq_mover_finish(mover), -EBUSY);
    ck_assert_int_eq(shmq_acknowledge(consumer, 2), 0);
    ck_assert_int_eq(shmq_mover_finish(mover), 0);
    ck_assert_int_eq(shmq_mover_finish(NULL), -EINVAL);
}
END_TEST

/* Another consumer gets at once what was given back, and moves it through the lane of the seat that it is in. */
static void take_over(size_t expected)
{
    struct shmq *other = planted_open(name, SHMQ_CONSUMER, &small);
    struct shmq_mover *own;
    size_t done;
    ck_assert_int_eq(shmq_mover_open(&own, other, there, &small_there), 0);
    ck_assert_int_eq(shmq_lease_many(other, messages, MOST, &held, 1000000000), 0);
    ck_assert_uint_eq(held, expected);
    ck_assert_int_eq(shmq_mover_put(own, messages, held, &done, 0), 0);
    ck_assert_int_eq(shmq_acknowledge(other, held), 0);
    shmq_mover_close(own);
    ck_assert_int_eq(shmq_close(other), 0);
}

START_TEST(the_lane_of_a_seat_that_is_left_is_let_go)
{
    PUT("one", "two", "three");
    lease_all();
    ck_assert_int_eq(shmq_mover_put(mover, messages, 2, NULL, 0), 0);
    ck_assert_int_eq(shmq_acknowledge(consumer, 1), 0);
    ck_assert_int_eq(shmq_release(consumer), 0); /* the mover does not hear of it otherwise */
    take_over(2);
    EXPECT(there, -EAGAIN, "one", "two", "three");
    PUT("four");
    forward_all();
    EXPECT(there, -EAGAIN, "four");
    ck_assert_int_eq(shmq_mover_finish(mover), 0);
    EXPECT_NOTHING(there, -ENODATA);
}
END_TEST

START_TEST(a_message_put_aside_is_put_once)
{
    struct shmq_aside aside = SHMQ_ASIDE_INIT;
    PUT("one");
    lease_all();
    forward_by(mover, 1);
    ck_assert_int_eq(shmq_put_aside(consumer, &aside), 0);
    PUT("two");
    for (int i = 0; i < 2; i++)
        forward_all(); /* what was aside comes first, through the lane of its seat */
    ck_assert_int_eq(shmq_join(consumer, 0), 0);
    ck_assert_int_eq(shmq_mover_finish(mover), 0);
    EXPECT(there, -ENODATA, "one", "two");
}
END_TEST

START_TEST(dropped_messages_are_left_out)
{
    PUT("one", "two", "three", "four", "five");
    lease_all();
    ck_assert_int_eq(shmq_mover_put(mover, messages, 1, NULL, 0), 0);
    ck_assert_int_eq(shmq_release(consumer), 0);
    ck_assert_int_eq(shmq_drop(name, messages[2].lane, messages[2].position), 0);
    ck_assert_int_eq(shmq_drop(name, messages[3].lane, messages[3].position), 0);
    forward_all(); /* in runs */
    ck_assert_uint_eq(held, 2);
    forward_all();
    ck_assert_uint_eq(held, 1);
    EXPECT(there, -EAGAIN, "one", "two", "five");
}
END_TEST

/* A single move of a message of the batch knows what was put, and the other way round. */
START_TEST(single_moves_and_batches_agree)
{
    PUT("one", "two", "three");
    lease_all();
    ck_assert_int_eq(shmq_mover_put(mover, messages, 2, NULL, 0), 0);
    ck_assert_int_eq(shmq_move(mover, NULL, 0, 0), 0);
    ck_assert_int_eq(shmq_move(mover, NULL, 0, 0), 0);
    ck_assert_int_eq(shmq_mover_put(mover, messages + 2, 1, NULL, 0), 0);
    bool moved = false;
    ck_assert_int_eq(shmq_complete_move(mover, &moved, 0), 0);
    ck_assert(moved);
    ck_assert_int_eq(shmq_join(consumer, 0), 0);
    EXPECT(there, -ENODATA, "one", "two", "three");
}
END_TEST

/* ------------------------------------------------------------------ death in between */

/* Puts so many of its batch, acknowledges so many, and dies. */
struct death {
    size_t leased;
    size_t put;
    size_t acknowledged;
};

static int die(void *context)
{
    const struct death *death = context;
    struct shmq *handle;
    struct shmq_mover *own;
    size_t count;
    if (shmq_open(&handle, name, SHMQ_CONSUMER, &small) != 0 ||
        shmq_lease_many(handle, messages, death->leased, &count, 0) != 0 || count != death->leased ||
        shmq_mover_open(&own, handle, there, &small_there) != 0)
        return 1;
    if (shmq_mover_put(own, messages, death->put, NULL, 0) != 0 ||
        shmq_acknowledge(handle, death->acknowledged) != 0)
        return 2;
    _exit(0);
}

static void let_die(size_t leased, size_t put, size_t acknowledged)
{
    struct death death = {leased, put, acknowledged};
    planted_in_child(die, &death, 0, 0);
}

static void leave_consumer(void)
{
    shmq_mover_close(mover);
    ck_assert_int_eq(shmq_close(consumer), 0);
}

static void come_again(void)
{
    consumer = planted_open(name, SHMQ_CONSUMER, &small);
    ck_assert_int_eq(shmq_mover_open(&mover, consumer, there, &small_there), 0);
}

static void forward_the_rest(void)
{
    while (shmq_join(consumer, 0) != 0)
        forward_all();
}

/* 0: another consumer takes over, 1: one that sits down in the dead one's seat */
static void die_with_two_of_three(int _i)
{
    if (_i == 1)
        leave_consumer();
    else
        small.prefetch = 0;
    PUT("one", "two", "three", "four", "five", "six");
    let_die(3, 2, 0);
    if (_i == 1)
        come_again();
}

START_TEST(what_a_dead_mover_put_is_not_put_again)
{
    die_with_two_of_three(_i);
    EXPECT(there, -EAGAIN, "one", "two"); /* its lane is unfinished: nobody comes to an end */
    forward_the_rest();
    EXPECT(there, -EAGAIN, "three", "four", "five", "six");
    ck_assert_int_eq(shmq_mover_finish(mover), 0);
    EXPECT_NOTHING(there, -ENODATA);
    ck_assert_uint_eq(finishes_there(), _i == 1 ? 1 : 2);
}
END_TEST

START_TEST(others_do_not_take_a_dead_movers_lane)
{
    die_with_two_of_three(_i);
    struct shmq *others[5];
    for (int i = 0; i < 5; i++)
        others[i] = planted_open(there, SHMQ_PRODUCER, &small_there);
    for (int i = 0; i < 5; i++)
        ck_assert_int_eq(shmq_close(others[i]), 0);
    forward_the_rest();
    ck_assert_int_eq(shmq_mover_finish(mover), 0);
    struct shmq *reader = open_reader(there);
    for (int i = 0; i < 6; i++) {
        struct shmq_message message;
        ck_assert_int_eq(shmq_lease(reader, &message, 0), 0);
        ck_assert_int_eq(shmq_acknowledge(reader, 1), 0);
    }
    expect_end(reader, -ENODATA);
    ck_assert_int_eq(shmq_close(reader), 0);
}
END_TEST

START_TEST(the_cursor_of_an_older_batch_holds_nothing_up)
{
    leave_consumer();
    PUT("one", "two", "three");
    let_die(3, 3, 3);
    PUT("four");
    let_die(1, 0, 0);
    come_again();
    forward_the_rest();
    EXPECT(there, -EAGAIN, "one", "two", "three", "four");
}
END_TEST

START_TEST(a_new_destination_gets_what_is_not_acknowledged)
{
    die_with_two_of_three(_i);
    ck_assert_int_eq(shmq_remove(there, true), 0);
    forward_the_rest();
    EXPECT(there, -EAGAIN, "one", "two", "three", "four", "five", "six");
}
END_TEST

/* One that ends first finishes the lanes of the dead, but not those of the living. */
START_TEST(the_last_mover_leaves_no_lane_unfinished)
{
    struct shmq *other = planted_open(name, SHMQ_CONSUMER, &small);
    struct shmq_mover *own;
    ck_assert_int_eq(shmq_mover_open(&own, other, there, &small_there), 0);
    ck_assert_int_eq(shmq_mover_put(own, NULL, 0, NULL, 0), 0);
    for (int i = 0; i < 2; i++) {
        PUT("x");
        let_die(1, 1, 1);
    }
    EXPECT(there, -EAGAIN, "x", "x");
    ck_assert_int_eq(shmq_mover_finish(mover), 0);
    EXPECT_NOTHING(there, -EAGAIN);
    PUT("y");
    lease_all();
    forward_by(mover, 1); /* it is not the end yet */
    ck_assert_int_eq(shmq_acknowledge(consumer, 1), 0);
    ck_assert_int_eq(shmq_mover_finish(own), 0);
    EXPECT(there, -EAGAIN, "y");
    ck_assert_int_eq(shmq_mover_finish(mover), 0);
    EXPECT_NOTHING(there, -ENODATA);
    shmq_mover_close(own);
    ck_assert_int_eq(shmq_close(other), 0);
}
END_TEST

/* Its cursor is needed by whoever takes over. */
START_TEST(a_dead_movers_lane_is_not_finished_before_its_batch)
{
    PUT("one", "two", "three", "four", "five", "six");
    let_die(3, 2, 0);
    ck_assert_int_eq(shmq_mover_finish(mover), 0); /* nobody has taken it over yet */
    EXPECT(there, -EAGAIN, "one", "two");
    struct shmq_mover *other;
    struct shmq *late = planted_open(name, SHMQ_CONSUMER, &small); /* in the dead one's seat */
    ck_assert_int_eq(shmq_mover_open(&other, late, there, &small_there), 0);
    ck_assert_int_eq(shmq_mover_finish(other), -EBUSY);
    shmq_mover_close(other);
    ck_assert_int_eq(shmq_close(late), 0);
    forward_the_rest();
    ck_assert_int_eq(shmq_mover_finish(mover), 0);
    EXPECT(there, -ENODATA, "three", "four", "five", "six");
}
END_TEST

/* ------------------------------------------------------------------ cursors that are still needed */

/* Others take all lanes there that are to be had, and forget whose they were. */
static void take_all_lanes_there(void)
{
    struct shmq *others[6];
    size_t count = 0;
    for (; count < COUNT(others); count++) {
        struct shmq_options options = small_there;
        options.source_id = 1000 + count;
        if (shmq_open(&others[count], there, SHMQ_PRODUCER, &options) != 0)
            break;
    }
    while (count-- > 0)
        ck_assert_int_eq(shmq_close(others[count]), 0);
}

/* 0: the rest of the batch is not handed out yet, but a dead one has put a part of it; 1: it has not */
START_TEST(nothing_is_finished_while_the_batch_needs_it)
{
    leave_consumer();
    PUT("one", "two", "three");
    let_die(3, _i == 0 ? 2 : 1, 0);
    come_again();
    ck_assert_int_eq(shmq_lease(consumer, &messages[0], 0), 0);
    held = 1;
    forward_by(mover, 1);
    ck_assert_int_eq(shmq_acknowledge(consumer, 1), 0);
    ck_assert_int_eq(shmq_mover_finish(mover), _i == 0 ? -EBUSY : 0);
    take_all_lanes_there();
    forward_the_rest();
    EXPECT(there, -EAGAIN, "one", "two", "three");
}
END_TEST

/* 0: it is moved, 1: its move is completed */
START_TEST(a_single_move_leaves_the_cursor_to_the_batch)
{
    bool moved = true;
    PUT("one", "two", "three");
    lease_all();
    ck_assert_int_eq(shmq_mover_put(mover, messages, 2, NULL, 0), 0);
    if (_i == 0)
        ck_assert_int_eq(shmq_move(mover, NULL, 0, 0), 0);
    else
        ck_assert_int_eq(shmq_complete_move(mover, &moved, 0), 0);
    ck_assert(moved);
    take_all_lanes_there();
    ck_assert_int_eq(shmq_mover_put(mover, messages + 1, 2, NULL, 0), 0);
    ck_assert_int_eq(shmq_acknowledge(consumer, 2), 0);
    EXPECT(there, -EAGAIN, "one", "two", "three");
}
END_TEST

/* Comes between the look at a dead mover's lane and the lock of its byte. */
static void (*comes_between)(void);

int __real_lane_finish_dead(struct shmq *handle, uint32_t lane, int64_t wait_ns, lane_may_finish *may,
                            const void *context);
int __wrap_lane_finish_dead(struct shmq *handle, uint32_t lane, int64_t wait_ns, lane_may_finish *may,
                            const void *context);

int __wrap_lane_finish_dead(struct shmq *handle, uint32_t lane, int64_t wait_ns, lane_may_finish *may,
                            const void *context)
{
    void (*const come)(void) = comes_between;
    comes_between = NULL;
    if (come != NULL)
        come();
    return __real_lane_finish_dead(handle, lane, wait_ns, may, context);
}

/* In the dead one's seat, and dies there, too. */
static void put_two_of_three(void)
{
    let_die(3, 2, 0);
}

START_TEST(a_lane_that_was_taken_up_meanwhile_is_not_finished)
{
    PUT("x");
    let_die(1, 1, 1);
    EXPECT(there, -EAGAIN, "x");
    PUT("one", "two", "three", "four", "five", "six");
    comes_between = put_two_of_three;
    ck_assert_int_eq(shmq_mover_finish(mover), 0);
    ck_assert(comes_between == NULL);
    EXPECT(there, -EAGAIN, "one", "two"); /* nobody comes to an end */
    take_all_lanes_there();
    forward_the_rest();
    EXPECT(there, -EAGAIN, "three", "four", "five", "six");
    ck_assert_int_eq(shmq_mover_finish(mover), 0);
    EXPECT_NOTHING(there, -ENODATA);
}
END_TEST

static const struct test tests[] = {
    TEST_GROUP("copied"),
    TEST(a_batch_is_there_and_still_here),
    TEST(what_was_put_is_not_put_again),
    TEST(several_queues_get_the_same),
    TEST(what_is_left_out_is_not_put_later),
    TEST(long_batches_go_in_portions),
    TEST(a_held_message_is_copied),
    TEST_GROUP("what goes along"),
    TEST(framing_and_headers_go_along_with_the_id),
    TEST(an_id_is_written_as_printf_would),
    TEST_GROUP("refused"),
    TEST(a_full_destination_is_back_pressure),
    TEST(without_a_free_lane_there_it_waits),
    TEST(a_message_that_is_too_long_stops_the_batch),
    TEST(only_what_is_held_is_copied),
    TEST(a_destination_that_goes_away_gets_nothing),
    TEST_GROUP("lanes and the end"),
    TEST(a_mover_without_messages_is_waited_for),
    TEST(a_mover_that_put_nothing_leaves_no_trace),
    TEST(a_mover_that_is_closed_early_leaves_its_lane_unfinished),
    TEST(nothing_is_finished_while_messages_are_leased),
    TEST(the_lane_of_a_seat_that_is_left_is_let_go),
    TEST(a_message_put_aside_is_put_once),
    TEST(dropped_messages_are_left_out),
    TEST(single_moves_and_batches_agree),
    TEST_GROUP("death in between"),
    TEST_EACH(what_a_dead_mover_put_is_not_put_again, 2),
    TEST_EACH(others_do_not_take_a_dead_movers_lane, 2),
    TEST(the_cursor_of_an_older_batch_holds_nothing_up),
    TEST_EACH(a_new_destination_gets_what_is_not_acknowledged, 2),
    TEST(the_last_mover_leaves_no_lane_unfinished),
    TEST(a_dead_movers_lane_is_not_finished_before_its_batch),
    TEST_GROUP("cursors that are still needed"),
    TEST_EACH(nothing_is_finished_while_the_batch_needs_it, 2),
    TEST_EACH(a_single_move_leaves_the_cursor_to_the_batch, 2),
    TEST(a_lane_that_was_taken_up_meanwhile_is_not_finished),
};

TEST_SUITE("forward", tests, .seconds = 20, .set_up = set_up, .tear_down = tear_down);
