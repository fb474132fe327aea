/* SPDX-License-Identifier: MIT */
/* Header blocks of messages: what goes in comes out, whatever way it takes, and what was damaged is refused. */
#include <check.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/core/header_block.h"
#include "common/core/ring.h"
#include "common/shmq.h"
#include "tests/support/harness.h"
#include "tests/support/planted.h"

#define LARGEST 1000u

static struct shmq_options small;
static struct shmq *producer;
static struct shmq *consumer;
static const char *name;

static void set_up(void)
{
    small = planted_small();
    small.max_message_bytes = LARGEST;
    name = test_name("headers");
    producer = planted_open(name, SHMQ_PRODUCER, &small);
    consumer = planted_open(name, SHMQ_CONSUMER, &small);
}

static void tear_down(void)
{
    ck_assert_int_eq(shmq_close(producer), 0);
    ck_assert_int_eq(shmq_close(consumer), 0);
    ck_assert_int_eq(shmq_remove(name, true), 0);
    ck_assert_uint_eq(test_leftovers(name), 0);
}

static int put(const char *headers, const void *data, size_t length)
{
    struct shmq_outgoing message = SHMQ_OUTGOING_INIT;
    message.data = data;
    message.length = length;
    message.headers = headers;
    message.headers_length = strlen(headers);
    return shmq_put_outgoing(producer, &message, 1, NULL, 0);
}

static int put_text(const char *headers, const char *text)
{
    return put(headers, text, strlen(text));
}

static void expect_message(const struct shmq_message *message, const char *headers, const char *text)
{
    size_t length = 77;
    const char *found = shmq_message_headers(message, &length);
    ck_assert_uint_eq(length, strlen(headers));
    ck_assert_uint_eq(message->headers_length, strlen(headers));
    if (*headers == '\0')
        ck_assert_ptr_null(found);
    else
        ck_assert_mem_eq(found, headers, length);
    ck_assert_uint_eq(message->length, strlen(text));
    ck_assert_mem_eq(message->data, text, message->length);
    ck_assert_uint_eq((uintptr_t)message->data % 64, 0);
}

static void expect_next(const char *headers, const char *text)
{
    struct shmq_message message;
    ck_assert_int_eq(shmq_lease(consumer, &message, 0), 0);
    expect_message(&message, headers, text);
    ck_assert_int_eq(shmq_acknowledge(consumer, 1), 0);
}

/* ------------------------------------------------------------------ there and back */

START_TEST(headers_come_along_with_their_message)
{
    ck_assert_int_eq(put_text("Name: value\n", "payload"), 0);
    planted_put(producer, "plain");
    ck_assert_int_eq(put_text("A:\nb-2: two: colons\n", ""), 0);
    ck_assert_int_eq(put_text("", "none"), 0);
    expect_next("Name: value\n", "payload");
    expect_next("", "plain");
    expect_next("A:\nb-2: two: colons\n", "");
    expect_next("", "none");
}
END_TEST

/* Blocks and payloads that end before, at and behind the end of a cell. */
START_TEST(every_length_comes_out_as_it_went_in)
{
    char headers[200];
    char text[200];
    memset(headers, 'v', sizeof(headers));
    memset(text, 't', sizeof(text));
    memcpy(headers, "N:", 2);
    for (size_t h = 3; h < sizeof(headers) - 1; h++) {
        headers[h - 1] = '\n';
        headers[h] = '\0';
        for (size_t t = 0; t < 130; t += t < 62 || t > 66 ? 13 : 1) {
            text[t] = '\0';
            ck_assert_int_eq(put_text(headers, text), 0);
            planted_put(producer, "next");
            expect_next(headers, text);
            expect_next("", "next");
            text[t] = 't';
        }
        headers[h - 1] = 'v';
        headers[h] = 'v';
    }
}
END_TEST

