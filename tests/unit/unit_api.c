/* SPDX-License-Identifier: MIT */
/* What the functions of shmq.h do when nothing goes wrong, seen from outside alone. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/core/words.h"
#include "common/queue/handle.h"
#include "common/queue/sized.h"
#include "common/shmq.h"
#include "tests/support/harness.h"
#include "tests/support/pair.h"
#include "tests/support/planted.h"

#define SECOND INT64_C(1000000000)

static void put_number(struct shmq *handle, uint64_t number)
{
    ck_assert_int_eq(shmq_put(handle, &number, sizeof(number), 0), 0);
}

static struct shmq_message lease(struct shmq *handle)
{
    struct shmq_message message;
    ck_assert_int_eq(shmq_lease(handle, &message, 0), 0);
    return message;
}

static uint64_t number_of(const struct shmq_message *message)
{
    uint64_t number;
    ck_assert_uint_eq(message->length, sizeof(number));
    memcpy(&number, message->data, sizeof(number));
    return number;
}

static uint64_t get_number(struct shmq *handle)
{
    uint64_t number = 0;
    size_t length = 0;
    ck_assert_int_eq(shmq_get(handle, &number, sizeof(number), &length, 0), 0);
    ck_assert_uint_eq(length, sizeof(number));
    return number;
}

static void acknowledge(struct shmq *handle, size_t count)
{
    ck_assert_int_eq(shmq_acknowledge(handle, count), 0);
}

static void expect_nothing(struct shmq *handle)
{
    struct shmq_message message;
    ck_assert_int_eq(shmq_lease(handle, &message, 0), -EAGAIN);
}

/* Closes the consumer in the order of things, and opens another in its place. */
static void reopen_consumer(void)
{
    ck_assert_int_eq(shmq_close(consumer), 0);
    consumer = planted_open(name, SHMQ_CONSUMER, &small);
}

/* ------------------------------------------------------------------ putting and getting */

static void fill(unsigned char *bytes, size_t length, size_t seed)
{
    for (size_t i = 0; i < length; i++)
        bytes[i] = (unsigned char)(i * 13 + seed);
}

START_TEST(what_is_put_is_got_at_every_size)
{
    static unsigned char in[4097];
    static unsigned char out[4097];
    size_t length = 0;
    const char *whole = test_name("whole");
    struct shmq_options options = small;
    options.max_message_bytes = 4096; /* as large as the lane */
    struct shmq *from = planted_open(whole, SHMQ_PRODUCER, &options);
    struct shmq *to = planted_open(whole, SHMQ_CONSUMER, &options);
    for (size_t size = 0; size <= 4096; size++) {
        fill(in, size, size);
        out[size] = 0x55;
        ck_assert_int_eq(shmq_put(from, in, size, 0), 0);
        ck_assert_int_eq(shmq_get(to, out, size, &length, 0), 0);
        ck_assert_uint_eq(length, size);
        ck_assert_int_eq(memcmp(in, out, size), 0);
        ck_assert_uint_eq(out[size], 0x55);
    }
    ck_assert_int_eq(shmq_put(from, in, 4097, 0), -EMSGSIZE);
    ck_assert_int_eq(shmq_close(from), 0);
    ck_assert_int_eq(shmq_close(to), 0);
    ck_assert_int_eq(shmq_remove(whole, false), 0);
}
END_TEST

START_TEST(messages_come_in_the_order_they_were_put)
{
    uint64_t next = 0;
    for (uint64_t i = 0; i < 1000; i++) {
        put_number(producer, i);
        if (i % 7 == 6)
            for (int n = 0; n < 7; n++)
                ck_assert_uint_eq(get_number(consumer), next++);
    }
    while (next < 1000)
        ck_assert_uint_eq(get_number(consumer), next++);
    expect_nothing(consumer);
}
END_TEST

START_TEST(a_lane_holds_as_many_cells_as_it_has)
{
    int count = 0;
    while (shmq_put(producer, "x", 1, 0) == 0)
        count++;
    ck_assert_int_eq(count, 64);
    acknowledge(consumer, 0);
    (void)lease(consumer);
    ck_assert_int_eq(shmq_put(producer, "x", 1, 0), -EAGAIN); /* leased is not acknowledged */
}
END_TEST

/* ------------------------------------------------------------------ reserve and commit */

START_TEST(a_reserved_message_is_filled_in_place)
{
    void *payload = NULL;
    ck_assert_int_eq(shmq_reserve(producer, 100, &payload, 0), 0);
    ck_assert_uint_eq((uintptr_t)payload % 64, 0);
    fill(payload, 100, 1);
    expect_nothing(consumer);
    ck_assert_int_eq(shmq_commit(producer, 60), 0); /* shorter than reserved */
    const struct shmq_message message = lease(consumer);
    unsigned char expected[60];
    fill(expected, 60, 1);
    ck_assert_uint_eq(message.length, 60);
    ck_assert_mem_eq(message.data, expected, 60);
    acknowledge(consumer, 1);
    put_number(producer, 5);
    const struct shmq_message next = lease(consumer);
    ck_assert_uint_eq(next.position, message.position + 1); /* takes what it needs only */
    acknowledge(consumer, 1);
}
END_TEST

START_TEST(a_second_reserve_replaces_the_first)
{
    void *first = NULL;
    void *second = NULL;
    ck_assert_int_eq(shmq_reserve(producer, 8, &first, 0), 0);
    memcpy(first, "first...", 8);
    ck_assert_int_eq(shmq_reserve(producer, 200, &second, 0), 0);
    memcpy(second, "second", 6);
    ck_assert_int_eq(shmq_commit(producer, 6), 0);
    const struct shmq_message message = lease(consumer);
    ck_assert_uint_eq(message.length, 6);
    ck_assert_mem_eq(message.data, "second", 6);
    acknowledge(consumer, 1);
    expect_nothing(consumer);
}
END_TEST

START_TEST(a_put_replaces_a_reservation)
{
    void *payload;
    ck_assert_int_eq(shmq_reserve(producer, 8, &payload, 0), 0);
    put_number(producer, 1);
    ck_assert_int_eq(shmq_commit(producer, 8), -EINVAL);
    ck_assert_uint_eq(get_number(consumer), 1);
    expect_nothing(consumer);
}
END_TEST

START_TEST(a_reservation_that_is_not_committed_leaves_nothing)
{
    void *payload;
    for (int i = 0; i < 100; i++)
        ck_assert_int_eq(shmq_reserve(producer, 1024, &payload, 0), 0);
    shmq_abandon(producer);
    expect_nothing(consumer);
    producer = planted_open(name, SHMQ_PRODUCER, &small);
    put_number(producer, 2);
    ck_assert_uint_eq(get_number(consumer), 2);
}
END_TEST

/* ------------------------------------------------------------------ many at once */

static size_t put_many(const size_t *lengths, size_t count, int expected)
{
    static unsigned char bytes[2048];
    struct iovec vectors[512];
    size_t done = SIZE_MAX;
    for (size_t i = 0; i < count; i++)
        vectors[i] = (struct iovec){.iov_base = bytes, .iov_len = lengths[i]};
    ck_assert_int_eq(shmq_put_many(producer, vectors, count, &done, 0), expected);
    return done;
}

START_TEST(many_are_put_together_as_far_as_there_is_room)
{
    static const size_t none;
    size_t lengths[100];
    for (size_t i = 0; i < 100; i++)
        lengths[i] = i % 64;
    ck_assert_uint_eq(put_many(&none, 0, 0), 0);
    ck_assert_uint_eq(put_many(lengths, 10, 0), 10);
    ck_assert_uint_eq(put_many(lengths + 10, 90, -EAGAIN), 54);
    for (size_t i = 0; i < 64; i++) {
        ck_assert_uint_eq(lease(consumer).length, i);
        acknowledge(consumer, 1);
    }
    expect_nothing(consumer);
    ck_assert_uint_eq(put_many(lengths + 64, 36, 0), 36);
}
END_TEST

/* Room that is not known of before, and lengths beside those of the short ones. */
START_TEST(what_needs_a_look_for_room_is_put_whole)
{
    static const size_t lengths[] = {0, 1, 2, 63, 64, 65};
    unsigned char bytes[65];
    for (size_t i = 0; i < COUNT(lengths); i++) {
        for (size_t filled = 0; filled < 64; filled++)
            put_number(producer, filled);
        for (size_t filled = 0; filled < 64; filled++)
            ck_assert_uint_eq(get_number(consumer), filled);
        fill(bytes, lengths[i], 100 + i);
        ck_assert_int_eq(shmq_put(producer, bytes, lengths[i], 0), 0);
        const struct shmq_message message = lease(consumer);
        ck_assert_uint_eq(message.length, lengths[i]);
        ck_assert(lengths[i] == 0 || memcmp(message.data, bytes, lengths[i]) == 0);
        acknowledge(consumer, 1);
        put_number(producer, 1); /* the next begins with another room */
        ck_assert_uint_eq(get_number(consumer), 1);
    }
}
END_TEST

