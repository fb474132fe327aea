/* SPDX-License-Identifier: MIT */
/* Cursors: how far a source has come is known exactly to whoever resumes it, whenever its producer died. */
#include <check.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "common/core/layout.h"
#include "common/shmq.h"
#include "tests/support/harness.h"
#include "tests/support/planted.h"

#define SOURCE 4711
#define OTHER 4712

static struct shmq_options small;
static struct shmq *observer;
static const char *name;

static void set_up(void)
{
    small = planted_small();
    name = test_name("cursor");
    ck_assert_int_eq(shmq_create(name, &small), 0);
    observer = planted_open(name, SHMQ_OBSERVER, NULL);
}

static void tear_down(void)
{
    ck_assert_int_eq(shmq_check(observer, NULL, NULL), 0);
    ck_assert_int_eq(shmq_close(observer), 0);
    ck_assert_int_eq(shmq_remove(name, true), 0);
    ck_assert_uint_eq(test_leftovers(name), 0);
}

static struct shmq *open_source(uint64_t source_id)
{
    struct shmq_options options = small;
    options.source_id = source_id;
    return planted_open(name, SHMQ_PRODUCER, &options);
}

static struct shmq_cursor cursor_of(uint64_t n)
{
    return (struct shmq_cursor){.words = {n, n + 1, n << 32, ~n}};
}

static void set(struct shmq *handle, uint64_t n)
{
    const struct shmq_cursor cursor = cursor_of(n);
    ck_assert_int_eq(shmq_set_cursor(handle, &cursor), 0);
}

/* 0: none. */
static void expect(struct shmq *handle, uint64_t n)
{
    static const struct shmq_cursor none;
    const struct shmq_cursor wanted = n != 0 ? cursor_of(n) : none;
    struct shmq_cursor found = cursor_of(77);
    ck_assert_int_eq(shmq_resume_cursor(handle, &found), 0);
    ck_assert_mem_eq(&found, &wanted, sizeof(found));
}

static void expect_resumed(uint64_t n)
{
    struct shmq *handle = open_source(SOURCE);
    expect(handle, n);
    shmq_abandon(handle);
}

static void consume_all(void)
{
    struct shmq *consumer = planted_open(name, SHMQ_CONSUMER, &small);
    char buffer[256];
    size_t length;
    while (shmq_get(consumer, buffer, sizeof(buffer), &length, 0) == 0)
        ;
    ck_assert_int_eq(shmq_close(consumer), 0);
}

START_TEST(a_new_source_has_none)
{
    expect_resumed(0);
    struct shmq *handle = open_source(SOURCE);
    planted_put(handle, "without");
    expect(handle, 0);
    shmq_abandon(handle);
    expect_resumed(0);
}
END_TEST

START_TEST(it_becomes_valid_with_the_message)
{
    struct shmq *handle = open_source(SOURCE);
    set(handle, 1);
    expect(handle, 0);
    planted_put(handle, "one");
    expect(handle, 1);
    set(handle, 2);
    expect(handle, 1);
    shmq_abandon(handle);
    expect_resumed(1);
}
END_TEST

/* Checkpoints take turns: what is not set anew has to be right in both. */
START_TEST(it_stays_while_messages_go_on)
{
    struct shmq *handle = open_source(SOURCE);
    set(handle, 5);
    for (int i = 0; i <= _i; i++) {
        planted_put(handle, "short");
        expect(handle, 5);
    }
    shmq_abandon(handle);
    for (int i = 1; i <= 4; i++) {
        handle = open_source(SOURCE);
        expect(handle, 5);
        for (int j = 0; j < i; j++) {
            planted_put(handle, "without setting it");
            expect(handle, 5);
        }
        shmq_abandon(handle);
    }
    expect_resumed(5);
}
END_TEST

static int put_reserved(struct shmq *handle)
{
    void *payload;
    const int error = shmq_reserve(handle, 8, &payload, 0);
    return error != 0 ? error : shmq_commit(handle, 8);
}

static int put_two(struct shmq *handle)
{
    const struct iovec messages[2] = {{.iov_base = "a", .iov_len = 1}, {.iov_base = "bcd", .iov_len = 3}};
    return shmq_put_many(handle, messages, 2, NULL, 0);
}

static int put_long(struct shmq *handle)
{
    char data[200] = "";
    return shmq_put(handle, data, sizeof(data), 0);
}

static int put_with_headers(struct shmq *handle)
{
    struct shmq_outgoing message = SHMQ_OUTGOING_INIT;
    message.headers = "A: b\n";
    message.headers_length = 5;
    return shmq_put_outgoing(handle, &message, 1, NULL, 0);
}

static int (*const ways[])(struct shmq *) = {put_reserved, put_two, put_long, put_with_headers};