START_TEST(a_batch_may_mix_messages_with_headers_and_without)
{
    struct shmq_message messages[8];
    size_t count;
    for (unsigned mix = 0; mix < 1u << 6; mix++) {
        for (unsigned i = 0; i < 6; i++)
            ck_assert_int_eq(put_text((mix >> i & 1) != 0 ? "H: x\n" : "", i % 2 == 0 ? "even" : "odd"), 0);
        ck_assert_int_eq(shmq_lease_many(consumer, messages, 8, &count, 0), 0);
        ck_assert_uint_eq(count, 6);
        for (unsigned i = 0; i < 6; i++) {
            expect_message(&messages[i], (mix >> i & 1) != 0 ? "H: x\n" : "", i % 2 == 0 ? "even" : "odd");
            ck_assert_uint_eq(messages[i].attempts, 0);
            ck_assert_uint_eq(messages[i].lane, messages[0].lane);
            if (i > 0)
                ck_assert_uint_gt(messages[i].position, messages[i - 1].position);
        }
        ck_assert_int_eq(shmq_acknowledge(consumer, count), 0);
    }
}
END_TEST

START_TEST(a_batch_with_headers_is_put_together)
{
    struct shmq_outgoing batch[100];
    size_t done = 0;
    for (size_t i = 0; i < 100; i++)
        batch[i] = (struct shmq_outgoing){.size = sizeof(batch[0]),
                                          .data = "x",
                                          .length = 1,
                                          .headers = i % 3 == 0 ? "A: b\n" : NULL,
                                          .headers_length = i % 3 == 0 ? 5 : 0};
    ck_assert_int_eq(shmq_put_outgoing(producer, batch, 100, &done, 0), -EAGAIN); /* 64 cells */
    ck_assert_uint_ge(done, 30);
    ck_assert_uint_lt(done, 100);
    for (size_t i = 0; i < done; i++)
        expect_next(i % 3 == 0 ? "A: b\n" : "", "x");
    ck_assert_int_eq(shmq_put_outgoing(producer, batch, 0, &done, 0), 0);
    ck_assert_uint_eq(done, 0);
}
END_TEST

/* The stream is what the source had: headers are not of it. */
START_TEST(headers_are_no_part_of_the_stream)
{
    struct shmq_message message;
    struct shmq_stat stat = SHMQ_STAT_INIT;
    ck_assert_int_eq(shmq_set_frame(producer, SHMQ_FRAME_DELIMITER, ';'), 0);
    ck_assert_int_eq(put_text("H: x\n", "abc"), 0);
    ck_assert_int_eq(shmq_set_frame(producer, SHMQ_FRAME_LENGTH32, 0), 0);
    ck_assert_int_eq(put_text("H: y\n", "de"), 0);
    planted_put(producer, "f");
    ck_assert_int_eq(shmq_stat(consumer, &stat), 0);
    ck_assert_uint_eq(stat.message_bytes, 6);
    ck_assert_uint_eq(stat.put_bytes, 6 + 1 + 4 + 4);
    ck_assert_int_eq(shmq_lease(consumer, &message, 0), 0);
    ck_assert_uint_eq(message.stream_offset, 0);
    ck_assert_uint_eq(message.frame, SHMQ_FRAME_DELIMITER);
    ck_assert_uint_eq(message.delimiter, ';');
    ck_assert_int_eq(shmq_lease(consumer, &message, 0), 0);
    ck_assert_uint_eq(message.stream_offset, 4);
    ck_assert_uint_eq(message.frame, SHMQ_FRAME_LENGTH32);
    ck_assert_uint_eq(message.delimiter, 0);
    ck_assert_int_eq(shmq_lease(consumer, &message, 0), 0);
    ck_assert_uint_eq(message.stream_offset, 10);
    ck_assert_int_eq(shmq_check(consumer, NULL, NULL), 0);
    ck_assert_int_eq(shmq_acknowledge(consumer, 3), 0);
    struct shmq_seat_stat seat = SHMQ_SEAT_STAT_INIT;
    ck_assert_int_eq(shmq_stat_seat(consumer, 0, &seat), 0);
    ck_assert_uint_eq(seat.delivered_bytes, 6);
}
END_TEST