START_TEST(many_put_together_count_as_they_are)
{
    unsigned char bytes[200] = {0};
    struct iovec messages[20];
    struct shmq_lane_stat stat = SHMQ_LANE_STAT_INIT;
    uint64_t expected = 0;
    size_t done;
    ck_assert_int_eq(shmq_set_frame(producer, SHMQ_FRAME_LENGTH32, 0), 0);
    for (size_t i = 0; i < 20; i++) {
        messages[i] = (struct iovec){bytes, i % 7 == 6 ? 100 + i : i % 7};
        expected += messages[i].iov_len + 4;
    }
    ck_assert_int_eq(shmq_put_many(producer, messages, 20, &done, 0), 0);
    ck_assert_uint_eq(done, 20);
    ck_assert_int_eq(shmq_stat_lane(producer, 0, &stat), 0);
    ck_assert_uint_eq(stat.put_messages, 20);
    ck_assert_uint_eq(stat.put_bytes, expected);
    uint64_t offset = 0;
    for (size_t i = 0; i < 20; i++) {
        const struct shmq_message message = lease(consumer);
        ck_assert_uint_eq(message.length, messages[i].iov_len);
        ck_assert_uint_eq(message.stream_offset, offset);
        offset += message.length + 4;
        acknowledge(consumer, 1);
    }
}
END_TEST

START_TEST(many_stop_before_the_one_that_is_too_long)
{
    static const size_t lengths[] = {1, 2, 1025, 4};
    ck_assert_uint_eq(put_many(lengths, 4, -EMSGSIZE), 2);
    ck_assert_uint_eq(put_many(lengths + 2, 2, -EMSGSIZE), 0);
    ck_assert_uint_eq(put_many(lengths + 3, 1, 0), 1);
    ck_assert_uint_eq(lease(consumer).length, 1);
    ck_assert_uint_eq(lease(consumer).length, 2);
    acknowledge(consumer, 2);
    ck_assert_uint_eq(lease(consumer).length, 4);
    acknowledge(consumer, 1);
}
END_TEST

struct many {
    struct shmq *handle;
    int error;
    size_t done;
};

static void *put_300(void *argument)
{
    struct many *many = argument;
    static uint64_t numbers[300];
    static struct iovec vectors[300];
    for (size_t i = 0; i < 300; i++) {
        numbers[i] = i;
        vectors[i] = (struct iovec){.iov_base = &numbers[i], .iov_len = sizeof(numbers[i])};
    }
    many->error = shmq_put_many(many->handle, vectors, 300, &many->done, SHMQ_FOREVER);
    return NULL;
}

START_TEST(many_wait_for_room_as_one_would)
{
    struct many many = {.handle = producer};
    pthread_t thread;
    ck_assert_int_eq(pthread_create(&thread, NULL, put_300, &many), 0);
    for (uint64_t i = 0; i < 300; i++) {
        uint64_t number = 0;
        size_t length;
        ck_assert_int_eq(shmq_get(consumer, &number, sizeof(number), &length, 5 * SECOND), 0);
        ck_assert_uint_eq(number, i);
    }
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    ck_assert_int_eq(many.error, 0);
    ck_assert_uint_eq(many.done, 300);
}
END_TEST

START_TEST(many_are_leased_and_acknowledged_in_parts)
{
    struct shmq_message messages[16];
    size_t count = 0;
    for (uint64_t i = 0; i < 10; i++)
        put_number(producer, i);
    ck_assert_int_eq(shmq_lease_many(consumer, messages, 4, &count, 0), 0);
    ck_assert_uint_eq(count, 4);
    acknowledge(consumer, 3);
    ck_assert_int_eq(shmq_lease_many(consumer, messages + 4, 12, &count, 0), 0);
    ck_assert_uint_eq(count, 6);
    for (uint64_t i = 3; i < 10; i++)
        ck_assert_uint_eq(number_of(&messages[i]), i); /* still in place */
    ck_assert_int_eq(shmq_acknowledge(consumer, 8), -EINVAL);
    acknowledge(consumer, 1);
    reopen_consumer(); /* what was not acknowledged comes again */
    for (uint64_t i = 4; i < 10; i++) {
        const struct shmq_message message = lease(consumer);
        ck_assert_uint_eq(number_of(&message), i);
        ck_assert(message.redelivered);
        ck_assert_uint_eq(message.attempts, 0); /* given back in order */
    }
    acknowledge(consumer, 6);
    expect_nothing(consumer);
}
END_TEST

/* Framed alike in rows of different lengths, so that some are handed out together and some are not. */
static const struct {
    uint32_t length;
    enum shmq_frame frame;
    uint8_t delimiter;
} mixture[] = {
    {8, SHMQ_FRAME_DELIMITER, '\n'}, {8, SHMQ_FRAME_DELIMITER, '\n'},   {8, SHMQ_FRAME_DELIMITER, '\n'},
    {1, SHMQ_FRAME_DELIMITER, '\n'}, {64, SHMQ_FRAME_DELIMITER, '\n'},  {65, SHMQ_FRAME_DELIMITER, '\n'},
    {0, SHMQ_FRAME_DELIMITER, '\n'}, {300, SHMQ_FRAME_DELIMITER, '\n'}, {8, SHMQ_FRAME_DELIMITER, 0},
    {8, SHMQ_FRAME_DELIMITER, 0},    {8, SHMQ_FRAME_LENGTH32, 0},       {129, SHMQ_FRAME_LENGTH32, 0},
    {129, SHMQ_FRAME_LENGTH32, 0},   {8, SHMQ_FRAME_NONE, 0},           {8, SHMQ_FRAME_NONE, 0},
    {0, SHMQ_FRAME_NONE, 0},         {128, SHMQ_FRAME_DELIMITER, 'x'},  {8, SHMQ_FRAME_DELIMITER, 'x'},
};
#define MIXTURE (COUNT(mixture))

static void put_mixture(struct shmq *handle)
{
    unsigned char bytes[300];
    for (size_t i = 0; i < MIXTURE; i++) {
        fill(bytes, mixture[i].length, i);
        ck_assert_int_eq(shmq_set_frame(handle, mixture[i].frame, mixture[i].delimiter), 0);
        ck_assert_int_eq(shmq_put(handle, bytes, mixture[i].length, 0), 0);
    }
}

/* Position and stream offset go on by what the message before took. */
static void expect_of_mixture(const struct shmq_message *message, size_t i, uint64_t *position, uint64_t *offset)
{
    static const uint64_t framing[] = {
        [SHMQ_FRAME_NONE] = 0, [SHMQ_FRAME_DELIMITER] = 1, [SHMQ_FRAME_LENGTH32] = 4};
    unsigned char bytes[300];
    const uint64_t length = mixture[i].length;
    fill(bytes, length, i);
    ck_assert_uint_eq(message->length, length);
    ck_assert(length == 0 || memcmp(message->data, bytes, length) == 0);
    ck_assert_uint_eq(message->position, *position);
    ck_assert_uint_eq(message->stream_offset, *offset);
    ck_assert_uint_eq(message->frame, mixture[i].frame);
    ck_assert_uint_eq(message->delimiter, mixture[i].delimiter);
    ck_assert_uint_eq(message->lane, 1);
    ck_assert_uint_eq(message->attempts, 0);
    *position += length == 0 ? 1 : (length + 63) / 64;
    *offset += length + framing[mixture[i].frame];
}

START_TEST(many_are_leased_with_all_that_belongs_to_each)
{
    struct shmq_message messages[MIXTURE];
    struct shmq_seat_stat seat = SHMQ_SEAT_STAT_INIT;
    const char *mixed = test_name("mixed");
    struct shmq_options options = small;
    options.capacity_bytes = 65536;
    options.prefetch = MIXTURE;
    struct shmq *first = planted_open(mixed, SHMQ_PRODUCER, &options);
    struct shmq *from = planted_open(mixed, SHMQ_PRODUCER, &options); /* lane 1 */
    struct shmq *to = planted_open(mixed, SHMQ_CONSUMER, &options);
    put_mixture(from);
    for (size_t most = 0; most <= MIXTURE; most++) { /* 0: each by itself */
        uint64_t position = 1024;
        uint64_t offset = 0;
        for (size_t i = 0, count = 1; i < MIXTURE; i += count) {
            const int error =
                most == 0 ? shmq_lease(to, messages, 0) : shmq_lease_many(to, messages, most, &count, 0);
            ck_assert_int_eq(error, 0);
            ck_assert_uint_eq(count, most < 2 ? 1 : most < MIXTURE - i ? most : MIXTURE - i);
            for (size_t j = 0; j < count; j++) {
                expect_of_mixture(&messages[j], i + j, &position, &offset);
                ck_assert_int_eq(messages[j].redelivered, most > 0);
            }
        }
        ck_assert_int_eq(shmq_lease(to, messages, 0), -EBUSY);
        if (most < MIXTURE)
            ck_assert_int_eq(shmq_release(to), 0);
    }
    acknowledge(to, MIXTURE);
    ck_assert_int_eq(shmq_close(to), 0);
    uint64_t delivered = 0, bytes = 0, expected = 0;
    for (uint32_t i = 0; i < options.seats; i++) {
        ck_assert_int_eq(shmq_stat_seat(from, i, &seat), 0);
        delivered += seat.delivered;
        bytes += seat.delivered_bytes;
    }
    for (size_t i = 0; i < MIXTURE; i++)
        expected += mixture[i].length;
    ck_assert_uint_eq(delivered, MIXTURE);
    ck_assert_uint_eq(bytes, expected);
    ck_assert_int_eq(shmq_close(first), 0);
    ck_assert_int_eq(shmq_close(from), 0);
    ck_assert_int_eq(shmq_remove(mixed, true), 0);
}
END_TEST