START_TEST(every_way_of_putting_takes_it_along)
{
    struct shmq *handle = open_source(SOURCE);
    for (uint64_t i = 1; i <= 5; i++) {
        set(handle, i);
        ck_assert_int_eq(ways[_i](handle), 0);
        expect(handle, i);
    }
    shmq_abandon(handle);
    expect_resumed(5);
}
END_TEST

START_TEST(each_message_of_a_batch_has_its_own)
{
    struct shmq *handle = open_source(SOURCE);
    struct shmq_outgoing batch[5];
    struct shmq_cursor cursors[5];
    size_t done;
    for (uint64_t i = 0; i < 5; i++) {
        cursors[i] = cursor_of(10 + i);
        batch[i] = (struct shmq_outgoing)SHMQ_OUTGOING_INIT;
        batch[i].cursor = i == 3 ? NULL : &cursors[i];
    }
    batch[2].headers = "no";
    batch[2].headers_length = 2;
    ck_assert_int_eq(shmq_put_outgoing(handle, batch, 5, &done, 0), -EINVAL);
    ck_assert_uint_eq(done, 2);
    expect(handle, 11);
    batch[2].headers_length = 0;
    ck_assert_int_eq(shmq_put_outgoing(handle, batch + 2, 2, &done, 0), 0);
    expect(handle, 12);
    ck_assert_int_eq(shmq_put_outgoing(handle, batch + 4, 1, &done, 0), 0);
    expect(handle, 14);
    shmq_abandon(handle);
    expect_resumed(14);
}
END_TEST

/* A lane of 64 cells takes a part of the batch: the cursor is that part's. */
START_TEST(a_full_lane_keeps_the_cursor_of_what_it_took)
{
    struct shmq *handle = open_source(SOURCE);
    struct shmq_outgoing batch[100];
    struct shmq_cursor cursors[100];
    size_t done;
    for (uint64_t i = 0; i < 100; i++) {
        cursors[i] = cursor_of(1 + i);
        batch[i] = (struct shmq_outgoing)SHMQ_OUTGOING_INIT;
        batch[i].cursor = &cursors[i];
    }
    ck_assert_int_eq(shmq_put_outgoing(handle, batch, 100, &done, 1000000), -ETIMEDOUT);
    ck_assert_uint_eq(done, 64);
    expect(handle, done);
    shmq_abandon(handle);
    expect_resumed(64);
}
END_TEST

START_TEST(it_outlives_its_messages_and_a_finish)
{
    struct shmq *handle = open_source(SOURCE);
    set(handle, 3);
    planted_put(handle, "gone");
    ck_assert_int_eq(shmq_close(handle), 0);
    consume_all();
    expect_resumed(3);
}
END_TEST

START_TEST(another_source_finds_none_of_it)
{
    struct shmq *handle;
    /* Both lanes had it. */
    for (uint64_t id = SOURCE; id <= OTHER; id++) {
        handle = open_source(id);
        set(handle, id);
        planted_put(handle, "x");
        planted_put(handle, "y");
        ck_assert_int_eq(shmq_close(handle), 0);
    }
    consume_all();
    handle = open_source(OTHER + 1);
    expect(handle, 0);
    planted_put(handle, "z");
    expect(handle, 0);
    ck_assert_int_eq(shmq_close(handle), 0);
    consume_all();
    handle = open_source(OTHER + 1);
    expect(handle, 0);
    ck_assert_int_eq(shmq_close(handle), 0);
}
END_TEST

START_TEST(without_a_source_there_is_none)
{
    struct shmq_cursor cursor = cursor_of(1);
    struct shmq *handle = planted_open(name, SHMQ_PRODUCER, &small);
    struct shmq_outgoing message = SHMQ_OUTGOING_INIT;
    message.cursor = &cursor;
    ck_assert_int_eq(shmq_set_cursor(handle, &cursor), -EINVAL);
    ck_assert_int_eq(shmq_resume_cursor(handle, &cursor), -EINVAL);
    ck_assert_int_eq(shmq_put_outgoing(handle, &message, 1, NULL, 0), -EINVAL);
    ck_assert_int_eq(shmq_close(handle), 0);
    handle = open_source(SOURCE);
    ck_assert_int_eq(shmq_set_cursor(handle, NULL), -EINVAL);
    ck_assert_int_eq(shmq_resume_cursor(handle, NULL), -EINVAL);
    ck_assert_int_eq(shmq_close(handle), 0);
    ck_assert_int_eq(shmq_set_cursor(observer, &cursor), -EINVAL);
    ck_assert_int_eq(shmq_set_cursor(NULL, &cursor), -EINVAL);
    ck_assert_int_eq(shmq_resume_cursor(observer, &cursor), -EINVAL);
}
END_TEST

/* ------------------------------------------------------------------ movers */

static int put_and_die(void *context)
{
    const uint64_t *flags = context;
    struct shmq_options options = small;
    struct shmq *handle;
    options.source_id = SOURCE;
    options.source_flags = *flags;
    if (shmq_open(&handle, name, SHMQ_PRODUCER, &options) != 0 || shmq_put(handle, "x", 1, 0) != 0)
        return 1;
    _exit(0);
}

