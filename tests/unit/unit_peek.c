/* SPDX-License-Identifier: MIT */
/* Messages are shown without being taken, whole, and with what is known about them. */
#include <check.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/queue/handle.h"
#include "tests/support/harness.h"
#include "tests/support/planted.h"
#include "tests/support/process.h"
#include "tests/support/test_queue.h"

#define CAPACITY 4096
#define LONGEST 1024
#define MOST 64
#define OUTGOING(bytes, bytes_length)                                                                             \
    .size = sizeof(struct shmq_outgoing), .data = (bytes), .length = (bytes_length)

static const struct shmq_options attach_only = SHMQ_OPTIONS_INIT;
static const struct shmq_options small = {SHMQ_OPTIONS_DEFAULTS,
                                          .create = true,
                                          .capacity_bytes = CAPACITY,
                                          .max_message_bytes = LONGEST,
                                          .lanes = 2,
                                          .seats = 4,
                                          .prefetch = 4};

static struct shmq *producer;
static struct shmq *observer;

/* What the visitor was shown, copied. */
struct shown {
    struct shmq_message message;
    struct shmq_peeked peeked;
    unsigned char data[LONGEST];
    char headers[256];
};
static struct shown shown[MOST];
static size_t count;
static size_t stop_after;

static int note(void *context, const struct shmq_peeked *peeked)
{
    size_t length;
    ck_assert_ptr_eq(context, &count);
    ck_assert_uint_lt(count, MOST);
    struct shown *to = &shown[count++];
    const char *headers = shmq_message_headers(peeked->message, &length);
    ck_assert_uint_eq(peeked->size, sizeof(*peeked));
    ck_assert_ptr_nonnull(peeked->message->data);
    ck_assert_uint_eq((uintptr_t)peeked->message->data % 64, 0);
    *to = (struct shown){.message = *peeked->message, .peeked = *peeked};
    ck_assert_uint_le(peeked->message->length, LONGEST);
    memcpy(to->data, peeked->message->data, peeked->message->length);
    if (headers != NULL)
        memcpy(to->headers, headers, length);
    return count == stop_after ? 42 : 0;
}

static int peek(uint32_t lane)
{
    count = 0;
    return shmq_peek(observer, lane, note, &count);
}

static void begin(const char *test)
{
    use_queue(test);
    stop_after = 0;
    producer = test_queue_open(queue, SHMQ_PRODUCER, &small);
    observer = test_queue_open(queue, SHMQ_OBSERVER, &attach_only);
}

static void end(void)
{
    ck_assert_int_eq(shmq_close(producer), 0);
    ck_assert_int_eq(shmq_close(observer), 0);
    test_queue_remove(queue);
}

static void put(uint64_t first, uint64_t last)
{
    for (uint64_t i = first; i <= last; i++)
        ck_assert_int_eq(test_queue_put(producer, i, 0), 0);
}

static uint64_t number_of(size_t index)
{
    uint64_t number;
    ck_assert_uint_lt(index, count);
    ck_assert_uint_eq(shown[index].message.length, sizeof(number));
    memcpy(&number, shown[index].data, sizeof(number));
    return number;
}

static void expect_numbers(uint64_t first, uint64_t last)
{
    ck_assert_int_eq(peek(0), 0);
    ck_assert_uint_eq(count, last - first + 1);
    for (uint64_t i = first; i <= last; i++)
        ck_assert_uint_eq(number_of(i - first), i);
}

static struct shmq *lease(uint64_t expected, struct shmq_message *message)
{
    uint64_t number;
    struct shmq *consumer = test_queue_open(queue, SHMQ_CONSUMER, &small);
    ck_assert_int_eq(test_queue_lease(consumer, &number, message, 0), 0);
    ck_assert_uint_eq(number, expected);
    return consumer;
}

/* ------------------------------------------------------------------ what is shown */