START_TEST(a_batch_is_no_larger_than_prefetch)
{
    struct shmq_message messages[64];
    size_t count = 0;
    ck_assert_int_eq(shmq_close(consumer), 0);
    small.prefetch = 3;
    consumer = planted_open(name, SHMQ_CONSUMER, &small);
    for (uint64_t i = 0; i < 10; i++)
        put_number(producer, i);
    for (size_t i = 0; i < 4; i++) {
        ck_assert_int_eq(shmq_lease_many(consumer, messages, 64, &count, 0), 0);
        ck_assert_uint_eq(count, (i < 3 ? 3 : 1));
        acknowledge(consumer, count);
    }
}
END_TEST

/* ------------------------------------------------------------------ holding and failing */

START_TEST(a_held_message_is_out_of_the_ring)
{
    ck_assert_int_eq(shmq_close(consumer), 0);
    small.prefetch = 1;
    consumer = planted_open(name, SHMQ_CONSUMER, &small);
    unsigned char bytes[1000];
    fill(bytes, sizeof(bytes), 9);
    ck_assert_int_eq(shmq_put(producer, bytes, sizeof(bytes), 0), 0);
    struct shmq_message message = lease(consumer);
    const struct shmq_message leased = message;
    ck_assert_int_eq(shmq_hold(consumer, &message), 0);
    ck_assert_ptr_ne(message.data, leased.data);
    ck_assert_uint_eq((uintptr_t)message.data % 64, 0);
    ck_assert_uint_eq(message.length, leased.length);
    ck_assert_uint_eq(message.position, leased.position);
    const void *held = message.data;
    ck_assert_int_eq(shmq_hold(consumer, &message), 0); /* again */
    ck_assert_ptr_eq(message.data, held);
    for (int i = 0; i < 64; i++) /* all of the lane is free */
        put_number(producer, 1);
    ck_assert_mem_eq(message.data, bytes, sizeof(bytes));
    ck_assert_int_eq(shmq_join(producer, 0), -EAGAIN);
    acknowledge(consumer, 1);
    for (int i = 0; i < 64; i++)
        ck_assert_uint_eq(get_number(consumer), 1);
    ck_assert_int_eq(shmq_join(producer, 0), 0);
}
END_TEST

START_TEST(a_held_message_goes_to_the_next_with_all_that_belongs_to_it)
{
    ck_assert_int_eq(shmq_set_frame(producer, SHMQ_FRAME_DELIMITER, ';'), 0);
    planted_put(producer, "before");
    planted_put(producer, "held");
    struct shmq_message message = lease(consumer);
    acknowledge(consumer, 1);
    message = lease(consumer);
    const struct shmq_message leased = message;
    uint32_t attempts = 0;
    ck_assert_int_eq(shmq_hold(consumer, &message), 0);
    ck_assert_int_eq(shmq_fail(consumer, &attempts), 0);
    ck_assert_uint_eq(attempts, 1);
    reopen_consumer();
    message = lease(consumer);
    ck_assert_mem_eq(message.data, "held", 4);
    ck_assert_uint_eq(message.length, 4);
    ck_assert_uint_eq(message.position, leased.position);
    ck_assert_uint_eq(message.stream_offset, 7);
    ck_assert_uint_eq(message.lane, leased.lane);
    ck_assert_uint_eq(message.frame, SHMQ_FRAME_DELIMITER);
    ck_assert_uint_eq(message.delimiter, ';');
    ck_assert_uint_eq(message.attempts, 1);
    ck_assert(message.redelivered);
    ck_assert_int_eq(shmq_hold(consumer, &message), 0);
    acknowledge(consumer, 1);
    expect_nothing(consumer);
    ck_assert_int_eq(shmq_join(consumer, 0), 0);
}
END_TEST

/* It stays known of which lane it is, and that none of it is acknowledged. */
START_TEST(a_held_message_of_any_lane_goes_to_the_next)
{
    struct planted planted;
    struct shmq *second = planted_open(name, SHMQ_PRODUCER, &small);
    put_number(second, 2);
    struct shmq_message message = lease(consumer);
    ck_assert_uint_eq(message.lane, 1);
    ck_assert_int_eq(shmq_fail(consumer, NULL), 0);
    ck_assert_int_eq(shmq_hold(consumer, &message), 0);
    planted_map(&planted, name);
    ck_assert_uint_eq(atomic_load(&planted.seats[0].held_attempts), progress_pack(1, 0));
    ck_assert_int_eq(shmq_fail(consumer, NULL), 0);
    ck_assert_uint_eq(atomic_load(&planted.seats[0].held_attempts), progress_pack(2, 0));
    planted_unmap(&planted);
    reopen_consumer();
    message = lease(consumer);
    ck_assert_uint_eq(message.lane, 1);
    ck_assert_uint_eq(message.attempts, 2);
    ck_assert_uint_eq(number_of(&message), 2);
    acknowledge(consumer, 1);
    ck_assert_int_eq(shmq_close(second), 0);
}
END_TEST

START_TEST(a_message_of_any_length_is_held)
{
    static const size_t lengths[] = {0, 1, 2, 64, 65, 1024};
    unsigned char bytes[1024];
    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        fill(bytes, lengths[i], i + 1);
        ck_assert_int_eq(shmq_put(producer, bytes, lengths[i], 0), 0);
        struct shmq_message message = lease(consumer);
        ck_assert_int_eq(shmq_hold(consumer, &message), 0);
        ck_assert_uint_eq(message.length, lengths[i]);
        ck_assert(lengths[i] == 0 || memcmp(message.data, bytes, lengths[i]) == 0);
        reopen_consumer();
        message = lease(consumer);
        ck_assert_uint_eq(message.length, lengths[i]);
        ck_assert(lengths[i] == 0 || memcmp(message.data, bytes, lengths[i]) == 0);
        acknowledge(consumer, 1);
    }
}
END_TEST

START_TEST(a_held_message_counts_as_one_of_the_queue_s)
{
    struct planted planted;
    struct shmq_seat_stat seat = SHMQ_SEAT_STAT_INIT;
    struct shmq_stat stat = SHMQ_STAT_INIT;
    struct shmq *second = planted_open(name, SHMQ_PRODUCER, &small);
    put_number(second, 2);
    put_number(producer, 1);
    struct shmq_message message = lease(consumer);
    ck_assert_int_eq(shmq_fail(consumer, NULL), 0);
    ck_assert_int_eq(shmq_hold(consumer, &message), 0);
    planted_map(&planted, name);
    for (uint32_t waiting = 0; waiting < 2; waiting++) {
        atomic_store(&planted.seats[0].waiting, waiting);
        ck_assert_int_eq(shmq_stat_seat(producer, 0, &seat), 0);
        ck_assert_int_eq(seat.waiting, waiting != 0);
        ck_assert(seat.alive && seat.taken && seat.holding);
        ck_assert_uint_eq(seat.leased, 1);
        ck_assert_uint_eq(seat.lane, message.lane);
        ck_assert_uint_eq(seat.position, message.position);
        ck_assert_uint_eq(seat.attempts, 1);
    }
    planted_unmap(&planted);
    ck_assert_int_eq(shmq_stat(producer, &stat), 0);
    ck_assert_uint_eq(stat.messages, 2);
    ck_assert_uint_eq(stat.message_bytes, 16);
    ck_assert_uint_eq(stat.consumers, 1);
    ck_assert_uint_eq(stat.producers, 2);
    acknowledge(consumer, 1);
    message = lease(consumer);
    acknowledge(consumer, 1);
    ck_assert_int_eq(shmq_close(second), 0);
}
END_TEST

/* Also where a message is there to be had without a look. */
START_TEST(nothing_is_got_into_no_buffer)
{
    size_t length;
    char byte;
    put_number(producer, 0);
    put_number(producer, 1);
    put_number(producer, 2);
    ck_assert_int_eq(shmq_close(consumer), 0);
    consumer = planted_open(name, SHMQ_CONSUMER, &small);
    ck_assert_uint_eq(get_number(consumer), 0);
    ck_assert_int_eq(shmq_get(consumer, NULL, 8, &length, 0), -EINVAL);
    ck_assert_int_eq(shmq_get(consumer, &byte, 1, NULL, 0), -EINVAL);
    ck_assert_int_eq(shmq_get(consumer, &byte, 1, &length, 0), -ENOBUFS);
    ck_assert_uint_eq(length, 8);
    ck_assert_uint_eq(get_number(consumer), 1);
    ck_assert_uint_eq(get_number(consumer), 2);
}
END_TEST

START_TEST(failed_attempts_are_counted_with_their_message)
{
    uint32_t attempts = 0;
    put_number(producer, 1);
    put_number(producer, 2);
    struct shmq_message message = lease(consumer);
    ck_assert_uint_eq(message.attempts, 0);
    ck_assert(!message.redelivered);
    for (uint32_t i = 1; i <= 3; i++) {
        ck_assert_int_eq(shmq_fail(consumer, &attempts), 0);
        ck_assert_uint_eq(attempts, i);
    }
    reopen_consumer();
    message = lease(consumer);
    ck_assert_uint_eq(number_of(&message), 1);
    ck_assert_uint_eq(message.attempts, 3);
    ck_assert_int_eq(shmq_fail(consumer, &attempts), 0);
    ck_assert_uint_eq(attempts, 4);
    acknowledge(consumer, 1);
    message = lease(consumer);
    ck_assert_uint_eq(number_of(&message), 2);
    ck_assert_uint_eq(message.attempts, 0); /* the other's are not its own */
    ck_assert_int_eq(shmq_fail(consumer, NULL), 0);
    acknowledge(consumer, 1);
}
END_TEST