START_TEST(get_copies_the_payload_alone)
{
    char buffer[80];
    size_t length = 0;
    ck_assert_int_eq(
        put_text("Header: of a length that is more than a cell, which is what it takes here\n", "abc"), 0);
    ck_assert_int_eq(put_text("H: x\n", ""), 0);
    planted_put(producer, "last");
    ck_assert_int_eq(shmq_get(consumer, buffer, 2, &length, 0), -ENOBUFS);
    ck_assert_uint_eq(length, 3);
    ck_assert_int_eq(shmq_get(consumer, buffer, 3, &length, 0), 0);
    ck_assert_uint_eq(length, 3);
    ck_assert_mem_eq(buffer, "abc", 3);
    ck_assert_int_eq(shmq_get(consumer, buffer, sizeof(buffer), &length, 0), 0);
    ck_assert_uint_eq(length, 0);
    ck_assert_int_eq(shmq_get(consumer, buffer, sizeof(buffer), &length, 0), 0);
    ck_assert_uint_eq(length, 4);
}
END_TEST

START_TEST(a_held_message_keeps_its_headers)
{
    struct shmq_message message;
    struct shmq_seat_stat seat = SHMQ_SEAT_STAT_INIT;
    struct shmq_stat stat = SHMQ_STAT_INIT;
    ck_assert_int_eq(put_text("First: 1\n", "one"), 0);
    ck_assert_int_eq(put_text("Second: 2\n", "other"), 0);
    ck_assert_int_eq(shmq_lease(consumer, &message, 0), 0);
    ck_assert_int_eq(shmq_lease(consumer, &message, 0), 0);
    ck_assert_int_eq(shmq_acknowledge(consumer, 1), 0);
    ck_assert_int_eq(shmq_hold(consumer, &message), 0);
    expect_message(&message, "Second: 2\n", "other");
    ck_assert_int_eq(shmq_stat(consumer, &stat), 0);
    ck_assert_uint_eq(stat.message_bytes, 5);
    ck_assert_int_eq(shmq_close(consumer), 0);
    consumer = planted_open(name, SHMQ_CONSUMER, &small);
    ck_assert_int_eq(shmq_lease(consumer, &message, 0), 0);
    expect_message(&message, "Second: 2\n", "other");
    ck_assert(message.redelivered);
    ck_assert_int_eq(shmq_acknowledge(consumer, 1), 0);
    ck_assert_int_eq(shmq_stat_seat(consumer, 0, &seat), 0);
    ck_assert_uint_eq(seat.delivered_bytes, 8);
}
END_TEST

/* Holds both messages of the queue when it is killed, or the second in its buffer. */
static int lease_and_die(void *context)
{
    const bool *hold = context;
    struct shmq *handle;
    struct shmq_message message;
    if (shmq_open(&handle, name, SHMQ_CONSUMER, &small) != 0 || shmq_lease(handle, &message, 0) != 0 ||
        shmq_lease(handle, &message, 0) != 0)
        return 1;
    if (*hold && (shmq_acknowledge(handle, 1) != 0 || shmq_hold(handle, &message) != 0))
        return 1;
    _exit(0);
}

START_TEST(headers_outlive_their_consumer)
{
    bool hold = _i != 0;
    struct shmq_message messages[4];
    size_t count;
    ck_assert_int_eq(shmq_close(consumer), 0);
    ck_assert_int_eq(put_text("First: 1\n", "one"), 0);
    ck_assert_int_eq(put_text("Second: 2\n", "other"), 0);
    planted_in_child(lease_and_die, &hold, 0, 0);
    consumer = planted_open(name, SHMQ_CONSUMER, &small);
    ck_assert_int_eq(shmq_lease_many(consumer, messages, 4, &count, 1000000000), 0);
    ck_assert_uint_eq(count, hold ? 1 : 2);
    if (!hold)
        expect_message(&messages[0], "First: 1\n", "one");
    expect_message(&messages[count - 1], "Second: 2\n", "other");
    ck_assert_uint_eq(messages[0].attempts, 1);
    ck_assert_int_eq(shmq_acknowledge(consumer, count), 0);
}
END_TEST