START_TEST(all_messages_are_shown_in_their_order)
{
    begin("all");
    expect_numbers(1, 0);
    put(1, 7);
    expect_numbers(1, 7);
    for (size_t i = 0; i < 7; i++) {
        ck_assert(!shown[i].peeked.taken);
        ck_assert_uint_eq(shown[i].message.lane, 0);
        ck_assert_uint_eq(shown[i].message.stream_offset, 8 * i);
        ck_assert_uint_eq(shown[i].message.attempts, 0);
        ck_assert(!shown[i].message.redelivered);
    }
    expect_numbers(1, 7); /* they are still there */
    end();
}
END_TEST

START_TEST(a_message_is_shown_as_it_would_be_delivered)
{
    unsigned char data[LONGEST];
    const char *headers = "Name: value\nOther: another\n";
    const struct shmq_outgoing outgoing[] = {
        {OUTGOING(data, LONGEST)},
        {OUTGOING(data, 0)},
        {OUTGOING(data, 100), .headers = headers, .headers_length = strlen(headers)},
        {OUTGOING(data, 0), .headers = headers, .headers_length = strlen(headers)},
        {OUTGOING(data, LONGEST)},
    };
    struct shmq_message message;
    begin("as");
    for (size_t i = 0; i < LONGEST; i++)
        data[i] = (unsigned char)(i * 7 + i / 251);
    ck_assert_int_eq(shmq_set_frame(producer, SHMQ_FRAME_DELIMITER, ','), 0);
    for (int round = 0; round < 8; round++) { /* around the end of the arena */
        ck_assert_int_eq(shmq_put_outgoing(producer, outgoing, COUNT(outgoing), NULL, 0), 0);
        ck_assert_int_eq(peek(0), 0);
        ck_assert_uint_eq(count, COUNT(outgoing));
        struct shmq *consumer = test_queue_open(queue, SHMQ_CONSUMER, &attach_only);
        for (size_t i = 0; i < COUNT(outgoing); i++) {
            size_t length;
            ck_assert_int_eq(shmq_lease(consumer, &message, 0), 0);
            const char *block = shmq_message_headers(&message, &length);
            ck_assert_uint_eq(shown[i].message.length, message.length);
            ck_assert_mem_eq(shown[i].data, message.data, message.length);
            ck_assert_uint_eq(shown[i].message.position, message.position);
            ck_assert_uint_eq(shown[i].message.stream_offset, message.stream_offset);
            ck_assert_uint_eq(shown[i].message.frame, message.frame);
            ck_assert_uint_eq(shown[i].message.delimiter, message.delimiter);
            ck_assert_uint_eq(shown[i].message.headers_length, message.headers_length);
            ck_assert_int_eq(memcmp(shown[i].headers, block != NULL ? block : "", length), 0);
            ck_assert_int_eq(shmq_acknowledge(consumer, 1), 0);
        }
        ck_assert_int_eq(shmq_close(consumer), 0);
    }
    end();
}
END_TEST

START_TEST(each_lane_is_shown_by_itself)
{
    begin("lanes");
    put(1, 2);
    ck_assert_int_eq(peek(1), 0);
    ck_assert_uint_eq(count, 0); /* never used */
    struct shmq *other = test_queue_open(queue, SHMQ_PRODUCER, &attach_only);
    ck_assert_int_eq(test_queue_put(other, 9, 0), 0);
    ck_assert_int_eq(peek(1), 0);
    ck_assert_uint_eq(count, 1);
    ck_assert_uint_eq(number_of(0), 9);
    expect_numbers(1, 2);
    ck_assert_int_eq(shmq_close(other), 0);
    end();
}
END_TEST

START_TEST(the_visitor_may_end_it)
{
    begin("ends");
    put(1, 5);
    stop_after = 3;
    ck_assert_int_eq(peek(0), 42);
    ck_assert_uint_eq(count, 3);
    end();
}
END_TEST