/* ------------------------------------------------------------------ releasing */

static void expect_number(struct shmq *handle, uint64_t number, bool redelivered, uint32_t attempts)
{
    const struct shmq_message message = lease(handle);
    ck_assert_uint_eq(number_of(&message), number);
    ck_assert_uint_eq(message.redelivered, redelivered);
    ck_assert_uint_eq(message.attempts, attempts);
}

static void expect_checked(void)
{
    ck_assert_int_eq(shmq_check(consumer, NULL, NULL), 0);
}

/* What is released comes again in its order, to somebody else, before what this one had not yet been handed. */
START_TEST(what_is_released_goes_to_another_at_once_and_in_its_order)
{
    for (uint64_t i = 1; i <= 4; i++)
        put_number(producer, i);
    expect_number(consumer, 1, false, 0);
    expect_number(consumer, 2, false, 0);
    acknowledge(consumer, 1);
    expect_number(consumer, 3, false, 0);
    ck_assert_int_eq(shmq_release(consumer), 0);
    expect_checked();
    ck_assert_int_eq(shmq_acknowledge(consumer, 1), -EINVAL);
    ck_assert_int_eq(shmq_release(consumer), -EINVAL);
    struct shmq *other = planted_open(name, SHMQ_CONSUMER, &small);
    for (uint64_t i = 2; i <= 4; i++)
        expect_number(other, i, true, 0);
    expect_nothing(consumer);
    acknowledge(other, 3);
    ck_assert_int_eq(shmq_join(consumer, 0), 0);
    put_number(producer, 5); /* it goes on in its new seat */
    expect_number(consumer, 5, false, 0);
    acknowledge(consumer, 1);
    ck_assert_int_eq(shmq_close(other), 0);
}
END_TEST

START_TEST(what_is_released_comes_again_to_who_released_it_if_nobody_else_takes_it)
{
    uint32_t attempts = 0;
    put_number(producer, 1);
    put_number(producer, 2);
    expect_number(consumer, 1, false, 0);
    ck_assert_int_eq(shmq_fail(consumer, &attempts), 0);
    for (int i = 0; i < 20; i++) { /* from seat to seat */
        ck_assert_int_eq(shmq_release(consumer), 0);
        expect_checked();
        expect_number(consumer, 1, true, 1); /* the one that failed, and no other */
    }
    acknowledge(consumer, 1);
    expect_number(consumer, 2, true, 0);
    acknowledge(consumer, 1);
    expect_nothing(consumer);
}
END_TEST

START_TEST(a_held_message_can_be_released)
{
    put_number(producer, 1);
    put_number(producer, 2);
    expect_number(consumer, 1, false, 0);
    acknowledge(consumer, 1);
    struct shmq_message message = lease(consumer);
    ck_assert_int_eq(shmq_hold(consumer, &message), 0);
    put_number(producer, 3);
    ck_assert_int_eq(shmq_release(consumer), 0);
    expect_checked();
    struct shmq *other = planted_open(name, SHMQ_CONSUMER, &small);
    expect_number(other, 2, true, 0);
    acknowledge(other, 1);
    expect_number(other, 3, false, 0);
    acknowledge(other, 1);
    expect_nothing(consumer);
    ck_assert_int_eq(shmq_close(other), 0);
}
END_TEST

/* What a dead one had stays in its seat, and needs no other. */
START_TEST(what_was_adopted_can_be_released)
{
    put_number(producer, 1);
    struct shmq *other = planted_open(name, SHMQ_CONSUMER, &small);
    expect_number(other, 1, false, 0);
    shmq_abandon(other);
    expect_number(consumer, 1, true, 0);
    struct shmq *taken[3];
    for (int i = 0; i < 2; i++)
        taken[i] = planted_open(name, SHMQ_CONSUMER, &small);
    ck_assert_int_eq(shmq_open(&taken[2], name, SHMQ_CONSUMER, NULL), -EUSERS);
    ck_assert_int_eq(shmq_release(consumer), 0);
    expect_checked();
    expect_number(taken[0], 1, true, 0);
    expect_nothing(consumer);
    acknowledge(taken[0], 1);
    for (int i = 0; i < 2; i++)
        ck_assert_int_eq(shmq_close(taken[i]), 0);
}
END_TEST

START_TEST(without_a_free_seat_nothing_is_released)
{
    struct shmq *taken[3];
    put_number(producer, 1);
    expect_number(consumer, 1, false, 0);
    for (int i = 0; i < 3; i++)
        taken[i] = planted_open(name, SHMQ_CONSUMER, &small);
    ck_assert_int_eq(shmq_release(consumer), -EUSERS);
    expect_nothing(taken[0]);
    ck_assert_int_eq(shmq_close(taken[1]), 0);
    ck_assert_int_eq(shmq_release(consumer), 0);
    expect_number(taken[0], 1, true, 0);
    acknowledge(taken[0], 1);
    ck_assert_int_eq(shmq_close(taken[0]), 0);
    ck_assert_int_eq(shmq_close(taken[2]), 0);
}
END_TEST

/* A seat in which a dead one left something is not sat down in: its lease would be overwritten. */
START_TEST(who_releases_sits_down_only_where_nothing_was_left)
{
    put_number(producer, 1);
    put_number(producer, 2);
    put_number(producer, 3);
    struct shmq_options single = small;
    single.prefetch = 1;
    struct shmq *first = planted_open(name, SHMQ_CONSUMER, &single);
    struct shmq *second = planted_open(name, SHMQ_CONSUMER, &single);
    expect_number(first, 1, false, 0);
    expect_number(second, 2, false, 0);
    shmq_abandon(first);
    const uint32_t seat = second->consumer.seat;
    ck_assert_int_eq(shmq_release(second), 0);
    ck_assert_uint_ne(second->consumer.seat, seat);
    ck_assert_uint_ne(second->consumer.seat, 1);
    expect_number(second, 3, false, 0);
    acknowledge(second, 1);
    expect_number(second, 1, true, 0);
    acknowledge(second, 1);
    expect_number(second, 2, true, 0);
    acknowledge(second, 1);
    ck_assert_int_eq(shmq_close(second), 0);
}
END_TEST

START_TEST(nothing_is_released_under_a_write_intent)
{
    const struct shmq_write_intent intent = {.device = 1, .inode = 2, .bytes = 8, .count = 1};
    put_number(producer, 1);
    expect_number(consumer, 1, false, 0);
    ck_assert_int_eq(shmq_set_write_intent(consumer, &intent), 0);
    ck_assert_int_eq(shmq_release(consumer), -EBUSY);
    ck_assert_int_eq(shmq_set_write_intent(consumer, NULL), 0);
    ck_assert_int_eq(shmq_release(consumer), 0);
    expect_number(consumer, 1, true, 0);
    acknowledge(consumer, 1);
}
END_TEST

/* ------------------------------------------------------------------ streams and sources */

START_TEST(stream_offsets_count_what_the_frames_add)
{
    static const struct {
        enum shmq_frame frame;
        uint8_t delimiter;
        const char *text;
        uint64_t offset; /* before it */
    } parts[] = {
        {SHMQ_FRAME_NONE, 0, "abc", 0},   {SHMQ_FRAME_DELIMITER, '\n', "line", 3},
        {SHMQ_FRAME_DELIMITER, 0, "", 8}, {SHMQ_FRAME_LENGTH32, 0, "12345", 9},
        {SHMQ_FRAME_LENGTH32, 0, "", 18}, {SHMQ_FRAME_DELIMITER, 255, "x", 22},
        {SHMQ_FRAME_NONE, 0, "", 24},     {SHMQ_FRAME_NONE, 0, "end", 24},
    };
    const size_t count = COUNT(parts);
    for (size_t i = 0; i < count; i++) {
        ck_assert_int_eq(shmq_set_frame(producer, parts[i].frame, parts[i].delimiter), 0);
        planted_put(producer, parts[i].text);
    }
    for (size_t i = 0; i < count; i++) {
        const struct shmq_message message = lease(consumer);
        ck_assert_uint_eq(message.stream_offset, parts[i].offset);
        ck_assert_uint_eq(message.frame, parts[i].frame);
        ck_assert_uint_eq(message.delimiter, parts[i].delimiter);
        ck_assert_uint_eq(message.length, strlen(parts[i].text));
        acknowledge(consumer, 1);
    }
}
END_TEST

static uint64_t resume_offset(struct shmq *handle)
{
    uint64_t offset = 77;
    ck_assert_int_eq(shmq_resume_offset(handle, &offset), 0);
    return offset;
}

static struct shmq *open_source(uint64_t source_id)
{
    struct shmq_options options = small;
    options.source_id = source_id;
    struct shmq *handle = planted_open(name, SHMQ_PRODUCER, &options);
    ck_assert_int_eq(shmq_set_frame(handle, SHMQ_FRAME_DELIMITER, '\n'), 0);
    return handle;
}

