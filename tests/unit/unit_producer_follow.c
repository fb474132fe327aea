/* SPDX-License-Identifier: MIT */
/* What --follow keeps in the queue, how it is refused when it is damaged, and names that rotations give. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "common/cli/say.h"
#include "producer/follow_store.h"
#include "producer/siblings.h"
#include "tests/support/harness.h"
#include "tests/support/planted.h"

static const struct follow_record example = {
    .sequence = 7,
    .name = UINT64_MAX,
    .identity = {.device = 1, .inode = 2, .born_ns = -3, .head_length = FILE_HEAD_BYTES, .head_sum = 4},
    .offset = INT64_MAX,
    .mark = 5,
    .since_ns = 6,
    .size = UINT64_MAX,
    .after_cut = true,
};

START_TEST(a_record_comes_back_as_it_was)
{
    unsigned char bytes[FOLLOW_RECORD_BYTES];
    struct follow_record read;
    follow_record_write(&example, bytes);
    ck_assert(follow_record_read(&read, bytes, sizeof(bytes)));
    ck_assert_mem_eq(&read.identity, &example.identity, sizeof(read.identity));
    ck_assert_uint_eq(read.sequence, example.sequence);
    ck_assert_uint_eq(read.name, example.name);
    ck_assert_uint_eq(read.offset, example.offset);
    ck_assert_uint_eq(read.mark, example.mark);
    ck_assert_int_eq(read.since_ns, example.since_ns);
    ck_assert_uint_eq(read.size, example.size);
    ck_assert(read.after_cut);
}
END_TEST

START_TEST(a_record_with_one_bit_changed_is_refused)
{
    unsigned char bytes[FOLLOW_RECORD_BYTES];
    struct follow_record read;
    follow_record_write(&example, bytes);
    bytes[_i / 8] ^= (unsigned char)(1 << _i % 8);
    ck_assert(!follow_record_read(&read, bytes, sizeof(bytes)));
    ck_assert(!follow_started_is(bytes, sizeof(bytes)));
}
END_TEST

/* Sealed, but without sense. */
START_TEST(impossible_records_are_refused)
{
    struct follow_record records[] = {example, example, example, example};
    unsigned char bytes[FOLLOW_RECORD_BYTES];
    struct follow_record read;
    records[0].sequence = 0;
    records[1].offset = (uint64_t)INT64_MAX + 1;
    records[2].identity.head_length = FILE_HEAD_BYTES + 1;
    records[3].offset = FILE_HEAD_BYTES - 1;
    follow_record_write(&records[_i], bytes);
    ck_assert(!follow_record_read(&read, bytes, sizeof(bytes)));
    follow_record_write(&example, bytes);
    ck_assert(!follow_record_read(&read, bytes, sizeof(bytes) - 1));
}
END_TEST

static void store_slot(struct shmq *queue, uint32_t slot, const void *data, size_t length)
{
    ck_assert_int_eq(shmq_set_source_slot(queue, slot, data, length), 0);
}

/* 0: nothing is wrong. */
static void plant(struct shmq *queue, int how)
{
    unsigned char bytes[FOLLOW_RECORD_BYTES];
    struct follow_record other = example;
    follow_record_write(&example, bytes);
    store_slot(queue, 3, bytes, sizeof(bytes));
    if (how == 1)
        store_slot(queue, 1000, "no record", 9);
    if (how == 2)
        store_slot(queue, 0, bytes, sizeof(bytes)); /* where only the start is told */
    if (how == 3)
        store_slot(queue, 4, bytes, sizeof(bytes)); /* the same sequence twice */
    other.sequence = 2;
    follow_record_write(&other, bytes);
    store_slot(queue, 9, bytes, sizeof(bytes));
}

START_TEST(damaged_slots_are_an_error)
{
    struct shmq_options options = planted_small();
    struct follow_store store;
    struct follow_found *found = malloc(sizeof(*found));
    const char *name = test_name("follow");
    options.source_id = 4711;
    struct publisher publisher = {
        .name = name, .resumable = true, .queue = planted_open(name, SHMQ_PRODUCER, &options)};
    say_set_level(SAY_ERRORS);
    plant(publisher.queue, _i);
    follow_store_init(&store, &publisher);
    const enum flow flow = follow_store_load(&store, found);
    ck_assert_int_eq(flow, _i == 0 ? FLOW_CONTINUE : FLOW_FAILED);
    ck_assert_int_eq(publisher.status, _i == 0 ? EXIT_DONE : EXIT_QUEUE);
    if (_i == 0) {
        ck_assert_uint_eq(found->count, 2);
        ck_assert_uint_eq(found->slots[0], 9);
        ck_assert_uint_eq(found->slots[1], 3);
        ck_assert_uint_eq(follow_store_number(&store), 8);
        ck_assert_uint_eq(follow_store_take(&store), 1);
        ck_assert_uint_eq(follow_store_take(&store), 2);
        ck_assert_uint_eq(follow_store_take(&store), 4);
    }
    ck_assert_int_eq(shmq_close(publisher.queue), 0);
    ck_assert_int_eq(shmq_remove(name, true), 0);
    free(found);
}
END_TEST

static const struct {
    const char *name;
    const char *base;
    bool rotated;
    bool plainly;
} names[] = {
    {"app.log.1", "app.log", true, true},
    {"app.log-20240131", "app.log", true, true},
    {"app.log.2024-01-31T10:00", "app.log", true, true},
    {"app-20240131.log", "app.log", true, true},
    {"app.1.log", "app.log", true, true},
    {"app.log.old", "app.log", true, true},
    {"app.log.1.gz", "app.log", true, false},
    {"app.log.pos", "app.log", true, false},
    {"app.log.", "app.log", false, false},
    {"app.log", "app.log", false, false},
    {"app.log1", "app.log", false, false},
    {"other.log.1", "app.log", false, false},
    {"app.log", "app.log.1", false, false},
    {"syslog.1", "syslog", true, true},
};

START_TEST(names_of_rotations_are_known)
{
    ck_assert_int_eq(sibling_is_rotated(names[_i].name, names[_i].base), names[_i].rotated);
    ck_assert_int_eq(sibling_is_rotated_plainly(names[_i].name, names[_i].base), names[_i].plainly);
}
END_TEST

START_TEST(a_sum_depends_on_every_byte)
{
    unsigned char bytes[200] = {0};
    const uint64_t sum = file_sum(bytes, sizeof(bytes));
    bytes[_i] = 1;
    ck_assert_uint_ne(file_sum(bytes, sizeof(bytes)), sum);
    bytes[_i] = 0;
    ck_assert_uint_ne(file_sum(bytes, (size_t)_i), sum);
}
END_TEST

static const struct test tests[] = {
    TEST_GROUP("records"),
    TEST(a_record_comes_back_as_it_was),
    TEST_EACH(a_record_with_one_bit_changed_is_refused, 8 * FOLLOW_RECORD_BYTES),
    TEST_EACH(impossible_records_are_refused, 4),
    TEST_EACH(damaged_slots_are_an_error, 4),
    TEST_GROUP("names and sums"),
    TEST_EACH(names_of_rotations_are_known, COUNT(names)),
    TEST_EACH(a_sum_depends_on_every_byte, 200),
};

TEST_SUITE("producer_follow", tests, .seconds = 10);