START_TEST(nothing_changes)
{
    struct planted planted;
    struct shmq_message message;
    begin("same");
    put(1, 5);
    struct shmq *consumer = lease(1, &message);
    planted_map(&planted, queue);
    unsigned char *before = malloc(planted.bytes);
    struct stat sizes[2];
    ck_assert_ptr_nonnull(before);
    memcpy(before, planted.base, planted.bytes); /* touches all pages */
    ck_assert_int_eq(stat(test_object_path(queue), &sizes[0]), 0);
    expect_numbers(1, 5);
    ck_assert_int_eq(stat(test_object_path(queue), &sizes[1]), 0);
    ck_assert_mem_eq(before, planted.base, planted.bytes);
    ck_assert_int_eq(sizes[0].st_blocks, sizes[1].st_blocks);
    free(before);
    planted_unmap(&planted);
    ck_assert_int_eq(shmq_close(consumer), 0);
    end();
}
END_TEST

/* ------------------------------------------------------------------ who has it */

START_TEST(who_has_it_is_shown)
{
    struct shmq_message message;
    uint64_t number;
    begin("who");
    put(1, 6);
    struct shmq *consumer = lease(1, &message); /* the first four */
    ck_assert_int_eq(test_queue_lease(consumer, &number, &message, 0), 0);
    ck_assert_int_eq(shmq_acknowledge(consumer, 1), 0);
    ck_assert_int_eq(shmq_fail(consumer, NULL), 0);
    expect_numbers(2, 6);
    for (size_t i = 0; i < 5; i++) {
        ck_assert_int_eq(shown[i].peeked.taken, i < 3);
        ck_assert(!shown[i].peeked.held);
        ck_assert_int_eq(shown[i].peeked.alive, i < 3);
        ck_assert_uint_eq(shown[i].peeked.seat, 0);
        ck_assert_int_eq(shown[i].peeked.pid, i < 3 ? getpid() : 0);
        ck_assert_str_eq(shown[i].peeked.program, i < 3 ? "unit_peek" : "");
        ck_assert_uint_eq(shown[i].message.attempts,
                          i == 0 ? 1 : 0); /* of the first one that is not acknowledged */
    }
    ck_assert_int_eq(shmq_close(consumer), 0); /* gives back */
    expect_numbers(2, 6);
    for (size_t i = 0; i < 5; i++) {
        ck_assert_int_eq(shown[i].peeked.taken, i < 3);
        ck_assert(!shown[i].peeked.alive);
        ck_assert_int_eq(shown[i].message.redelivered, i < 3);
    }
    end();
}
END_TEST

/* In its place among the others, although it is no longer in the ring; _i: alive, dead, given back. */
START_TEST(a_held_message_is_shown)
{
    struct shmq_message message;
    begin("held");
    put(1, 4);
    struct shmq *first = lease(1, &message);
    for (int i = 1; i < 4; i++) /* the batch to its end */
        ck_assert_int_eq(shmq_lease(first, &message, 0), 0);
    ck_assert_int_eq(shmq_acknowledge(first, 3), 0);
    ck_assert_int_eq(shmq_hold(first, &message), 0);
    put(5, 6);
    expect_numbers(4, 6);
    ck_assert(shown[0].peeked.held && shown[0].peeked.taken && shown[0].peeked.alive);
    ck_assert(!shown[0].message.redelivered);
    ck_assert_uint_eq(shown[0].message.position, message.position);
    ck_assert_uint_eq(shown[0].message.stream_offset, message.stream_offset);
    ck_assert(!shown[1].peeked.taken);
    ck_assert_int_eq(shmq_fail(first, NULL), 0);
    if (_i == 1)
        shmq_abandon(first);
    if (_i == 2)
        ck_assert_int_eq(shmq_close(first), 0);
    expect_numbers(4, 6);
    ck_assert_uint_eq(shown[0].message.attempts, 1);
    ck_assert(shown[0].message.redelivered);
    ck_assert_int_eq(shown[0].peeked.alive, _i == 0);
    if (_i == 0)
        ck_assert_int_eq(shmq_acknowledge(first, 1), 0);
    if (_i == 0) {
        expect_numbers(5, 6);
        ck_assert_int_eq(shmq_close(first), 0);
    }
    end();
}
END_TEST