START_TEST(a_source_goes_on_where_it_was_committed)
{
    planted_put(producer, "another stream");
    ck_assert_int_eq(shmq_close(producer), 0);
    struct shmq *source = open_source(1);
    ck_assert_uint_eq(resume_offset(source), 0);
    planted_put(source, "12345");
    ck_assert_uint_eq(resume_offset(source), 6);
    void *payload;
    ck_assert_int_eq(shmq_reserve(source, 10, &payload, 0), 0);
    shmq_abandon(source); /* as if it had died */
    source = open_source(1);
    ck_assert_uint_eq(resume_offset(source), 6);
    planted_put(source, "");
    ck_assert_int_eq(shmq_close(source), 0);
    source = open_source(1);
    ck_assert_uint_eq(resume_offset(source), 7);
    shmq_abandon(source);
    struct shmq *other = open_source(2);
    ck_assert_uint_eq(resume_offset(other), 0);
    planted_put(other, "abc");
    source = open_source(1);
    ck_assert_uint_eq(resume_offset(source), 7);
    ck_assert_int_eq(shmq_close(other), 0);
    other = open_source(2);
    ck_assert_uint_eq(resume_offset(other), 4);
    ck_assert_int_eq(shmq_close(other), 0);
    ck_assert_int_eq(shmq_close(source), 0);
    producer = planted_open(name, SHMQ_PRODUCER, &small);
}
END_TEST

START_TEST(a_message_has_the_same_id_at_every_delivery)
{
    char ids[3][SHMQ_ID_SIZE];
    put_number(producer, 1);
    put_number(producer, 2);
    struct shmq_message message = lease(consumer);
    shmq_message_id(consumer, &message, ids[0]);
    reopen_consumer();
    message = lease(consumer);
    shmq_message_id(consumer, &message, ids[1]);
    ck_assert_str_eq(ids[0], ids[1]);
    message = lease(consumer);
    shmq_message_id(consumer, &message, ids[2]);
    ck_assert_str_ne(ids[1], ids[2]);
    ck_assert_uint_lt(strlen(ids[2]), SHMQ_ID_SIZE);
    acknowledge(consumer, 2);
}
END_TEST

/* ------------------------------------------------------------------ several lanes and consumers */

static struct shmq *open_with_priority(uint32_t priority)
{
    struct shmq_options options = small;
    options.priority = priority;
    return planted_open(name, SHMQ_PRODUCER, &options);
}

START_TEST(lanes_of_better_priority_are_served_first)
{
    ck_assert_int_eq(shmq_close(consumer), 0);
    ck_assert_int_eq(shmq_close(producer), 0);
    struct shmq *low = open_with_priority(7);
    struct shmq *high = open_with_priority(0);
    small.prefetch = 1;
    consumer = planted_open(name, SHMQ_CONSUMER, &small);
    for (uint64_t i = 0; i < 5; i++) {
        put_number(low, 700 + i);
        put_number(high, i);
    }
    for (uint64_t i = 0; i < 3; i++)
        ck_assert_uint_eq(get_number(consumer), i);
    put_number(high, 5);
    for (uint64_t i = 3; i < 6; i++)
        ck_assert_uint_eq(get_number(consumer), i);
    for (uint64_t i = 0; i < 2; i++)
        ck_assert_uint_eq(get_number(consumer), 700 + i);
    put_number(high, 6);
    ck_assert_uint_eq(get_number(consumer), 6);
    for (uint64_t i = 2; i < 5; i++)
        ck_assert_uint_eq(get_number(consumer), 700 + i);
    ck_assert_int_eq(shmq_close(low), 0);
    ck_assert_int_eq(shmq_close(high), 0);
    producer = planted_open(name, SHMQ_PRODUCER, &small);
}
END_TEST

START_TEST(lanes_of_equal_priority_take_turns)
{
    struct shmq *other = planted_open(name, SHMQ_PRODUCER, &small);
    ck_assert_int_eq(shmq_close(consumer), 0);
    small.prefetch = 1;
    consumer = planted_open(name, SHMQ_CONSUMER, &small);
    for (uint64_t i = 0; i < 20; i++) {
        put_number(producer, 0);
        put_number(other, 1);
    }
    uint64_t ones = 0;
    for (int i = 0; i < 20; i++)
        ones += get_number(consumer);
    ck_assert_uint_eq(ones, 10);
    for (int i = 0; i < 20; i++)
        ones += get_number(consumer);
    ck_assert_uint_eq(ones, 20);
    ck_assert_int_eq(shmq_close(other), 0);
}
END_TEST

START_TEST(consumers_share_what_is_there)
{
    struct shmq_message messages[256];
    size_t first = 0;
    size_t second = 0;
    const char *wide = test_name("wide");
    struct shmq_options options = small;
    options.capacity_bytes = 65536;
    options.prefetch = 256;
    struct shmq *from = planted_open(wide, SHMQ_PRODUCER, &options);
    struct shmq *one = planted_open(wide, SHMQ_CONSUMER, &options);
    struct shmq *two = planted_open(wide, SHMQ_CONSUMER, &options);
    for (uint64_t i = 0; i < 100; i++)
        put_number(from, i);
    ck_assert_int_eq(shmq_lease_many(one, messages, 256, &first, 0), 0);
    ck_assert_uint_le(first, 50);
    ck_assert_uint_ge(first, 2);
    ck_assert_int_eq(shmq_lease_many(two, messages, 256, &second, 0), 0);
    ck_assert_uint_ge(second, 1);
    ck_assert_uint_eq(number_of(&messages[0]), first); /* goes on where the first ends */
    acknowledge(one, first);
    acknowledge(two, second);
    ck_assert_int_eq(shmq_close(one), 0);
    ck_assert_int_eq(shmq_close(two), 0);
    ck_assert_int_eq(shmq_close(from), 0);
    ck_assert_int_eq(shmq_remove(wide, true), 0);
}
END_TEST

START_TEST(what_a_live_consumer_holds_is_nobody_else_s)
{
    struct shmq *other = planted_open(name, SHMQ_CONSUMER, &small);
    put_number(producer, 1);
    const struct shmq_message message = lease(consumer);
    ck_assert_uint_eq(number_of(&message), 1);
    for (int i = 0; i < 10; i++) {
        struct shmq_message none;
        ck_assert_int_eq(shmq_lease(other, &none, 12000000), -ETIMEDOUT); /* some ticks */
    }
    acknowledge(consumer, 1);
    ck_assert_int_eq(shmq_close(other), 0);
}
END_TEST

/* ------------------------------------------------------------------ ends */

static int end_of(struct shmq *handle)
{
    struct shmq_message message;
    return shmq_lease(handle, &message, 0);
}

START_TEST(a_stream_without_producers_does_not_end)
{
    const char *empty = test_name("empty");
    struct shmq *waiting = planted_open(empty, SHMQ_CONSUMER, &small);
    ck_assert_int_eq(end_of(waiting), -EAGAIN);
    struct shmq *from = planted_open(empty, SHMQ_PRODUCER, &small);
    ck_assert_int_eq(end_of(waiting), -EAGAIN);
    ck_assert_int_eq(shmq_close(from), 0);
    ck_assert_int_eq(end_of(waiting), -ENODATA);
    struct shmq *late = planted_open(empty, SHMQ_CONSUMER, &small);
    ck_assert_int_eq(end_of(late), -ENODATA); /* and stays ended */
    from = planted_open(empty, SHMQ_PRODUCER, &small);
    ck_assert_int_eq(end_of(late), -EAGAIN); /* until somebody comes */
    ck_assert_int_eq(shmq_close(from), 0);
    ck_assert_int_eq(shmq_close(late), 0);
    ck_assert_int_eq(shmq_close(waiting), 0);
    ck_assert_int_eq(shmq_remove(empty, false), 0);
}
END_TEST

START_TEST(a_stream_ends_with_its_last_producer)
{
    struct shmq *other = planted_open(name, SHMQ_PRODUCER, &small);
    ck_assert_int_eq(shmq_finish(producer), 0);
    ck_assert_int_eq(end_of(consumer), -EAGAIN);
    ck_assert_int_eq(shmq_close(other), 0);
    ck_assert_int_eq(end_of(consumer), -ENODATA);
}
END_TEST

START_TEST(a_stream_of_two_producers_waits_for_the_second)
{
    ck_assert_int_eq(shmq_close(consumer), 0);
    small.producers = 2;
    consumer = planted_open(name, SHMQ_CONSUMER, &small);
    ck_assert_int_eq(shmq_finish(producer), 0);
    ck_assert_int_eq(end_of(consumer), -EAGAIN);
    ck_assert_int_eq(shmq_finish(producer), 0); /* the same does not count twice */
    ck_assert_int_eq(end_of(consumer), -EAGAIN);
    ck_assert_int_eq(shmq_close(planted_open(name, SHMQ_PRODUCER, &small)), 0);
    ck_assert_int_eq(end_of(consumer), -ENODATA);
}
END_TEST

START_TEST(a_follower_sees_no_end)
{
    ck_assert_int_eq(shmq_close(consumer), 0);
    small.follow = true;
    consumer = planted_open(name, SHMQ_CONSUMER, &small);
    ck_assert_int_eq(shmq_finish(producer), 0);
    ck_assert_int_eq(end_of(consumer), -EAGAIN);
    ck_assert_int_eq(shmq_shutdown(name, SHMQ_DRAIN), 0);
    ck_assert_int_eq(end_of(consumer), -ESHUTDOWN);
}
END_TEST

static void *acknowledge_all(void *handle)
{
    uint64_t number;
    size_t length;
    for (int i = 0; i < 3; i++)
        if (shmq_get(handle, &number, sizeof(number), &length, 5 * SECOND) != 0)
            return NULL;
    return handle;
}

