/* SPDX-License-Identifier: MIT */
/* The parts of the bridges to NATS that need no server: answers, their subjects, the window, the counters. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/nats/answer.h"
#include "common/nats/counters.h"
#include "consumer/nats/reply.h"
#include "consumer/nats/window.h"
#include "producer/nats/delivery.h"
#include "tests/support/harness.h"

static struct answer answer;

/* A copy without anything behind it, so that a sanitizer sees a read beyond its end. */
static bool parse(const char *text)
{
    const size_t length = strlen(text);
    char *copy = malloc(length > 0 ? length : 1);
    memcpy(copy, text, length);
    const bool parsed = answer_parse(copy, length, &answer);
    free(copy);
    return parsed;
}

START_TEST(an_answer_says_what_is_stored)
{
    ck_assert(parse("{\"stream\":\"S\", \"domain\":\"hub\",\"seq\":7}"));
    ck_assert(answer.stored && !answer.duplicate);
    ck_assert_uint_eq(answer.sequence, 7);
    ck_assert_str_eq(answer.stream, "S");
    ck_assert(parse("{\"stream\":\"S\",\"seq\":18446744073709551615,\"duplicate\": true}\n"));
    ck_assert(answer.stored && answer.duplicate);
    ck_assert(answer.sequence == UINT64_MAX);
}
END_TEST

START_TEST(an_answer_says_why_not)
{
    ck_assert(
        parse("{\"type\":\"x\",\"error\":{\"code\":503,\"err_code\":10077,\"description\":\"maximum \\u006dessages"
              "\\n\\\"exceeded\\\"\",\"more\":[1,{\"a\":null}]},\"stream\":\"S\",\"seq\":0}"));
    ck_assert(!answer.stored);
    ck_assert_uint_eq(answer.code, 503);
    ck_assert_uint_eq(answer.err_code, 10077);
    ck_assert_str_eq(answer.description, "maximum messages?\"exceeded\"");
    ck_assert(parse("{\"error\":{\"code\":400},\"seq\":3}"));
    ck_assert(!answer.stored);
}
END_TEST

static const char *const no_answers[] = {
    "",
    " ",
    "{",
    "{}",
    "{\"seq\":0}",
    "{\"seq\":-1}",
    "{\"seq\":\"7\"}",
    "{\"seq\":18446744073709551616}",
    "{\"seq\":7",
    "{\"seq\":7}}",
    "{\"seq\":7,}",
    "{\"seq\":7} x",
    "{\"seq\"7}",
    "{seq:7}",
    "{\"error\":{}}",
    "{\"error\":{\"code\":99999999999}}",
    "{\"error\":\"no\"}",
    "{\"a\":\"\\",
    "{\"a\":\"\\u12",
    "{\"a\":\"\\x\",\"seq\":7}",
    "{\"a\":\"\001\",\"seq\":7}",
    "{\"a\":[[[[[[[[[[[[[[1]]]]]]]]]]]]]],\"seq\":7}",
    "{\"a\":tru,\"seq\":7}",
    "[7]",
    "null",
    "+OK",
};

START_TEST(what_is_no_answer_is_taken_for_none)
{
    ck_assert_msg(!parse(no_answers[_i]), "%s", no_answers[_i]);
}
END_TEST

START_TEST(no_prefix_of_an_answer_is_one)
{
    static const char whole[] = "{\"stream\":\"S\",\"seq\":7,\"duplicate\":true,\"x\":[1,{\"y\":\"\\u0041\"}]}";
    char part[sizeof(whole)];
    for (size_t length = 0; length < sizeof(whole) - 1; length++) {
        snprintf(part, sizeof(part), "%.*s", (int)length, whole);
        ck_assert_msg(!parse(part), "%s", part);
    }
    ck_assert(parse(whole));
}
END_TEST

/* ------------------------------------------------------------------ subjects of answers */

static struct reply reply;
static size_t message;