/* ------------------------------------------------------------------ while it changes */

#define ROUNDS 500

struct body {
    uint64_t number;
    uint64_t length;
};

static void fill(unsigned char *bytes, uint64_t number, size_t length)
{
    const struct body body = {number, length};
    memset(bytes, (int)(number & 0xff), length);
    memcpy(bytes, &body, sizeof(body));
}

static void put_for_ever(void *context)
{
    _Atomic bool *over = context;
    unsigned char bytes[LONGEST];
    struct shmq *handle;
    process_require_equal(shmq_open(&handle, queue, SHMQ_PRODUCER, &attach_only), 0);
    for (uint64_t i = 0; !atomic_load(over); i++) {
        const size_t length = sizeof(struct body) + (i * 37) % 900;
        fill(bytes, i, length);
        process_require_equal(shmq_put(handle, bytes, length, SHMQ_FOREVER), 0);
    }
    process_require_equal(shmq_close(handle), 0);
}

static void take_for_ever(void *context)
{
    struct shmq *handle;
    struct shmq_message message;
    int code;
    (void)context;
    const struct shmq_options one = {SHMQ_OPTIONS_DEFAULTS, .prefetch = 1};
    process_require_equal(shmq_open(&handle, queue, SHMQ_CONSUMER, &one), 0);
    for (uint64_t i = 0; (code = shmq_lease(handle, &message, SHMQ_FOREVER)) == 0; i++) {
        for (volatile int spin = 0; spin < 5000; spin++) /* so that messages gather */
            ;
        if (i % 3 == 0)
            process_require_equal(shmq_hold(handle, &message), 0);
        for (volatile int spin = 0; spin < 5000; spin++)
            ;
        process_require_equal(shmq_acknowledge(handle, 1), 0);
    }
    process_require_equal(code, -ENODATA);
    process_require_equal(shmq_close(handle), 0);
}

struct live {
    uint64_t shown;
    uint64_t held;
    uint64_t last_number;
    uint64_t last_position;
    uint64_t visits;
};

/* Whole, in order, none twice. */
static int expect_whole(void *context, const struct shmq_peeked *peeked)
{
    struct live *live = context;
    const struct shmq_message *message = peeked->message;
    const unsigned char *bytes = message->data;
    struct body body;
    ck_assert_uint_ge(message->length, sizeof(body));
    memcpy(&body, bytes, sizeof(body));
    ck_assert_uint_eq(body.length, message->length);
    for (size_t i = sizeof(body); i < message->length; i++)
        ck_assert_uint_eq(bytes[i], body.number & 0xff);
    if (live->visits++ > 0) {
        ck_assert_uint_gt(body.number, live->last_number);
        ck_assert_uint_gt(message->position, live->last_position);
    }
    live->last_number = body.number;
    live->last_position = message->position;
    live->shown++;
    live->held += peeked->held;
    return 0;
}

START_TEST(no_message_is_shown_half)
{
    struct process processes[3];
    _Atomic bool *over = process_share(sizeof(*over));
    struct live live = {0};
    use_queue("live");
    ck_assert_int_eq(shmq_create(queue, &small), 0);
    observer = test_queue_open(queue, SHMQ_OBSERVER, &attach_only);
    process_start(&processes[0], put_for_ever, (void *)over);
    process_start(&processes[1], take_for_ever, NULL);
    process_start(&processes[2], take_for_ever, NULL);
    for (int i = 0; i < ROUNDS || live.shown < 5 * ROUNDS; i++) {
        live.visits = 0;
        ck_assert_int_eq(shmq_peek(observer, 0, expect_whole, &live), 0);
    }
    atomic_store(over, true);
    for (size_t i = 0; i < 3; i++)
        process_expect_success(&processes[i]);
    (void)fprintf(stderr, "shown beside work: %llu messages, %llu of them in seat buffers\n",
                  (unsigned long long)live.shown, (unsigned long long)live.held);
    ck_assert_int_eq(shmq_close(observer), 0);
    test_queue_remove(queue);
}
END_TEST