START_TEST(a_join_waits_until_all_is_acknowledged)
{
    pthread_t thread;
    void *result = NULL;
    ck_assert_int_eq(shmq_join(producer, 0), 0);
    for (uint64_t i = 0; i < 3; i++)
        put_number(producer, i);
    struct shmq *observer = planted_open(name, SHMQ_OBSERVER, NULL);
    ck_assert_int_eq(shmq_join(observer, 0), -EAGAIN);
    ck_assert_int_eq(pthread_create(&thread, NULL, acknowledge_all, consumer), 0);
    ck_assert_int_eq(shmq_join(producer, 5 * SECOND), 0);
    ck_assert_int_eq(shmq_join(observer, 5 * SECOND), 0);
    ck_assert_int_eq(pthread_join(thread, &result), 0);
    ck_assert_ptr_nonnull(result);
    ck_assert_int_eq(shmq_close(observer), 0);
}
END_TEST

/* ------------------------------------------------------------------ supervisor */

START_TEST(there_is_one_supervisor_at_a_time_and_its_record_outlives_it)
{
    struct shmq *first = planted_open(name, SHMQ_SUPERVISOR, NULL);
    struct shmq *second = NULL;
    struct shmq_run run = {.size = sizeof(struct shmq_run), .command = 7, .inputs = 8, .state = SHMQ_RUN_WORKING};
    ck_assert_int_eq(shmq_open(&second, name, SHMQ_SUPERVISOR, NULL), -EBUSY);
    ck_assert_int_eq(shmq_set_run(first, &run), 0);
    ck_assert_int_eq(shmq_close(first), 0);

    second = planted_open(name, SHMQ_SUPERVISOR, NULL);
    struct shmq *observer = planted_open(name, SHMQ_OBSERVER, NULL);
    struct shmq_run seen = SHMQ_RUN_INIT;
    ck_assert_int_eq(shmq_get_run(observer, &seen), 0);
    ck_assert_uint_eq(seen.command, 7);
    ck_assert_uint_eq(seen.inputs, 8);
    ck_assert_uint_eq(seen.state, SHMQ_RUN_WORKING);
    ck_assert_int_eq(seen.supervisor, getpid());
    ck_assert(seen.supervised);
    ck_assert_int_eq(shmq_set_run(observer, &run), -EINVAL);
    ck_assert_int_eq(shmq_close(second), 0);
    ck_assert_int_eq(shmq_get_run(observer, &seen), 0);
    ck_assert(!seen.supervised);
    ck_assert_int_eq(shmq_close(observer), 0);
}
END_TEST

START_TEST(a_run_record_that_makes_no_sense_is_refused)
{
    struct shmq *handle = planted_open(name, SHMQ_SUPERVISOR, NULL);
    struct shmq_run run = {.size = sizeof(struct shmq_run), .state = SHMQ_RUN_COMPLETE + 1};
    ck_assert_int_eq(shmq_set_run(handle, &run), -EINVAL);
    run.size = 8;
    run.state = 0;
    ck_assert_int_eq(shmq_set_run(handle, &run), -EINVAL);
    ck_assert_int_eq(shmq_get_run(handle, &run), -EINVAL);
    run.size = sizeof(run);
    atomic_store(&handle->header->run_state, 99);
    ck_assert_int_eq(shmq_get_run(handle, &run), -EBADMSG);
    ck_assert_int_eq(shmq_check(handle, NULL, NULL), -EBADMSG);
    atomic_store(&handle->header->run_state, 0);
    ck_assert_int_eq(shmq_close(handle), 0);
}
END_TEST

/* ------------------------------------------------------------------ the list */

struct listing {
    const char *names[4];
    int errors[4];
    uint32_t modes[4];
    int times[4];
    int result;
};

static int note_listed(void *context, const struct shmq_listed *queue)
{
    struct listing *listing = context;
    ck_assert_uint_eq(queue->size, sizeof(*queue));
    for (int i = 0; i < 4; i++) {
        if (listing->names[i] == NULL || strcmp(queue->name, listing->names[i]) != 0)
            continue;
        listing->times[i]++;
        listing->errors[i] = queue->error;
        listing->modes[i] = queue->mode;
        ck_assert_uint_eq(queue->owner, geteuid());
        ck_assert_uint_eq(queue->group, getegid());
        return listing->result;
    }
    return 0; /* somebody else's */
}

START_TEST(all_queues_are_listed_with_what_becomes_of_who_opens_them)
{
    struct listing listing = {.names = {name, test_name("damaged"), test_name("link"), test_name("none")}};
    char path[3][300];
    for (int i = 0; i < 3; i++)
        (void)snprintf(path[i], sizeof(path[i]), "/dev/shm/shmq.%s", listing.names[i]);
    const mode_t before = umask(0);
    const int damaged = open(path[1], O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0640);
    (void)umask(before);
    ck_assert_int_ge(damaged, 0);
    ck_assert_int_eq(write(damaged, "no queue", 8), 8);
    ck_assert_int_eq(close(damaged), 0);
    ck_assert_int_eq(symlink(path[0], path[2]), 0);
    const int result = shmq_list(note_listed, &listing);
    ck_assert_int_eq(unlink(path[1]), 0);
    ck_assert_int_eq(unlink(path[2]), 0);
    ck_assert_int_eq(result, 0);
    ck_assert_int_eq(listing.times[0], 1);
    ck_assert_int_eq(listing.errors[0], 0);
    ck_assert_uint_eq(listing.modes[0], 0600);
    ck_assert_int_eq(listing.times[1], 1);
    ck_assert_int_eq(listing.errors[1], -EBADMSG);
    ck_assert_uint_eq(listing.modes[1], 0640);
    ck_assert_int_eq(listing.times[2], 1);
    ck_assert_int_eq(listing.errors[2], -EBADMSG);
    ck_assert_int_eq(listing.times[3], 0);
}
END_TEST

static int find_semaphores(void *context, const struct shmq_listed *listed)
{
    ck_assert_msg(strstr(listed->name, ".items") == NULL, "listed: %s", listed->name);
    ++*(int *)context;
    return 0;
}

START_TEST(what_is_no_queue_s_object_is_not_listed)
{
    uint64_t number;
    size_t length;
    int queues = 0;
    ck_assert_int_eq(shmq_get(consumer, &number, sizeof(number), &length, 1000000), -ETIMEDOUT);
    ck_assert_int_eq(shmq_list(find_semaphores, &queues), 0);
    ck_assert_int_ge(queues, 1);
}
END_TEST

static int lowest_free_descriptor(void)
{
    const int fd = open("/", O_RDONLY | O_CLOEXEC);
    (void)close(fd);
    return fd;
}

static int list_nothing(void *context, const struct shmq_listed *listed)
{
    (void)context;
    (void)listed;
    return 0;
}

START_TEST(calls_that_name_a_queue_leave_nothing_open)
{
    struct shmq_options options = small;
    struct shmq *handle;
    const int before = lowest_free_descriptor();
    options.lanes = 3; /* is no queue of that size */
    ck_assert_int_eq(shmq_create(name, &small), 0);
    ck_assert_int_eq(shmq_create(name, &options), -EEXIST);
    ck_assert_int_eq(shmq_open(&handle, name, SHMQ_CONSUMER, &options), -EEXIST);
    ck_assert_int_eq(shmq_finish_lane(name, 1), -EALREADY);
    ck_assert_int_eq(shmq_remove(name, false), -EBUSY);
    ck_assert_int_eq(shmq_list(list_nothing, NULL), 0);
    ck_assert_int_eq(shmq_shutdown(name, SHMQ_DRAIN), 0);
    ck_assert_int_eq(lowest_free_descriptor(), before);
}
END_TEST

START_TEST(the_list_ends_where_its_visitor_says_so)
{
    struct listing listing = {.names = {name}, .result = 77};
    ck_assert_int_eq(shmq_list(note_listed, &listing), 77);
    listing.result = -EXDEV;
    ck_assert_int_eq(shmq_list(note_listed, &listing), -EXDEV);
    ck_assert_int_eq(listing.times[0], 2);
    ck_assert_int_eq(shmq_list(NULL, &listing), -EINVAL);
}
END_TEST

/* ------------------------------------------------------------------ statistics */

static struct shmq_stat stat_of_queue(void)
{
    struct shmq_stat stat = SHMQ_STAT_INIT;
    ck_assert_int_eq(shmq_stat(consumer, &stat), 0);
    return stat;
}

START_TEST(the_queue_s_numbers_are_right)
{
    ck_assert_int_eq(shmq_set_frame(producer, SHMQ_FRAME_DELIMITER, '\n'), 0);
    for (uint64_t i = 0; i < 5; i++)
        put_number(producer, i);
    (void)get_number(consumer);
    (void)lease(consumer);
    const struct shmq_stat stat = stat_of_queue();
    ck_assert_uint_eq(stat.capacity_bytes, 4096);
    ck_assert_uint_eq(stat.max_message_bytes, 1024);
    ck_assert_uint_eq(stat.lanes, 2);
    ck_assert_uint_eq(stat.seats, 4);
    ck_assert_int_eq(stat.tick_ns, 5000000);
    ck_assert_uint_eq(stat.mode, 0600);
    ck_assert_uint_eq(stat.owner, geteuid());
    ck_assert_uint_gt(stat.reserved_bytes, 0);
    ck_assert_uint_lt(stat.reserved_bytes, stat.object_bytes); /* the unused lane costs nothing */
    ck_assert_uint_eq(stat.producers, 1);
    ck_assert_uint_eq(stat.consumers, 1);
    ck_assert_uint_eq(stat.lanes_used, 1);
    ck_assert_uint_eq(stat.unfinished, 0);
    ck_assert_uint_eq(stat.finished, 0);
    ck_assert_uint_eq(stat.messages, 4);
    ck_assert_uint_eq(stat.message_bytes, 32);
    ck_assert_uint_eq(stat.put_messages, 5);
    ck_assert_uint_eq(stat.put_bytes, 45);
    ck_assert_uint_eq(stat.shut_down, 0);
    ck_assert(!stat.removed);
    ck_assert_uint_ne(stat.queue_id, 0);
}
END_TEST