START_TEST(the_subject_of_an_answer_names_batch_and_message)
{
    ck_assert(reply_init(&reply, "_INBOX.abc"));
    ck_assert_str_eq(reply_compose(&reply, 12, 345), "_INBOX.abc.12.345");
    ck_assert(reply_parse(&reply, "_INBOX.abc.12.345", 12, 346, &message));
    ck_assert_uint_eq(message, 345);
    ck_assert(reply_parse(&reply, reply_compose(&reply, UINT64_MAX, 0), UINT64_MAX, 1, &message));
    ck_assert_uint_eq(message, 0);
    ck_assert(!reply_init(&reply, ""));
    char inbox[REPLY_INBOX_MAX + 1];
    memset(inbox, 'x', sizeof(inbox));
    inbox[REPLY_INBOX_MAX] = '\0';
    ck_assert(!reply_init(&reply, inbox));
    inbox[REPLY_INBOX_MAX - 1] = '\0';
    ck_assert(reply_init(&reply, inbox));
    ck_assert_uint_lt(strlen(reply_compose(&reply, UINT64_MAX, SIZE_MAX)), REPLY_BYTES);
}
END_TEST

static const char *const strange_subjects[] = {
    "",
    "_INBOX.abc",
    "_INBOX.abc.",
    "_INBOX.abc.1",
    "_INBOX.abc.1.",
    "_INBOX.abc..1",
    "_INBOX.abc.1.2.3",
    "_INBOX.abc.1.2x",
    "_INBOX.abc.01.2",
    "_INBOX.abc.1.02",
    "_INBOX.abc.-1.2",
    "_INBOX.abd.1.2",
    "_INBOX.abc.18446744073709551616.2",
    "_INBOX.abc.1.18446744073709551616",
};

START_TEST(an_answer_to_another_batch_is_not_one_to_this)
{
    ck_assert(reply_init(&reply, "_INBOX.abc"));
    ck_assert(!reply_parse(&reply, "_INBOX.abc.11.345", 12, 4096, &message));
    ck_assert(!reply_parse(&reply, "_INBOX.abc.268.345", 12, 4096, &message)); /* 12, modulo 256 */
    ck_assert(!reply_parse(&reply, "_INBOX.abc.12.4096", 12, 4096, &message)); /* 0, modulo 4096 */
    ck_assert(!reply_parse(&reply, "_INBOX.abc.12.4294967296", 12, 4096, &message));
    ck_assert(reply_parse(&reply, "_INBOX.abc.12.4095", 12, 4096, &message));
}
END_TEST

START_TEST(another_subject_is_not_taken_for_one)
{
    ck_assert(reply_init(&reply, "_INBOX.abc"));
    ck_assert_msg(!reply_parse(&reply, strange_subjects[_i], 1, 100, &message), "%s", strange_subjects[_i]);
}
END_TEST

/* ------------------------------------------------------------------ the window */

enum { ROOM = 8 };

static struct window window;
static size_t at;
static int64_t sent_ns;

static void begin(size_t count)
{
    ck_assert_int_eq(window_init(&window, ROOM), 0);
    window_begin(&window, count);
}

static void send_all(int64_t now_ns)
{
    while (window_next(&window, &at))
        (void)window_sent(&window, at, now_ns);
}

START_TEST(only_what_is_stored_from_the_oldest_on_is_done)
{
    begin(4);
    send_all(5);
    ck_assert_uint_eq(window.out, 4);
    ck_assert(window_store(&window, 1, &sent_ns));
    ck_assert(window_store(&window, 2, &sent_ns));
    ck_assert_uint_eq(window_done(&window), 0);
    ck_assert(window_store(&window, 0, &sent_ns));
    ck_assert_int_eq(sent_ns, 5);
    ck_assert_uint_eq(window_done(&window), 3);
    window_settle(&window, 3);
    ck_assert_uint_eq(window.out, 1);
    ck_assert(!window_store(&window, 2, &sent_ns)); /* again */
    ck_assert(!window_store(&window, 4, &sent_ns)); /* never was */
    ck_assert(!window_refuse(&window, 4));
    ck_assert_uint_eq(window_done(&window), 0);
    window_free(&window);
}
END_TEST