/* ------------------------------------------------------------------ damage, and wrong calls */

/* What is before the damage is shown. */
START_TEST(damage_is_said)
{
    static const char *const headers = "A: b\n";
    struct planted planted;
    struct shmq_message message;
    const struct shmq_outgoing with = {OUTGOING("x", 1), .headers = headers, .headers_length = 5};
    begin("damage");
    planted_map(&planted, queue);
    const struct geometry *g = &planted.geometry;
    put(1, 3);
    struct record *record = planted_record(&planted, 0, g->cells + 1);
    const uint64_t word = atomic_load(&record->word);
    atomic_store(&record->word, word ^ UINT64_C(1) << 63);
    ck_assert_int_eq(peek(0), -EBADMSG);
    ck_assert_uint_eq(count, 1);
    atomic_store(&record->word, word + 2 * LONGEST);
    ck_assert_int_eq(peek(0), -EBADMSG);
    atomic_store(&record->word, word);
    expect_numbers(1, 3);

    ck_assert_int_eq(shmq_put_outgoing(producer, &with, 1, NULL, 0), 0);
    unsigned char *const block =
        planted.base + geometry_lane_offset(g, 0) + g->arena_offset + 3 * (size_t)64; /* of the fourth */
    block[3] = 0x7f;
    ck_assert_int_eq(peek(0), -EBADMSG);
    ck_assert_uint_eq(count, 3);
    block[3] = 0;
    ck_assert_int_eq(peek(0), 0);

    struct shmq *consumer = test_queue_open(queue, SHMQ_CONSUMER, &attach_only);
    for (int i = 0; i < 4; i++)
        ck_assert_int_eq(shmq_lease(consumer, &message, 0), 0);
    ck_assert_int_eq(shmq_acknowledge(consumer, 3), 0);
    ck_assert_int_eq(shmq_hold(consumer, &message), 0);
    ck_assert_int_eq(peek(0), 0);
    ck_assert_uint_eq(count, 1);
    ck_assert_str_eq(shown[0].headers, headers);
    planted_buffer(&planted, 0)[4] = 1; /* the payload begins elsewhere */
    ck_assert_int_eq(peek(0), -EBADMSG);
    atomic_fetch_add(&planted.seats[0].held_record[0], UINT64_C(1) << 31);
    ck_assert_int_eq(peek(0), -EBADMSG);
    planted_unmap(&planted);
    (void)shmq_close(consumer);
    end();
}
END_TEST

static void peek_in_child(void *context)
{
    (void)context;
    process_require_equal(shmq_peek(observer, 0, note, &count), -ECHILD);
}

START_TEST(wrong_calls)
{
    struct process child;
    begin("wrong");
    ck_assert_int_eq(shmq_peek(observer, 2, note, &count), -EINVAL);
    ck_assert_int_eq(shmq_peek(observer, 0, NULL, &count), -EINVAL);
    ck_assert_int_eq(shmq_peek(NULL, 0, note, &count), -EINVAL);
    ck_assert_int_eq(shmq_peek(producer, 0, note, &count), 0);
    process_start(&child, peek_in_child, NULL);
    process_expect_success(&child);
    end();
}
END_TEST

static const struct test tests[] = {
    TEST_GROUP("what is shown"),
    TEST(all_messages_are_shown_in_their_order),
    TEST(a_message_is_shown_as_it_would_be_delivered),
    TEST(each_lane_is_shown_by_itself),
    TEST(the_visitor_may_end_it),
    TEST(nothing_changes),
    TEST_GROUP("who has it"),
    TEST(who_has_it_is_shown),
    TEST_EACH(a_held_message_is_shown, 3),
    TEST_GROUP("while it changes"),
    TEST(no_message_is_shown_half),
    TEST_GROUP("damage, and wrong calls"),
    TEST(damage_is_said),
    TEST(wrong_calls),
};
TEST_SUITE("peek", tests, .seconds = 30);
