/* SPDX-License-Identifier: MIT */
/* The publisher: messages with headers and cursors of their own get to the queue as those of plain inputs do. */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/cli/say.h"
#include "common/shmq.h"
#include "producer/publisher.h"
#include "tests/support/harness.h"
#include "tests/support/planted.h"

enum { MANY = 150, LARGEST = 1024 };

static struct options options;
static struct publisher publisher;
static struct shmq *consumer;
static char headers[] = "All: same\n";

static void set_up(void)
{
    struct shmq_options small = planted_small();
    say_set_level(SAY_ERRORS);
    options = (struct options){.source = SOURCE_RANDOM, .timeout_ns = -1, .delay_ns = {-1, -1}};
    options_init(&options.common);
    options.common.queue = test_name("publisher");
    options.common.shmq.capacity_bytes = 65536;
    options.common.shmq.max_message_bytes = LARGEST;
    options.common.shmq.lanes = small.lanes;
    options.common.shmq.seats = small.seats;
}

static void tear_down(void)
{
    ck_assert_int_eq(publisher_close(&publisher), 0);
    ck_assert_int_eq(shmq_close(consumer), 0);
    ck_assert_int_eq(shmq_remove(options.common.queue, true), 0);
}

static void begin(void)
{
    const struct source_identity identity = {.resumable = true, .group = 4711};
    publisher_init(&publisher, &options, 1);
    ck_assert_int_eq(publisher_open(&publisher, &options, &identity), FLOW_CONTINUE);
    consumer = planted_open(options.common.queue, SHMQ_CONSUMER, NULL);
}

/* MANY messages "N"; every third has no headers of its own, and each has the cursor N + 1. */
static struct shmq_outgoing *make_messages(void)
{
    static struct shmq_outgoing messages[MANY];
    static struct shmq_cursor cursors[MANY];
    static char texts[MANY][8];
    static char own[MANY][16];
    for (size_t i = 0; i < MANY; i++) {
        messages[i] = (struct shmq_outgoing)SHMQ_OUTGOING_INIT;
        messages[i].length = (size_t)snprintf(texts[i], sizeof(texts[i]), "%zu", i);
        messages[i].data = texts[i];
        if (i % 3 != 0) {
            messages[i].headers_length = (size_t)snprintf(own[i], sizeof(own[i]), "Own: %zu\n", i);
            messages[i].headers = own[i];
        }
        cursors[i].words[0] = i + 1;
        messages[i].cursor = &cursors[i];
    }
    return messages;
}

static void expect_next(size_t i)
{
    struct shmq_message message;
    char text[8];
    char block[64];
    size_t length = 0;
    ck_assert_int_eq(shmq_lease(consumer, &message, 0), 0);
    (void)snprintf(text, sizeof(text), "%zu", i);
    ck_assert_uint_eq(message.length, strlen(text));
    ck_assert_mem_eq(message.data, text, message.length);
    const char *found = shmq_message_headers(&message, &length);
    (void)snprintf(block, sizeof(block), i % 3 != 0 ? "%sOwn: %zu\n" : "%s",
                   options.headers != NULL ? headers : "", i);
    ck_assert_uint_eq(length, strlen(block));
    if (length > 0)
        ck_assert_mem_eq(found, block, length);
    ck_assert_int_eq(shmq_acknowledge(consumer, 1), 0);
}

static void expect_messages(size_t count)
{
    struct shmq_message message;
    for (size_t i = 0; i < count; i++)
        expect_next(i);
    ck_assert_int_eq(shmq_lease(consumer, &message, 0), -EAGAIN);
}

static void expect_cursor(uint64_t word)
{
    struct shmq_cursor cursor;
    ck_assert_int_eq(shmq_resume_cursor(publisher.queue, &cursor), 0);
    ck_assert_uint_eq(cursor.words[0], word);
}