START_TEST(a_round_sends_again_what_is_not_stored)
{
    begin(4);
    ck_assert(window_next(&window, &at) && at == 0);
    ck_assert(!window_sent(&window, at, 1));
    send_all(2);
    ck_assert(window_store(&window, 0, &sent_ns));
    ck_assert(window_store(&window, 2, &sent_ns));
    ck_assert(window_refuse(&window, 1));
    ck_assert(!window_refuse(&window, 1));
    window_settle(&window, window_done(&window));
    window_rewind(&window);
    ck_assert_uint_eq(window.out, 0);
    ck_assert(window_next(&window, &at) && at == 1);
    ck_assert(window_sent(&window, at, 3));
    ck_assert(window_next(&window, &at) && at == 3);
    ck_assert(window_sent(&window, at, 3));
    ck_assert(!window_next(&window, &at));
    window_free(&window);
}
END_TEST

START_TEST(an_answer_of_an_earlier_round_counts)
{
    begin(2);
    send_all(1);
    window_rewind(&window);
    ck_assert(window_store(&window, 0, &sent_ns));
    ck_assert_uint_eq(window.out, 0);
    ck_assert(window_next(&window, &at) && at == 1);
    window_free(&window);
}
END_TEST

START_TEST(the_oldest_that_waits_tells_the_time)
{
    begin(3);
    ck_assert(window_waiting_since(&window) == INT64_MAX);
    ck_assert(window_next(&window, &at));
    (void)window_sent(&window, at, 10);
    send_all(20);
    ck_assert_int_eq(window_waiting_since(&window), 10);
    ck_assert(window_store(&window, 0, &sent_ns));
    ck_assert_int_eq(window_waiting_since(&window), 20);
    window_begin(&window, 3);
    ck_assert(window_waiting_since(&window) == INT64_MAX);
    ck_assert_uint_eq(window.batch, 2);
    window_free(&window);
}
END_TEST

/* ------------------------------------------------------------------ counters */

START_TEST(the_counters_fit_whatever_they_are)
{
    struct counters counters;
    char text[COUNTERS_BYTES];
    memset(&counters, 0xff, sizeof(counters));
    counters.time_sum_ns = counters.time_max_ns = INT64_MAX;
    ck_assert_uint_lt(strlen(counters_describe(&counters, text)), COUNTERS_BYTES);
    counters = (struct counters){0};
    ck_assert_str_eq(counters_describe(&counters, text), "");
    for (unsigned code = 1; code <= 20; code++)
        counters_refuse(&counters, code);
    counters_refuse(&counters, 1);
    ck_assert_uint_eq(counters.refused[0].count, 2);
    ck_assert_uint_eq(counters.refused[COUNTERS_REFUSALS - 1].count, 20 - COUNTERS_REFUSALS + 1);
    counters_time(&counters, 2000000);
    counters_time(&counters, 4000000);
    counters.published = 3;
    counters_describe(&counters, text);
    ck_assert_ptr_nonnull(strstr(text, "3 published, 2 refused (1), 1 refused (2)"));
    ck_assert_ptr_nonnull(strstr(text, "(8 and others)"));
    ck_assert_ptr_nonnull(strstr(text, "ack after 3.0 ms (at most 4.0 ms)"));
    uint64_t words[SHMQ_BRIDGE_WORDS];
    counters_show(&counters, true, words);
    const uint64_t shown[SHMQ_BRIDGE_WORDS] = {
        [SHMQ_BRIDGE_PRESENT] = 1,          [SHMQ_BRIDGE_PUBLISHED] = 3, [SHMQ_BRIDGE_REFUSED] = 21,
        [SHMQ_BRIDGE_REFUSAL] = 1,          [SHMQ_BRIDGE_ACKS] = 2,      [SHMQ_BRIDGE_ACK_SUM_NS] = 6000000,
        [SHMQ_BRIDGE_ACK_MAX_NS] = 4000000, [SHMQ_BRIDGE_CONNECTED] = 1};
    ck_assert_mem_eq(words, shown, sizeof(shown));
}
END_TEST