/* ------------------------------------------------------------------ what is refused */

START_TEST(block_and_payload_are_as_long_as_a_message_may_be)
{
    char data[LARGEST];
    const char *const headers = "Name: value\n"; /* a cell with its prefix */
    memset(data, 'x', sizeof(data));
    ck_assert_int_eq(put(headers, data, LARGEST - 64), 0);
    ck_assert_int_eq(put(headers, data, LARGEST - 63), -EMSGSIZE);
    ck_assert_int_eq(put(headers, data, LARGEST), -EMSGSIZE);
    ck_assert_int_eq(put(headers, data, SIZE_MAX), -EMSGSIZE);
    ck_assert_int_eq(put("", data, LARGEST), 0);
    ck_assert_int_eq(put("", data, LARGEST + 1), -EMSGSIZE);
    struct shmq_message message;
    ck_assert_int_eq(shmq_lease(consumer, &message, 0), 0);
    ck_assert_uint_eq(message.length, LARGEST - 64);
}
END_TEST

START_TEST(what_is_no_header_block_is_refused)
{
    static const char *const bad[] = {"x",         ":\n",     ": v\n",    "a b: c\n",  "a:b",
                                      "a: b\n\n",  "\n",      "a: b\r\n", "a\n",       "a: b\nc\n",
                                      "\xc3: v\n", " a: b\n", "a :b\n",   "a: b\nc: d"};
    for (size_t i = 0; i < COUNT(bad); i++) {
        ck_assert_msg(put_text(bad[i], "x") == -EINVAL, "%zu: %s", i, bad[i]);
        ck_assert(!header_text_is_valid(bad[i], strlen(bad[i])));
    }
    struct shmq_outgoing message = SHMQ_OUTGOING_INIT;
    message.headers = "a: \0\n";
    message.headers_length = 5;
    ck_assert_int_eq(shmq_put_outgoing(producer, &message, 1, NULL, 0), -EINVAL);
    message.headers = NULL;
    ck_assert_int_eq(shmq_put_outgoing(producer, &message, 1, NULL, 0), -EINVAL);
    message.headers_length = 0;
    message.length = 1;
    ck_assert_int_eq(shmq_put_outgoing(producer, &message, 1, NULL, 0), -EINVAL);
    message.length = 0;
    message.size = 8;
    ck_assert_int_eq(shmq_put_outgoing(producer, &message, 1, NULL, 0), -EINVAL);
    ck_assert_int_eq(shmq_put_outgoing(producer, NULL, 1, NULL, 0), -EINVAL);
    ck_assert_int_eq(shmq_put_outgoing(consumer, &message, 1, NULL, 0), -EINVAL);
    struct shmq_message none;
    ck_assert_int_eq(shmq_lease(consumer, &none, 0), -EAGAIN);
}
END_TEST

START_TEST(the_longest_block_is_taken_and_a_longer_one_is_not)
{
    char *text = malloc(SHMQ_HEADERS_MAX + 2);
    memset(text, 'x', SHMQ_HEADERS_MAX + 1);
    memcpy(text, "a:", 2);
    text[SHMQ_HEADERS_MAX - 1] = '\n';
    ck_assert(header_text_is_valid(text, SHMQ_HEADERS_MAX));
    text[SHMQ_HEADERS_MAX - 1] = 'x';
    text[SHMQ_HEADERS_MAX] = '\n';
    ck_assert(!header_text_is_valid(text, SHMQ_HEADERS_MAX + 1));
    free(text);
}
END_TEST

/* What stops a batch is found at its place; what stands before it is put. */
START_TEST(a_batch_ends_before_what_cannot_be_put)
{
    struct shmq_outgoing batch[3] = {SHMQ_OUTGOING_INIT, SHMQ_OUTGOING_INIT, SHMQ_OUTGOING_INIT};
    size_t done = 77;
    batch[1].headers = "bad";
    batch[1].headers_length = 3;
    ck_assert_int_eq(shmq_put_outgoing(producer, batch, 3, &done, 0), -EINVAL);
    ck_assert_uint_eq(done, 1);
    expect_next("", "");
}
END_TEST

