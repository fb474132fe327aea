/* SPDX-License-Identifier: MIT */
/*
 * Messages of all sizes and frames, put and taken in every way that there is and in any number, beside a list of
 * what must come: short ones have ways of their own through the library, several at a time, round the end of a
 * lap.
 */
#include <check.h>
#include <errno.h>
#include <string.h>

#include "common/shmq.h"
#include "tests/support/harness.h"
#include "tests/support/plain_ring.h"
#include "tests/support/planted.h"

#define CELL 64u
#define LONGEST 1024u
#define MANY 24u     /* messages of one call, at the most */
#define WAITING 128u /* more than the lane holds */
#define ROUNDS 6000u

struct sent {
    uint64_t seed;
    uint64_t position;
    uint64_t offset;
    size_t length;
    uint32_t fails;
    uint8_t frame;
    uint8_t delimiter;
    bool handed; /* to a consumer that went */
};

static struct shmq_options small;
static struct shmq *producer;
static struct shmq *consumer;
static const char *name;
static struct {
    struct sent sent[WAITING]; /* by number */
    uint64_t put;
    uint64_t taken; /* acknowledged */
    uint64_t position;
    uint64_t offset;
    uint64_t random;
    uint8_t frame;
    uint8_t delimiter;
    size_t usual; /* length of most */
} story;

static void open_queue(uint64_t longest)
{
    small = planted_small();
    small.max_message_bytes = longest;
    name = test_name("mixture");
    producer = planted_open(name, SHMQ_PRODUCER, &small);
    consumer = planted_open(name, SHMQ_CONSUMER, &small);
    memset(&story, 0, sizeof(story));
    struct shmq_lane_stat stat = SHMQ_LANE_STAT_INIT;
    ck_assert_int_eq(shmq_stat_lane(producer, 0, &stat), 0);
    story.position = stat.tail_position;
}

static void set_up(void)
{
    open_queue(LONGEST);
}

static void tear_down(void)
{
    ck_assert_int_eq(shmq_check(consumer, NULL, NULL), 0);
    ck_assert_int_eq(shmq_close(producer), 0);
    ck_assert_int_eq(shmq_close(consumer), 0);
    ck_assert_int_eq(shmq_remove(name, true), 0);
    ck_assert_uint_eq(test_leftovers(name), 0);
}

static uint64_t draw(uint64_t below)
{
    return plain_random(&story.random) % below;
}

static struct sent *sent(uint64_t number)
{
    return &story.sent[number % WAITING];
}

/* ------------------------------------------------------------------ putting */

static size_t any_length(void)
{
    static const size_t lengths[] = {0,  1,  2,  3,  4,  7,  8,  15, 16, 17,  31,  32,
                                     33, 47, 48, 49, 63, 64, 65, 66, 80, 128, 129, LONGEST};
    return draw(8) != 0 ? story.usual : lengths[draw(COUNT(lengths))];
}

/* Message number put + @ahead, as it will be if it is put. */
static void prepare(uint64_t ahead, unsigned char *bytes)
{
    struct sent *s = sent(story.put + ahead);
    *s = (struct sent){
        .seed = draw(251), .length = any_length(), .frame = story.frame, .delimiter = story.delimiter};
    plain_fill(bytes, (uint32_t)s->length, s->seed);
}

static void note_put(uint64_t count)
{
    static const uint64_t framing[] = {0, 1, 4};
    for (uint64_t i = 0; i < count; i++) {
        struct sent *s = sent(story.put++);
        s->position = story.position;
        s->offset = story.offset;
        story.position += s->length == 0 ? 1 : (s->length + CELL - 1) / CELL;
        story.offset += s->length + framing[s->frame];
    }
}

static void put_one(void)
{
    unsigned char bytes[LONGEST];
    prepare(0, bytes);
    const int error = shmq_put(producer, bytes, sent(story.put)->length, 0);
    ck_assert(error == 0 || error == -EAGAIN);
    note_put(error == 0 ? 1 : 0);
}

static void put_in_place(void)
{
    unsigned char bytes[LONGEST];
    void *payload = NULL;
    prepare(0, bytes);
    const size_t length = sent(story.put)->length;
    const size_t more = length + draw(LONGEST - length + 1);
    const int error = shmq_reserve(producer, more, &payload, 0);
    ck_assert(error == 0 || error == -EAGAIN);
    if (error != 0 || draw(8) == 0) /* one that is given up leaves nothing */
        return;
    memcpy(payload, bytes, length);
    ck_assert_int_eq(shmq_commit(producer, length), 0);
    note_put(1);
}