static int end_of_stream(void)
{
    struct shmq_options options = small;
    options.grace_ns = SHMQ_FOREVER;
    struct shmq *consumer = planted_open(name, SHMQ_CONSUMER, &options);
    char buffer[8];
    size_t length;
    ck_assert_int_eq(shmq_get(consumer, buffer, sizeof(buffer), &length, 0), 0);
    const int end = shmq_get(consumer, buffer, sizeof(buffer), &length, 0);
    ck_assert_int_eq(shmq_close(consumer), 0);
    return end;
}

START_TEST(a_dead_mover_holds_up_nobody_s_end)
{
    uint64_t flags = _i == 1 ? SHMQ_SOURCE_MOVES : 0;
    struct shmq_stat stat = SHMQ_STAT_INIT;
    planted_in_child(put_and_die, &flags, 0, 0);
    ck_assert_int_eq(shmq_stat(observer, &stat), 0);
    ck_assert_uint_eq(stat.unfinished, flags == 0 ? 1 : 0);
    ck_assert_int_eq(end_of_stream(), flags == 0 ? -EAGAIN : -ENODATA);
    /* Its lane is kept for it all the same. */
    struct shmq *other = open_source(OTHER);
    struct shmq_lane_stat lane = SHMQ_LANE_STAT_INIT;
    ck_assert_int_eq(shmq_stat_lane(observer, 0, &lane), 0);
    ck_assert_uint_eq(lane.source_id, SOURCE);
    ck_assert_int_eq(shmq_close(other), 0);
}
END_TEST

START_TEST(a_living_mover_counts_as_a_producer)
{
    struct shmq_options options = small;
    options.source_id = SOURCE;
    options.source_flags = SHMQ_SOURCE_MOVES;
    struct shmq *mover = planted_open(name, SHMQ_PRODUCER, &options);
    planted_put(mover, "x");
    ck_assert_int_eq(end_of_stream(), -EAGAIN);
    ck_assert_int_eq(shmq_close(mover), 0);
    /* Whoever comes after it in its lane is none. */
    uint64_t flags = 0;
    planted_in_child(put_and_die, &flags, 0, 0);
    ck_assert_int_eq(end_of_stream(), -EAGAIN);
    options.source_flags = 2;
    ck_assert_int_eq(shmq_open(&mover, name, SHMQ_PRODUCER, &options), -EINVAL);
}
END_TEST

/* Whoever withdraws leaves the lane of a dead producer as unfinished as it was. */
START_TEST(a_mover_that_withdraws_leaves_no_mark)
{
    struct shmq_stat stat = SHMQ_STAT_INIT;
    struct shmq_options options = small;
    struct shmq *other = open_source(OTHER);
    options.source_id = 0;
    struct shmq *plain = planted_open(name, SHMQ_PRODUCER, &options);
    planted_put(plain, "x");
    shmq_abandon(plain);
    options.source_id = SOURCE;
    options.source_flags = SHMQ_SOURCE_MOVES;
    struct shmq *mover = planted_open(name, SHMQ_PRODUCER, &options);
    shmq_withdraw(mover);
    ck_assert_int_eq(shmq_stat(observer, &stat), 0);
    ck_assert_uint_eq(stat.unfinished, 1);
    ck_assert_int_eq(shmq_close(other), 0);
}
END_TEST

START_TEST(the_lane_of_a_dead_mover_can_be_finished)
{
    uint64_t flags = SHMQ_SOURCE_MOVES;
    planted_in_child(put_and_die, &flags, 0, 0);
    ck_assert_int_eq(shmq_finish_lane(name, 0), 0);
    ck_assert_int_eq(shmq_finish_lane(name, 0), -EALREADY);
}
END_TEST

static const struct test tests[] = {
    TEST_GROUP("kept"),
    TEST(a_new_source_has_none),
    TEST(it_becomes_valid_with_the_message),
    TEST_EACH(it_stays_while_messages_go_on, 3),
    TEST_EACH(every_way_of_putting_takes_it_along, COUNT(ways)),
    TEST(each_message_of_a_batch_has_its_own),
    TEST(a_full_lane_keeps_the_cursor_of_what_it_took),
    TEST(it_outlives_its_messages_and_a_finish),
    TEST(another_source_finds_none_of_it),
    TEST(without_a_source_there_is_none),
    TEST_EACH(a_dead_mover_holds_up_nobody_s_end, 2),
    TEST(a_living_mover_counts_as_a_producer),
    TEST(a_mover_that_withdraws_leaves_no_mark),
    TEST(the_lane_of_a_dead_mover_can_be_finished),
};

TEST_SUITE("cursor", tests, .seconds = 20, .set_up = set_up, .tear_down = tear_down);