/* ------------------------------------------------------------------ damage */

struct damage {
    const char *what;
    size_t offset;
    uint32_t value;
    uint8_t bytes;
};

static const struct damage damages[] = {
    {"no text", offsetof(struct header_prefix, text_bytes), 0, 4},
    {"shorter text", offsetof(struct header_prefix, text_bytes), 8, 4},
    {"text beyond its cell", offsetof(struct header_prefix, text_bytes), 60, 4},
    {"text without end", offsetof(struct header_prefix, text_bytes), UINT32_MAX, 4},
    {"payload in the block", offsetof(struct header_prefix, payload_offset), 0, 4},
    {"payload off its cell", offsetof(struct header_prefix, payload_offset), 65, 4},
    {"payload a cell further", offsetof(struct header_prefix, payload_offset), 128, 4},
    {"payload beyond the message", offsetof(struct header_prefix, payload_offset), 1024, 4},
    {"payload beyond everything", offsetof(struct header_prefix, payload_offset), UINT32_MAX - 63, 4},
    {"frame", offsetof(struct header_prefix, frame), 3, 1},
    {"text", sizeof(struct header_prefix), '\n', 1},
    {"end of the text", sizeof(struct header_prefix) + 8, 'x', 1},
};

static void count_problem(void *context, const char *problem)
{
    int *count = context;
    *count += strstr(problem, "header block is invalid") != NULL;
}

START_TEST(damaged_headers_are_reported_and_never_followed)
{
    const struct damage *damage = &damages[_i];
    struct planted planted;
    struct shmq_message messages[4];
    char buffer[64];
    size_t count;
    int problems = 0;
    planted_put(producer, "before");
    ck_assert_int_eq(put_text("Name: v2\n", "abc"), 0);
    ck_assert_int_eq(shmq_check(consumer, count_problem, &problems), 0);
    planted_map(&planted, name);
    const struct lane_control *control = planted_lane(&planted, 0);
    const uint64_t position = atomic_load(&control->head) + 1;
    unsigned char *at = planted_payload(&planted, 0, position);
    struct header_view view;
    ck_assert(header_read(at, 128, &view));
    memcpy(at + damage->offset, &damage->value, damage->bytes); /* little-endian */
    ck_assert_int_eq(shmq_check(consumer, count_problem, &problems), -EBADMSG);
    ck_assert_int_eq(problems, 1);
    ck_assert_int_eq(shmq_lease_many(consumer, messages, 4, &count, 0), 0);
    ck_assert_uint_eq(count, 1);
    expect_message(&messages[0], "", "before");
    ck_assert_int_eq(shmq_lease_many(consumer, messages, 4, &count, 0), -EBADMSG);
    ck_assert_int_eq(shmq_lease(consumer, messages, 0), -EBADMSG);
    ck_assert_int_eq(shmq_acknowledge(consumer, 1), 0);
    ck_assert_int_eq(shmq_get(consumer, buffer, sizeof(buffer), &count, 0), -EBADMSG);
    planted_unmap(&planted);
}
END_TEST

/* What is damaged while it is leased is not moved to the buffer, and stays where it was. */
START_TEST(damaged_headers_are_not_held)
{
    struct planted planted;
    struct shmq_message message;
    struct shmq_seat_stat seat = SHMQ_SEAT_STAT_INIT;
    ck_assert_int_eq(put_text("Name: v2\n", "abc"), 0);
    ck_assert_int_eq(shmq_lease(consumer, &message, 0), 0);
    planted_map(&planted, name);
    const uint64_t position = atomic_load(&planted_lane(&planted, 0)->head);
    unsigned char *at = planted_payload(&planted, 0, position);
    at[offsetof(struct header_prefix, payload_offset)] ^= 1;
    ck_assert_int_eq(shmq_hold(consumer, &message), -EBADMSG);
    expect_message(&message, "Name: v2\n", "abc");
    ck_assert_int_eq(shmq_stat_seat(consumer, 0, &seat), 0);
    ck_assert(!seat.holding);
    ck_assert_int_eq(shmq_acknowledge(consumer, 1), 0);
    ck_assert_int_eq(shmq_stat_seat(consumer, 0, &seat), 0);
    ck_assert(!seat.holding);
    planted_unmap(&planted);
}
END_TEST