static void put_many(void)
{
    static unsigned char bytes[MANY][LONGEST];
    struct iovec messages[MANY];
    const size_t count = 1 + draw(MANY);
    size_t done = 77;
    for (size_t i = 0; i < count; i++) {
        prepare(i, bytes[i]);
        messages[i] = (struct iovec){.iov_base = bytes[i], .iov_len = sent(story.put + i)->length};
    }
    const int error = shmq_put_many(producer, messages, count, &done, 0);
    ck_assert_int_eq(error, done == count ? 0 : -EAGAIN);
    ck_assert_uint_le(done, count);
    note_put(done);
}

static void change_frame(void)
{
    story.frame = (uint8_t)draw(3);
    story.delimiter = story.frame == SHMQ_FRAME_DELIMITER ? (uint8_t)draw(256) : 0;
    story.usual = draw(3) == 0 ? 1 + draw(CELL) : draw(2) == 0 ? CELL : 1;
    ck_assert_int_eq(shmq_set_frame(producer, story.frame, story.delimiter), 0);
}

static void produce(void)
{
    if (draw(16) == 0)
        change_frame();
    switch (draw(4)) {
    case 0:
        put_one();
        break;
    case 1:
        put_in_place();
        break;
    default:
        put_many();
        break;
    }
}

/* ------------------------------------------------------------------ taking */

static void check_message(const struct shmq_message *message, uint64_t number, bool first)
{
    const struct sent *s = sent(number);
    ck_assert_uint_lt(number, story.put);
    ck_assert_uint_eq(message->length, s->length);
    ck_assert(plain_is_filled(message->data, (uint32_t)s->length, s->seed));
    ck_assert_uint_eq(message->position, s->position);
    ck_assert_uint_eq(message->stream_offset, s->offset);
    ck_assert_uint_eq(message->lane, 0);
    ck_assert_uint_eq(message->frame, s->frame);
    ck_assert_uint_eq(message->delimiter, s->delimiter);
    ck_assert_uint_eq(message->attempts, first ? s->fails : 0);
    ck_assert(message->redelivered || !s->handed);
}

static void note_taken(uint64_t count)
{
    story.taken += count;
}

static void get_one(void)
{
    unsigned char bytes[LONGEST + 1];
    size_t length = 77;
    const struct sent *s = sent(story.taken);
    const size_t room = draw(2) == 0 ? s->length : sizeof(bytes) - 1;
    if (s->length > 0 && draw(4) == 0) { /* stays where it is */
        ck_assert_int_eq(shmq_get(consumer, bytes, s->length - 1, &length, 0), -ENOBUFS);
        ck_assert_uint_eq(length, s->length);
    }
    bytes[s->length] = 0x55;
    ck_assert_int_eq(shmq_get(consumer, bytes, room, &length, 0), 0);
    ck_assert_uint_eq(length, s->length);
    ck_assert(plain_is_filled(bytes, (uint32_t)s->length, s->seed));
    ck_assert_uint_eq(bytes[s->length], 0x55);
    note_taken(1);
}

/* Leaves some behind now and then, and the next consumer goes on with them. */
static void come_back(size_t held)
{
    uint32_t fails = 0;
    while (held > 0 && draw(2) == 0)
        ck_assert_int_eq(shmq_fail(consumer, &fails), 0);
    sent(story.taken)->fails = fails > 0 ? fails : sent(story.taken)->fails;
    for (size_t i = 0; i < held; i++)
        sent(story.taken + i)->handed = true;
    ck_assert_int_eq(shmq_close(consumer), 0);
    consumer = planted_open(name, SHMQ_CONSUMER, &small);
}

static void take_many(void)
{
    struct shmq_message messages[MANY];
    size_t count = 0;
    const size_t most = 1 + draw(MANY);
    if (draw(4) == 0) {
        ck_assert_int_eq(shmq_lease(consumer, messages, 0), 0);
        count = 1;
    } else {
        ck_assert_int_eq(shmq_lease_many(consumer, messages, most, &count, 0), 0);
        ck_assert_uint_le(count, most);
    }
    for (size_t i = 0; i < count; i++)
        check_message(&messages[i], story.taken + i, i == 0);
    while (count > 0) {
        const size_t part = 1 + draw(count);
        if (draw(16) == 0) {
            come_back(count);
            return;
        }
        ck_assert_int_eq(shmq_acknowledge(consumer, part), 0);
        note_taken(part);
        count -= part;
    }
}

static void consume(void)
{
    if (story.taken == story.put) {
        size_t length;
        ck_assert_int_eq(shmq_get(consumer, &length, sizeof(length), &length, 0), -EAGAIN);
    } else if (draw(3) == 0) {
        take_many();
    } else {
        get_one();
    }
}