/* How often the queue's object is mapped into this process. */
static unsigned mappings_of_queue(void)
{
    char line[512];
    char object[SHMQ_NAME_MAX + 32];
    unsigned count = 0;
    FILE *maps = fopen("/proc/self/maps", "r");
    ck_assert_ptr_nonnull(maps);
    (void)snprintf(object, sizeof(object), "/dev/shm/shmq.%s\n", name);
    while (fgets(line, sizeof(line), maps) != NULL)
        count += strstr(line, object) != NULL;
    ck_assert_int_eq(fclose(maps), 0);
    return count;
}

START_TEST(what_is_known_of_a_queue_needs_no_look_at_its_lanes)
{
    for (uint64_t i = 0; i < 5; i++)
        put_number(producer, i);
    struct shmq *observer = planted_open(name, SHMQ_OBSERVER, NULL);
    const unsigned before = mappings_of_queue();
    struct shmq_info info = SHMQ_INFO_INIT;
    ck_assert_int_eq(shmq_info(observer, &info), 0);
    ck_assert_uint_eq(mappings_of_queue(), before);
    const struct shmq_stat stat = stat_of_queue();
    ck_assert_uint_eq(info.size, sizeof(info));
    ck_assert_uint_eq(info.queue_id, stat.queue_id);
    ck_assert_uint_eq(info.capacity_bytes, 4096);
    ck_assert_uint_eq(info.max_message_bytes, 1024);
    ck_assert_uint_eq(info.object_bytes, stat.object_bytes);
    ck_assert_int_eq(info.tick_ns, 5000000);
    ck_assert_uint_eq(info.lanes, 2);
    ck_assert_uint_eq(info.seats, 4);
    ck_assert_uint_eq(info.mode, 0600);
    ck_assert_uint_eq(info.owner, geteuid());
    ck_assert_uint_eq(info.group, stat.group);
    ck_assert(!info.removed);
    ck_assert_uint_eq(info.full_fences, stat.full_fences);
    ck_assert_uint_eq(info.shut_down, 0);
    ck_assert_int_eq(shmq_shutdown(name, SHMQ_DRAIN), 0);
    ck_assert_int_eq(shmq_info(observer, &info), 0);
    ck_assert_uint_eq(info.shut_down, SHMQ_DRAIN);
    ck_assert_uint_eq(info.place, UINT32_MAX);
    ck_assert_int_eq(shmq_close(observer), 0);
}
END_TEST

START_TEST(a_handle_knows_its_place)
{
    struct shmq_info info = SHMQ_INFO_INIT;
    struct shmq_lane_stat lane = SHMQ_LANE_STAT_INIT;
    struct shmq_seat_stat seat = SHMQ_SEAT_STAT_INIT;
    struct shmq *second = planted_open(name, SHMQ_PRODUCER, NULL);
    ck_assert_int_eq(shmq_info(second, &info), 0);
    ck_assert_uint_eq(info.place, 1);
    ck_assert_int_eq(shmq_stat_lane(producer, info.place, &lane), 0);
    ck_assert(lane.alive);
    ck_assert_int_eq(shmq_close(second), 0);
    ck_assert_int_eq(shmq_info(producer, &info), 0);
    ck_assert_uint_eq(info.place, 0);
    second = planted_open(name, SHMQ_CONSUMER, NULL);
    ck_assert_int_eq(shmq_info(second, &info), 0);
    ck_assert_int_eq(shmq_stat_seat(producer, info.place, &seat), 0);
    ck_assert(seat.alive);
    ck_assert_int_eq(shmq_close(second), 0);
}
END_TEST

/* Everything that is filled in, by number. */
static int fill_in(int number, void *room)
{
    switch (number) {
    case 0:
        return shmq_info(producer, room);
    case 1:
        return shmq_get_run(producer, room);
    case 2:
        return shmq_stat(producer, room);
    case 3:
        return shmq_stat_lane(producer, 0, room);
    default:
        return shmq_stat_seat(producer, 0, room);
    }
}

/* As in a program built with an earlier or a later header. */
START_TEST(what_is_filled_in_is_written_no_further_than_asked_for)
{
    static const size_t firsts[] = {INFO_FIRST_BYTES, RUN_FIRST_BYTES, STAT_FIRST_BYTES, LANE_STAT_FIRST_BYTES,
                                    SEAT_STAT_FIRST_BYTES};
    static const size_t sizes[] = {sizeof(struct shmq_info), sizeof(struct shmq_run), sizeof(struct shmq_stat),
                                   sizeof(struct shmq_lane_stat), sizeof(struct shmq_seat_stat)};
    union {
        size_t size;
        unsigned char bytes[1024];
    } room;
    unsigned char unwritten[8];
    ck_assert_uint_lt(sizes[_i], sizeof(room));
    memset(&room, 0xa5, sizeof(room));
    memset(unwritten, 0xa5, sizeof(unwritten));
    for (size_t size = 0; size <= sizeof(room); size++) {
        room.size = size;
        if (size < firsts[_i] || size > sizes[_i])
            ck_assert_int_eq(fill_in(_i, &room), -EINVAL);
        ck_assert_uint_eq(room.size, size);
    }
    for (size_t i = sizeof(room.size); i < sizeof(room); i++)
        ck_assert_uint_eq(room.bytes[i], 0xa5);
    for (size_t size = firsts[_i]; size <= sizes[_i]; size++) {
        room.size = size;
        ck_assert_int_eq(fill_in(_i, &room), 0);
        ck_assert_uint_eq(room.size, size);
        ck_assert_mem_ne(&room.bytes[8], unwritten, sizeof(unwritten)); /* one byte of a queue's id may be 0xa5 */
        for (size_t i = size; i < sizeof(room); i++)
            ck_assert_uint_eq(room.bytes[i], 0xa5);
    }
}
END_TEST

START_TEST(options_are_read_no_further_than_they_go_and_nothing_unknown_is_ignored)
{
    union {
        struct shmq_options options;
        unsigned char bytes[8192];
    } room = {.options = small};
    room.options.size = 0; /* never initialised */
    ck_assert_int_eq(shmq_create(name, &room.options), -EINVAL);
    for (size_t size = 0; size < OPTIONS_FIRST_BYTES; size++) {
        room.options.size = size;
        ck_assert_int_eq(shmq_create(name, &room.options), -EINVAL);
    }
    for (size_t size = OPTIONS_FIRST_BYTES; size < sizeof(struct shmq_options); size++) {
        room.options.size = size; /* an earlier version's */
        ck_assert_int_eq(shmq_create(name, &room.options), 0);
    }
    for (size_t size = sizeof(struct shmq_options) + 1; size <= 1024; size++) {
        room.options.size = size;
        ck_assert_int_eq(shmq_create(name, &room.options), 0);
        room.bytes[size - 1] = 1;
        ck_assert_int_eq(shmq_create(name, &room.options), -EINVAL);
        room.options.size = size - 1;
        ck_assert_int_eq(shmq_create(name, &room.options), 0);
        room.bytes[size - 1] = 0;
    }
    room.options.size = sizeof(room);
    ck_assert_int_eq(shmq_create(name, &room.options), -EINVAL);
    room.options.size = SIZE_MAX;
    ck_assert_int_eq(shmq_create(name, &room.options), -EINVAL);
}
END_TEST

/* It is what the default of an option is that 0 would mean something else in. */
START_TEST(no_grace_is_none_and_the_urgent_priority_is_0)
{
    struct shmq_options options = small;
    options.priority = 0;
    ck_assert_int_eq(shmq_close(producer), 0);
    producer = planted_open(name, SHMQ_PRODUCER, &options);
    struct shmq_lane_stat lane = SHMQ_LANE_STAT_INIT;
    ck_assert_int_eq(shmq_stat_lane(producer, 0, &lane), 0);
    ck_assert_uint_eq(lane.priority, 0);
    shmq_abandon(producer);
    producer = NULL;
    options.grace_ns = 0;
    struct shmq *reader = planted_open(name, SHMQ_CONSUMER, &options);
    struct shmq_message message;
    ck_assert_int_eq(shmq_lease(reader, &message, 0), -EOWNERDEAD);
    ck_assert_int_eq(shmq_lease(consumer, &message, 0), -EAGAIN); /* its default: 5 s */
    ck_assert_int_eq(shmq_close(reader), 0);
}
END_TEST