/* A descriptor that says headers where there are none. */
START_TEST(a_frame_that_is_wrong_about_headers_is_reported)
{
    struct planted planted;
    struct shmq_message message;
    char text[70] = "";
    memset(text, 'x', sizeof(text) - 1);
    planted_put(producer, text);
    planted_map(&planted, name);
    const uint64_t position = atomic_load(&planted_lane(&planted, 0)->head);
    atomic_fetch_or(&planted_record(&planted, 0, position)->word, RECORD_FRAME_BITS);
    ck_assert_int_eq(shmq_lease(consumer, &message, 0), -EBADMSG);
    ck_assert_int_eq(shmq_check(consumer, NULL, NULL), -EBADMSG);
    planted_unmap(&planted);
}
END_TEST

/* ------------------------------------------------------------------ reading headers */

static void expect_value(const char *headers, const char *wanted, const char *value)
{
    size_t length = 77;
    const char *found = shmq_header_value(headers, strlen(headers), wanted, &length);
    if (value == NULL) {
        ck_assert_ptr_null(found);
        ck_assert_uint_eq(length, 0);
        return;
    }
    ck_assert_ptr_nonnull(found);
    ck_assert_uint_eq(length, strlen(value));
    ck_assert_mem_eq(found, value, length);
}

START_TEST(a_header_is_found_by_its_name)
{
    const char *const headers = "A: 1\nShmq-Id:  x y \nab:\t\nA: 2\nlast: z\n";
    expect_value(headers, "A", "1");
    expect_value(headers, "a", "1");
    expect_value(headers, "shmq-ID", "x y");
    expect_value(headers, "ab", "");
    expect_value(headers, "last", "z");
    expect_value(headers, "b", NULL);
    expect_value(headers, "as", NULL);
    expect_value(headers, "", NULL);
    expect_value("", "A", NULL);
    expect_value("no line", "no", NULL);
    expect_value("A:cut", "A", "cut");
    size_t length;
    ck_assert_ptr_null(shmq_header_value(NULL, 0, "A", &length));
    ck_assert_ptr_null(shmq_message_headers(NULL, NULL));
}
END_TEST

static const struct test tests[] = {
    TEST_GROUP("through the queue"),
    TEST(headers_come_along_with_their_message),
    TEST(every_length_comes_out_as_it_went_in),
    TEST(a_batch_may_mix_messages_with_headers_and_without),
    TEST(a_batch_with_headers_is_put_together),
    TEST(headers_are_no_part_of_the_stream),
    TEST(get_copies_the_payload_alone),
    TEST(a_held_message_keeps_its_headers),
    TEST_EACH(headers_outlive_their_consumer, 2),
    TEST_GROUP("refused"),
    TEST(block_and_payload_are_as_long_as_a_message_may_be),
    TEST(what_is_no_header_block_is_refused),
    TEST(the_longest_block_is_taken_and_a_longer_one_is_not),
    TEST(a_batch_ends_before_what_cannot_be_put),
    TEST_GROUP("damaged"),
    TEST_EACH(damaged_headers_are_reported_and_never_followed, COUNT(damages)),
    TEST(damaged_headers_are_not_held),
    TEST(a_frame_that_is_wrong_about_headers_is_reported),
    TEST_GROUP("reading"),
    TEST(a_header_is_found_by_its_name),
};

TEST_SUITE("headers", tests, .seconds = 20, .set_up = set_up, .tear_down = tear_down);