/* ------------------------------------------------------------------ tests */

START_TEST(all_comes_as_it_was_put_in_any_mixture_and_any_number)
{
    story.random = (uint64_t)_i * 1000003;
    change_frame();
    for (uint32_t round = 0; round < ROUNDS; round++) {
        produce();
        for (uint64_t i = draw(24); i > 0; i--)
            consume();
    }
    while (story.taken < story.put)
        consume();
    ck_assert_uint_gt(story.position, 100 * (4096 / CELL)); /* laps */

    struct shmq_stat stat = SHMQ_STAT_INIT;
    ck_assert_int_eq(shmq_stat(consumer, &stat), 0);
    ck_assert_uint_eq(stat.put_messages, story.put);
    ck_assert_uint_eq(stat.put_bytes, story.offset);
    ck_assert_uint_eq(stat.messages, 0);
}
END_TEST

START_TEST(delivered_bytes_are_those_of_the_messages)
{
    size_t count = 0;
    struct shmq_message messages[4];
    struct shmq_seat_stat stat = SHMQ_SEAT_STAT_INIT;
    ck_assert_int_eq(shmq_set_frame(producer, SHMQ_FRAME_LENGTH32, 0), 0);
    planted_put(producer, "three");
    planted_put(producer, "alike");
    planted_put(producer, "words");
    planted_put(producer, "and another");
    ck_assert_int_eq(shmq_lease_many(consumer, messages, 4, &count, 0), 0);
    ck_assert_uint_eq(count, 4);
    ck_assert_int_eq(shmq_acknowledge(consumer, 4), 0);
    ck_assert_int_eq(shmq_stat_seat(consumer, 0, &stat), 0);
    ck_assert_uint_eq(stat.delivered, 4);
    ck_assert_uint_eq(stat.delivered_bytes, 26);
}
END_TEST

/* A cell would hold them, but nobody would take them. */
START_TEST(no_message_is_longer_than_the_longest_where_that_is_less_than_a_cell)
{
    tear_down();
    open_queue(10);
    char text[64] = "0123456789abcdef";
    for (size_t good = 0; good < 4; good++) {
        struct iovec messages[5];
        size_t done = 77;
        size_t length = 0;
        for (size_t i = 0; i < 5; i++)
            messages[i] = (struct iovec){.iov_base = text,
                                         .iov_len = i < good    ? 10
                                                    : i == good ? 11 + 17 * good
                                                                : 1};
        ck_assert_int_eq(shmq_put_many(producer, messages, 5, &done, 0), -EMSGSIZE);
        ck_assert_uint_eq(done, good);
        ck_assert_int_eq(shmq_put(producer, text, 11, 0), -EMSGSIZE);
        for (size_t i = 0; i < good; i++)
            ck_assert_int_eq(shmq_get(consumer, text, sizeof(text), &length, 0), 0);
        ck_assert_int_eq(shmq_get(consumer, text, sizeof(text), &length, 0), -EAGAIN);
    }
}
END_TEST

START_TEST(a_first_that_failed_does_not_make_the_others_fail)
{
    uint32_t fails = 0;
    size_t count = 0;
    struct shmq_message messages[4];
    for (int i = 0; i < 4; i++)
        planted_put(producer, "alike");
    ck_assert_int_eq(shmq_lease_many(consumer, messages, 4, &count, 0), 0);
    ck_assert_int_eq(shmq_fail(consumer, &fails), 0);
    ck_assert_int_eq(shmq_close(consumer), 0);
    consumer = planted_open(name, SHMQ_CONSUMER, &small);
    ck_assert_int_eq(shmq_lease_many(consumer, messages, 4, &count, 0), 0);
    ck_assert_uint_eq(count, 4);
    for (size_t i = 0; i < 4; i++) {
        ck_assert_uint_eq(messages[i].attempts, i == 0);
        ck_assert(messages[i].redelivered);
    }
    ck_assert_int_eq(shmq_acknowledge(consumer, 4), 0);
}
END_TEST

static const struct test tests[] = {
    TEST_EACH(all_comes_as_it_was_put_in_any_mixture_and_any_number, 8),
    TEST(delivered_bytes_are_those_of_the_messages),
    TEST(no_message_is_longer_than_the_longest_where_that_is_less_than_a_cell),
    TEST(a_first_that_failed_does_not_make_the_others_fail),
};

TEST_SUITE("mixture", tests, .seconds = 30, .set_up = set_up, .tear_down = tear_down);