START_TEST(the_queue_s_numbers_follow_what_happens)
{
    shmq_abandon(producer);
    ck_assert_uint_eq(stat_of_queue().producers, 0);
    ck_assert_uint_eq(stat_of_queue().unfinished, 1);
    producer = planted_open(name, SHMQ_PRODUCER, &small);
    ck_assert_uint_eq(stat_of_queue().unfinished, 0);
    ck_assert_uint_eq(stat_of_queue().lanes_used, 1); /* the same lane again */
    ck_assert_int_eq(shmq_finish(producer), 0);
    ck_assert_uint_eq(stat_of_queue().finished, 1);
    struct shmq *observer = planted_open(name, SHMQ_OBSERVER, NULL);
    ck_assert_uint_eq(stat_of_queue().consumers, 1);
    ck_assert_int_eq(shmq_close(observer), 0);
    ck_assert_int_eq(shmq_shutdown(name, SHMQ_DRAIN), 0);
    ck_assert_uint_eq(stat_of_queue().shut_down, SHMQ_DRAIN);
    ck_assert_int_eq(shmq_shutdown(name, SHMQ_NOW), 0);
    ck_assert_uint_eq(stat_of_queue().shut_down, SHMQ_NOW);
    ck_assert_int_eq(shmq_shutdown(name, SHMQ_DRAIN), 0);
    ck_assert_uint_eq(stat_of_queue().shut_down, SHMQ_NOW); /* nothing brings it back */
}
END_TEST

START_TEST(a_lane_s_numbers_are_right)
{
    struct shmq_lane_stat lane = SHMQ_LANE_STAT_INIT;
    for (uint64_t i = 0; i < 5; i++)
        put_number(producer, i);
    (void)lease(consumer); /* of a batch of five */
    ck_assert_int_eq(shmq_stat_lane(producer, 0, &lane), 0);
    ck_assert(lane.used && lane.alive && !lane.finished && !lane.blocked);
    ck_assert_uint_eq(lane.lane, 0);
    ck_assert_uint_eq(lane.priority, SHMQ_PRIORITY_DEFAULT);
    ck_assert_int_eq(lane.pid, getpid());
    ck_assert_uint_gt(strlen(lane.program), 0);
    ck_assert_uint_eq(lane.attached, 1);
    ck_assert_uint_eq(lane.tail_position - lane.head_position, 5);
    ck_assert_uint_eq(lane.used_bytes, 5 * 64);
    ck_assert_uint_eq(lane.messages, 5);
    ck_assert_uint_eq(lane.leased, lane.claim_position - lane.head_position);
    ck_assert_uint_eq(lane.put_messages, 5);
    ck_assert_uint_eq(lane.put_bytes, 40);
    ck_assert_int_eq(shmq_stat_lane(producer, 1, &lane), 0);
    ck_assert(!lane.used && !lane.alive);
    ck_assert_uint_eq(lane.put_messages, 0);
}
END_TEST

START_TEST(what_is_not_asked_for_is_as_documented)
{
    const char *plain = test_name("plain");
    const struct shmq_options none = {SHMQ_OPTIONS_DEFAULTS, .create = true};
    struct shmq_info info = SHMQ_INFO_INIT;
    struct shmq_lane_stat lane = SHMQ_LANE_STAT_INIT;
    struct shmq_seat_stat seat = SHMQ_SEAT_STAT_INIT;
    ck_assert_int_eq(shmq_create(plain, &none), 0);
    struct shmq *observer = planted_open(plain, SHMQ_OBSERVER, NULL);
    ck_assert_int_eq(shmq_info(observer, &info), 0);
    ck_assert_uint_eq(info.capacity_bytes, 8 << 20);
    ck_assert_uint_eq(info.max_message_bytes, 2 << 20);
    ck_assert_uint_eq(info.seats, 64);
    ck_assert_uint_eq(info.mode, 0600);
    for (uint32_t i = 0; i < 3; i++) {
        ck_assert_int_eq(shmq_stat_lane(observer, i, &lane), 0);
        ck_assert_uint_eq(lane.lane, i);
        ck_assert_int_eq(shmq_stat_seat(observer, i, &seat), 0);
        ck_assert_uint_eq(seat.seat, i);
    }
    ck_assert_int_eq(shmq_close(observer), 0);
    ck_assert_int_eq(shmq_remove(plain, false), 0);
}
END_TEST

START_TEST(a_seat_s_numbers_are_right)
{
    struct shmq_seat_stat seat = SHMQ_SEAT_STAT_INIT;
    for (uint64_t i = 0; i < 4; i++)
        put_number(producer, i);
    ck_assert_uint_eq(get_number(consumer), 0);
    const struct shmq_message message = lease(consumer);
    ck_assert_int_eq(shmq_fail(consumer, NULL), 0);
    ck_assert_int_eq(shmq_stat_seat(producer, 0, &seat), 0);
    ck_assert(seat.taken && seat.alive && !seat.holding && !seat.waiting);
    ck_assert_int_eq(seat.pid, getpid());
    ck_assert_uint_eq(seat.lane, 0);
    ck_assert_uint_eq(seat.attempts, 1);
    ck_assert_uint_ge(seat.leased, 1);
    ck_assert_uint_le(seat.position, message.position);
    while (end_of(consumer) == 0)
        ;
    while (shmq_acknowledge(consumer, 1) == 0)
        ;
    struct shmq_message last;
    while (shmq_lease(consumer, &last, 0) == 0)
        acknowledge(consumer, 1);
    ck_assert_int_eq(shmq_stat_seat(producer, 0, &seat), 0);
    ck_assert_uint_eq(seat.delivered, 4);
    ck_assert_uint_eq(seat.delivered_bytes, 32);
    ck_assert_uint_eq(seat.leased, 0);
    ck_assert_int_eq(shmq_stat_seat(producer, 1, &seat), 0);
    ck_assert(!seat.taken && !seat.alive);
}
END_TEST

/* ------------------------------------------------------------------ */

static const struct test tests[] = {
    TEST_GROUP("put, reserve, commit"),
    TEST(what_is_put_is_got_at_every_size),
    TEST(messages_come_in_the_order_they_were_put),
    TEST(a_lane_holds_as_many_cells_as_it_has),
    TEST(a_reserved_message_is_filled_in_place),
    TEST(a_second_reserve_replaces_the_first),
    TEST(a_put_replaces_a_reservation),
    TEST(a_reservation_that_is_not_committed_leaves_nothing),
    TEST_GROUP("many at once"),
    TEST(many_are_put_together_as_far_as_there_is_room),
    TEST(what_needs_a_look_for_room_is_put_whole),
    TEST(many_put_together_count_as_they_are),
    TEST(many_stop_before_the_one_that_is_too_long),
    TEST(many_wait_for_room_as_one_would),
    TEST(many_are_leased_and_acknowledged_in_parts),
    TEST(many_are_leased_with_all_that_belongs_to_each),
    TEST(a_batch_is_no_larger_than_prefetch),
    TEST_GROUP("hold and fail"),
    TEST(a_held_message_is_out_of_the_ring),
    TEST(what_is_released_goes_to_another_at_once_and_in_its_order),
    TEST(what_is_released_comes_again_to_who_released_it_if_nobody_else_takes_it),
    TEST(a_held_message_can_be_released),
    TEST(what_was_adopted_can_be_released),
    TEST(without_a_free_seat_nothing_is_released),
    TEST(who_releases_sits_down_only_where_nothing_was_left),
    TEST(nothing_is_released_under_a_write_intent),
    TEST(a_held_message_goes_to_the_next_with_all_that_belongs_to_it),
    TEST(a_held_message_of_any_lane_goes_to_the_next),
    TEST(a_message_of_any_length_is_held),
    TEST(a_held_message_counts_as_one_of_the_queue_s),
    TEST(nothing_is_got_into_no_buffer),
    TEST(failed_attempts_are_counted_with_their_message),
    TEST_GROUP("streams and sources"),
    TEST(stream_offsets_count_what_the_frames_add),
    TEST(a_source_goes_on_where_it_was_committed),
    TEST(a_message_has_the_same_id_at_every_delivery),
    TEST_GROUP("several lanes and consumers"),
    TEST(lanes_of_better_priority_are_served_first),
    TEST(lanes_of_equal_priority_take_turns),
    TEST(consumers_share_what_is_there),
    TEST(what_a_live_consumer_holds_is_nobody_else_s),
    TEST_GROUP("ends"),
    TEST(a_stream_without_producers_does_not_end),
    TEST(a_stream_ends_with_its_last_producer),
    TEST(a_stream_of_two_producers_waits_for_the_second),
    TEST(a_follower_sees_no_end),
    TEST(a_join_waits_until_all_is_acknowledged),
    TEST(there_is_one_supervisor_at_a_time_and_its_record_outlives_it),
    TEST(a_run_record_that_makes_no_sense_is_refused),
    TEST_GROUP("statistics"),
    TEST(the_queue_s_numbers_are_right),
    TEST(what_is_known_of_a_queue_needs_no_look_at_its_lanes),
    TEST(a_handle_knows_its_place),
    TEST(all_queues_are_listed_with_what_becomes_of_who_opens_them),
    TEST(the_list_ends_where_its_visitor_says_so),
    TEST(what_is_no_queue_s_object_is_not_listed),
    TEST(calls_that_name_a_queue_leave_nothing_open),
    TEST_EACH(what_is_filled_in_is_written_no_further_than_asked_for, 5),
    TEST(options_are_read_no_further_than_they_go_and_nothing_unknown_is_ignored),
    TEST(no_grace_is_none_and_the_urgent_priority_is_0),
    TEST(the_queue_s_numbers_follow_what_happens),
    TEST(a_lane_s_numbers_are_right),
    TEST(what_is_not_asked_for_is_as_documented),
    TEST(a_seat_s_numbers_are_right),
};

TEST_SUITE("api", tests, .seconds = 10, .set_up = pair_set_up, .tear_down = pair_tear_down_intact);