static const char *const deliveries[] = {
    "$JS.ACK.S.D.2.1234567890123.17.1700000000123456789.5",
    "$JS.ACK.hub.AbC.S.D.2.1234567890123.17.1700000000123456789.5",
    "$JS.ACK._.AbC.S.D.2.1234567890123.17.1700000000123456789.5.xyz",
};

START_TEST(each_form_of_a_delivery_is_read)
{
    struct delivery delivery = {0};
    ck_assert(delivery_parse(deliveries[_i], &delivery));
    ck_assert_uint_eq(delivery.count, 2);
    ck_assert_uint_eq(delivery.stream_sequence, 1234567890123);
    ck_assert_uint_eq(delivery.consumer_sequence, 17);
    ck_assert_int_eq(delivery.stored_ns, 1700000000123456789);
}
END_TEST

static const char *const no_deliveries[] = {
    "",
    "$JS.ACK.",
    "_INBOX.S.D.2.3.17.18.5",
    "$JS.ACK.S.D.2.3.17.18",
    "$JS.ACK.S.D.2.3.17.18.5.6",
    "$JS.ACK.S.D.2..17.18.5",
    "$JS.ACK.S.D.2.3x.17.18.5",
    "$JS.ACK.S.D.2.-3.17.18.5",
    "$JS.ACK.S.D.2.0.17.18.5",
    "$JS.ACK.S.D.2.3.0.18.5",
    "$JS.ACK.S.D.2.18446744073709551616.17.18.5",
    "$JS.ACK.S.D.2.3.17.9223372036854775808.5",
    "$JS.ACK................................",
};

START_TEST(what_is_no_delivery_is_taken_for_none)
{
    struct delivery delivery;
    ck_assert(!delivery_parse(no_deliveries[_i], &delivery));
}
END_TEST

START_TEST(a_delivery_is_written_as_it_is_read)
{
    char text[64];
    struct delivery delivery;
    ck_assert(delivery_write(text, sizeof(text), "S", "D", 7, 9));
    ck_assert(delivery_parse(text, &delivery));
    ck_assert_uint_eq(delivery.stream_sequence, 7);
    ck_assert_uint_eq(delivery.consumer_sequence, 9);
    ck_assert(!delivery_write(text, strlen(text), "S", "D", 7, 9));
}
END_TEST

static const struct test tests[] = {
    TEST(an_answer_says_what_is_stored),
    TEST(an_answer_says_why_not),
    TEST_EACH(what_is_no_answer_is_taken_for_none, COUNT(no_answers)),
    TEST(no_prefix_of_an_answer_is_one),
    TEST(the_subject_of_an_answer_names_batch_and_message),
    TEST(an_answer_to_another_batch_is_not_one_to_this),
    TEST_EACH(another_subject_is_not_taken_for_one, COUNT(strange_subjects)),
    TEST(only_what_is_stored_from_the_oldest_on_is_done),
    TEST(a_round_sends_again_what_is_not_stored),
    TEST(an_answer_of_an_earlier_round_counts),
    TEST(the_oldest_that_waits_tells_the_time),
    TEST(the_counters_fit_whatever_they_are),
    TEST_EACH(each_form_of_a_delivery_is_read, COUNT(deliveries)),
    TEST_EACH(what_is_no_delivery_is_taken_for_none, COUNT(no_deliveries)),
    TEST(a_delivery_is_written_as_it_is_read),
};

TEST_SUITE("nats_bridge", tests, .seconds = 10);