START_TEST(each_message_has_its_own_headers_and_cursor)
{
    size_t taken;
    begin();
    ck_assert_int_eq(publisher_put_outgoing(&publisher, make_messages(), MANY, SHMQ_FRAME_NONE, &taken),
                     FLOW_CONTINUE);
    ck_assert_uint_eq(taken, MANY);
    ck_assert_uint_eq(publisher.progress.counts.messages, MANY);
    expect_cursor(MANY);
    expect_messages(MANY);
}
END_TEST

START_TEST(headers_of_all_messages_stand_before_their_own)
{
    size_t taken;
    options.headers = headers;
    options.headers_length = strlen(headers);
    begin();
    ck_assert_int_eq(publisher_put_outgoing(&publisher, make_messages(), MANY, SHMQ_FRAME_NONE, &taken),
                     FLOW_CONTINUE);
    expect_cursor(MANY);
    expect_messages(MANY);
}
END_TEST

START_TEST(count_ends_within_a_batch)
{
    size_t taken;
    options.count = 100;
    begin();
    ck_assert_int_eq(publisher_put_outgoing(&publisher, make_messages(), MANY, SHMQ_FRAME_NONE, &taken), FLOW_END);
    ck_assert_uint_eq(taken, 100);
    expect_cursor(100);
    expect_messages(100);
}
END_TEST

START_TEST(what_finds_no_room_is_dropped_and_counted)
{
    size_t taken;
    size_t put = 0;
    struct shmq_message message;
    options.on_full = ON_FULL_DROP;
    options.common.shmq.capacity_bytes = 4096;
    options.common.shmq.max_message_bytes = LARGEST;
    begin();
    ck_assert_int_eq(publisher_put_outgoing(&publisher, make_messages(), MANY, SHMQ_FRAME_NONE, &taken),
                     FLOW_CONTINUE);
    ck_assert_uint_eq(taken, MANY);
    for (; shmq_lease(consumer, &message, 0) == 0; put++)
        ck_assert_int_eq(shmq_acknowledge(consumer, 1), 0);
    ck_assert_uint_gt(put, 10);
    ck_assert_uint_eq(put, publisher.progress.counts.messages);
    ck_assert_uint_eq(put + publisher.dropped, MANY);
}
END_TEST

/* What fits can be put, and one byte more cannot, whatever headers there are. */
START_TEST(what_fits_is_known)
{
    static const char wide[] = "Own: a value so long that the block takes two cells, with --header\n";
    static const char payload[LARGEST + 1];
    static const char *own[] = {"", "Own: 1\n", wide};
    struct shmq_outgoing message = SHMQ_OUTGOING_INIT;
    size_t taken;
    if (_i / 3 != 0) {
        options.headers = headers;
        options.headers_length = strlen(headers);
    }
    begin();
    message.data = payload;
    message.headers = own[_i % 3];
    message.headers_length = strlen(own[_i % 3]);
    message.length = LARGEST;
    while (!publisher_fits(&publisher, message.length, message.headers_length))
        message.length--;
    ck_assert_uint_gt(message.length, LARGEST - 256);
    ck_assert_int_eq(publisher_put_outgoing(&publisher, &message, 1, SHMQ_FRAME_NONE, &taken), FLOW_CONTINUE);
    message.length++;
    ck_assert_int_eq(publisher_put_outgoing(&publisher, &message, 1, SHMQ_FRAME_NONE, &taken), FLOW_FAILED);
    publisher.status = 0;
    ck_assert(!publisher_fits(&publisher, 0, SHMQ_HEADERS_MAX + 1));
}
END_TEST

static const struct test tests[] = {
    TEST_GROUP("messages with headers and cursors"),      TEST(each_message_has_its_own_headers_and_cursor),
    TEST(headers_of_all_messages_stand_before_their_own), TEST(count_ends_within_a_batch),
    TEST(what_finds_no_room_is_dropped_and_counted),      TEST_EACH(what_fits_is_known, 6),
};

TEST_SUITE("producer_publisher", tests, .seconds = 10, .set_up = set_up, .tear_down = tear_down);
