/* SPDX-License-Identifier: MIT */
/* Messages moved to another queue: once, with all that belongs to them, whatever becomes of the mover. */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/shmq.h"
#include "tests/support/half_move.h"
#include "tests/support/harness.h"
#include "tests/support/planted.h"

#define HEADERS "Why: because\n"

static struct shmq_options small;
static struct shmq *producer;
static struct shmq *consumer;
static struct shmq_mover *mover;
static const char *name;
static char there[SHMQ_NAME_MAX + 1];

static void set_up(void)
{
    small = planted_small();
    name = test_name("move");
    (void)snprintf(there, sizeof(there), "%s", test_name("there"));
    producer = planted_open(name, SHMQ_PRODUCER, &small);
    consumer = planted_open(name, SHMQ_CONSUMER, &small);
    ck_assert_int_eq(shmq_mover_open(&mover, consumer, there, &small), 0);
}

static void tear_down(void)
{
    shmq_mover_close(mover);
    ck_assert_int_eq(shmq_close(producer), 0);
    ck_assert_int_eq(shmq_close(consumer), 0);
    ck_assert_int_eq(shmq_remove(name, true), 0);
    const int error = shmq_remove(there, true);
    ck_assert(error == 0 || error == -ENOENT);
    ck_assert_uint_eq(test_leftovers(name) + test_leftovers(there), 0);
}

static struct shmq_message lease_from(struct shmq *handle)
{
    struct shmq_message message;
    ck_assert_int_eq(shmq_lease(handle, &message, test_is_sanitized() ? 5000000000 : 1000000000), 0);
    return message;
}

static int move(void)
{
    return shmq_move(mover, HEADERS, strlen(HEADERS), 0);
}

static bool complete_move(void)
{
    bool moved = true;
    ck_assert_int_eq(shmq_complete_move(mover, &moved, 0), 0);
    return moved;
}

/* What is there, one after the other, and its end. */
static void expect_there(const char *const *texts)
{
    struct shmq *reader = planted_open(there, SHMQ_CONSUMER, &small);
    struct shmq_message message;
    for (; *texts != NULL; texts++) {
        size_t length;
        ck_assert_int_eq(shmq_lease(reader, &message, 0), 0);
        ck_assert_uint_eq(message.length, strlen(*texts));
        ck_assert_mem_eq(message.data, *texts, message.length);
        ck_assert_mem_eq(shmq_message_headers(&message, &length), HEADERS, strlen(HEADERS));
        ck_assert_int_eq(shmq_acknowledge(reader, 1), 0);
    }
    ck_assert_int_eq(shmq_lease(reader, &message, 0), -ENODATA);
    ck_assert_int_eq(shmq_check(reader, NULL, NULL), 0);
    ck_assert_int_eq(shmq_close(reader), 0);
}

START_TEST(a_message_is_there_and_no_longer_here)
{
    planted_put(producer, "one");
    planted_put(producer, "two");
    planted_put(producer, "three");
    (void)lease_from(consumer);
    ck_assert_int_eq(move(), 0);
    (void)lease_from(consumer);
    ck_assert_int_eq(shmq_acknowledge(consumer, 1), 0);
    (void)lease_from(consumer);
    ck_assert_int_eq(move(), 0);
    ck_assert_int_eq(shmq_join(consumer, 0), 0);
    expect_there((const char *const[]){"one", "three", NULL});
}
END_TEST

START_TEST(the_oldest_of_several_is_moved)
{
    struct shmq_message messages[3];
    size_t count;
    planted_put(producer, "one");
    planted_put(producer, "two");
    planted_put(producer, "three");
    ck_assert_int_eq(shmq_lease_many(consumer, messages, 3, &count, 0), 0);
    ck_assert_uint_eq(count, 3);
    ck_assert_int_eq(move(), 0);
    ck_assert_int_eq(move(), 0);
    ck_assert_int_eq(shmq_acknowledge(consumer, 2), -EINVAL);
    ck_assert_int_eq(shmq_acknowledge(consumer, 1), 0);
    expect_there((const char *const[]){"one", "two", NULL});
}
END_TEST

/* Behind what came meanwhile, and with another position. */
START_TEST(a_message_is_put_behind_all_others_of_its_queue)
{
    struct shmq_mover *own;
    ck_assert_int_eq(shmq_mover_open(&own, consumer, name, &small), 0);
    planted_put(producer, "one");
    planted_put(producer, "two");
    const struct shmq_message before = lease_from(consumer);
    ck_assert_int_eq(shmq_move(own, HEADERS, strlen(HEADERS), 0), 0);
    struct shmq_message message = lease_from(consumer);
    ck_assert_mem_eq(message.data, "two", 3);
    ck_assert_int_eq(shmq_acknowledge(consumer, 1), 0);
    message = lease_from(consumer);
    ck_assert_mem_eq(message.data, "one", 3);
    ck_assert(message.lane != before.lane && !message.redelivered);
    ck_assert_int_eq(shmq_acknowledge(consumer, 1), 0);
    ck_assert_int_eq(shmq_join(consumer, 0), 0);
    shmq_mover_close(own);
}
END_TEST

START_TEST(a_held_message_is_moved)
{
    planted_put(producer, "held");
    struct shmq_message message = lease_from(consumer);
    ck_assert_int_eq(shmq_hold(consumer, &message), 0);
    ck_assert_int_eq(move(), 0);
    ck_assert_int_eq(shmq_join(consumer, 0), 0);
    expect_there((const char *const[]){"held", NULL});
}
END_TEST

START_TEST(framing_goes_along_and_headers_are_replaced)
{
    struct shmq_outgoing outgoing = SHMQ_OUTGOING_INIT;
    size_t length;
    outgoing.data = "x";
    outgoing.length = 1;
    outgoing.headers = "Old: y\n";
    outgoing.headers_length = 7;
    ck_assert_int_eq(shmq_set_frame(producer, SHMQ_FRAME_DELIMITER, '|'), 0);
    ck_assert_int_eq(shmq_put_outgoing(producer, &outgoing, 1, NULL, 0), 0);
    (void)lease_from(consumer);
    ck_assert_int_eq(move(), 0);
    struct shmq *reader = planted_open(there, SHMQ_CONSUMER, &small);
    const struct shmq_message message = lease_from(reader);
    ck_assert_uint_eq(message.frame, SHMQ_FRAME_DELIMITER);
    ck_assert_uint_eq(message.delimiter, '|');
    ck_assert_uint_eq(message.length, 1);
    ck_assert_mem_eq(shmq_message_headers(&message, &length), HEADERS, strlen(HEADERS));
    ck_assert_uint_eq(length, strlen(HEADERS));
    ck_assert_int_eq(shmq_close(reader), 0);
}
END_TEST

START_TEST(without_headers_there_are_none)
{
    planted_put(producer, "plain");
    (void)lease_from(consumer);
    ck_assert_int_eq(shmq_move(mover, NULL, 0, 0), 0);
    struct shmq *reader = planted_open(there, SHMQ_CONSUMER, &small);
    const struct shmq_message message = lease_from(reader);
    ck_assert_uint_eq(message.headers_length, 0);
    ck_assert_int_eq(shmq_close(reader), 0);
}
END_TEST

/* ------------------------------------------------------------------ what does not work leaves the message */

static void expect_still_held(void)
{
    ck_assert_int_ne(shmq_join(consumer, 0), 0);
    ck_assert_int_eq(shmq_acknowledge(consumer, 1), 0);
}

START_TEST(a_full_destination_is_back_pressure)
{
    struct shmq *other = planted_open(there, SHMQ_PRODUCER, &small);
    int moved = 0;
    int code;
    planted_put(other, "keeps a lane");
    for (;; moved++) {
        planted_put(producer, "x");
        (void)lease_from(consumer);
        code = move();
        if (code != 0)
            break;
    }
    ck_assert_int_eq(code, -EAGAIN);
    ck_assert_int_eq(moved, 32); /* a lane of 64 cells, two each */
    ck_assert_int_eq(shmq_move(mover, HEADERS, strlen(HEADERS), 2000000), -ETIMEDOUT);
    struct shmq *reader = planted_open(there, SHMQ_CONSUMER, &small);
    char buffer[64];
    size_t length;
    while (shmq_get(reader, buffer, sizeof(buffer), &length, 0) == 0)
        ;
    ck_assert_int_eq(move(), 0);
    ck_assert_int_eq(shmq_join(consumer, 0), 0);
    ck_assert_int_eq(shmq_close(reader), 0);
    ck_assert_int_eq(shmq_close(other), 0);
}
END_TEST

START_TEST(without_a_free_lane_there_it_waits)
{
    struct shmq *others[2];
    for (int i = 0; i < 2; i++)
        others[i] = planted_open(there, SHMQ_PRODUCER, &small);
    planted_put(producer, "x");
    (void)lease_from(consumer);
    ck_assert_int_eq(move(), -EAGAIN);
    ck_assert_int_eq(shmq_move(mover, HEADERS, strlen(HEADERS), 2000000), -ETIMEDOUT);
    ck_assert_int_eq(shmq_close(others[0]), 0);
    ck_assert_int_eq(move(), 0);
    ck_assert_int_eq(shmq_close(others[1]), 0);
}
END_TEST

START_TEST(what_cannot_be_moved_stays_held)
{
    char data[1024] = "";
    struct shmq_options narrow = small;
    narrow.max_message_bytes = 1024;
    ck_assert_int_eq(move(), -EINVAL); /* nothing is leased */
    ck_assert_int_eq(shmq_create(there, &narrow), 0);
    ck_assert_int_eq(shmq_put(producer, data, sizeof(data), 0), 0);
    (void)lease_from(consumer);
    ck_assert_int_eq(shmq_move(mover, "bad", 3, 0), -EINVAL);
    ck_assert_int_eq(shmq_move(mover, NULL, 3, 0), -EINVAL);
    ck_assert_int_eq(shmq_move(NULL, NULL, 0, 0), -EINVAL);
    shmq_mover_close(mover);
    ck_assert_int_eq(shmq_mover_open(&mover, consumer, there, NULL), 0);
    ck_assert_int_eq(move(), -EMSGSIZE);
    ck_assert_int_eq(shmq_shutdown(there, SHMQ_DRAIN), 0);
    ck_assert_int_eq(move(), -EMSGSIZE);
    expect_still_held();
    planted_put(producer, "x");
    (void)lease_from(consumer);
    ck_assert_int_eq(move(), -ESHUTDOWN);
    expect_still_held();
    ck_assert_int_eq(shmq_remove(there, true), 0);
    planted_put(producer, "x");
    (void)lease_from(consumer);
    ck_assert_int_eq(move(), -ENOENT); /* without .create */
    expect_still_held();
}
END_TEST

START_TEST(a_mover_needs_a_consumer_and_a_queue)
{
    struct shmq_mover *none = mover;
    char longest[SHMQ_NAME_MAX + 2];
    memset(longest, 'x', sizeof(longest));
    longest[sizeof(longest) - 1] = '\0';
    ck_assert_int_eq(shmq_mover_open(&none, producer, there, NULL), -EINVAL);
    ck_assert_ptr_null(none);
    ck_assert_int_eq(shmq_mover_open(&none, consumer, "a/b", NULL), -EINVAL);
    ck_assert_int_eq(shmq_mover_open(&none, consumer, longest, NULL), -ENAMETOOLONG);
    ck_assert_int_eq(shmq_mover_open(NULL, consumer, there, NULL), -EINVAL);
    struct shmq_options unknown = small;
    unknown.size = 8;
    ck_assert_int_eq(shmq_mover_open(&none, consumer, there, &unknown), -EINVAL);
    shmq_mover_close(NULL);
}
END_TEST

START_TEST(nothing_is_completed_that_was_not_begun)
{
    bool moved = true;
    ck_assert_int_eq(shmq_complete_move(mover, &moved, 0), -EINVAL); /* nothing is held */
    ck_assert(!moved);
    ck_assert_int_eq(shmq_complete_move(mover, NULL, 0), -EINVAL);
    ck_assert_int_eq(shmq_complete_move(NULL, &moved, 0), -EINVAL);
    planted_put(producer, "one");
    planted_put(producer, "two");
    (void)lease_from(consumer);
    ck_assert(!complete_move());
    ck_assert_int_eq(move(), 0);
    (void)lease_from(consumer);
    ck_assert(!complete_move()); /* its predecessor was moved */
    ck_assert_int_eq(shmq_acknowledge(consumer, 1), 0);
    expect_there((const char *const[]){"one", NULL});
}
END_TEST

/* ------------------------------------------------------------------ death in between */

static int die_in_between(void *context)
{
    struct shmq *handle;
    struct shmq_mover *own;
    struct shmq_message messages[2];
    size_t count;
    (void)context;
    if (shmq_open(&handle, name, SHMQ_CONSUMER, &small) != 0 ||
        shmq_lease_many(handle, messages, 2, &count, 0) != 0 || count != 2 ||
        shmq_mover_open(&own, handle, there, &small) != 0)
        return 1;
    if (half_move(own, handle, there, &small, HEADERS) != 0)
        return 2;
    _exit(0);
}

/* All that is left is the acknowledgement, by whoever takes over: an own seat or the dead one's. */
static void complete(void)
{
    while (shmq_join(consumer, 0) != 0) {
        const struct shmq_message message = lease_from(consumer);
        const bool first = memcmp(message.data, "one", 3) == 0;
        ck_assert_uint_eq(message.attempts, first ? 1 : 0);
        if (memcmp(message.data, "three", 3) == 0)
            ck_assert_int_eq(shmq_acknowledge(consumer, 1), 0);
        else
            ck_assert_int_eq(move(), 0);
    }
}

static void die(int _i)
{
    if (_i == 1) { /* its successor sits down in its seat */
        shmq_mover_close(mover);
        ck_assert_int_eq(shmq_close(consumer), 0);
    }
    planted_put(producer, "one");
    planted_put(producer, "two");
    planted_put(producer, "three"); /* where there are two consumers, it is not among the dead one's */
    planted_in_child(die_in_between, NULL, 0, 0);
    if (_i == 1) {
        consumer = planted_open(name, SHMQ_CONSUMER, &small);
        ck_assert_int_eq(shmq_mover_open(&mover, consumer, there, &small), 0);
    }
}

START_TEST(a_copy_that_is_there_is_not_put_again)
{
    die(_i);
    complete();
    expect_there((const char *const[]){"one", "two", NULL});
}
END_TEST

START_TEST(a_copy_that_was_consumed_is_not_put_again)
{
    die(_i);
    expect_there((const char *const[]){"one", NULL});
    /* Others take lanes there meanwhile, as many as they like. */
    for (int i = 0; i < 3; i++) {
        struct shmq *other = planted_open(there, SHMQ_PRODUCER, &small);
        ck_assert_int_eq(shmq_close(other), 0);
    }
    complete();
    expect_there((const char *const[]){"two", NULL});
}
END_TEST

/* A queue of the same name is another one. */
/* What was begun is completed, and nothing else is moved. */
START_TEST(only_what_was_begun_is_completed)
{
    uint32_t completed = 0;
    die(_i);
    while (shmq_join(consumer, 0) != 0) {
        const struct shmq_message message = lease_from(consumer);
        const bool first = memcmp(message.data, "one", 3) == 0;
        const bool moved = complete_move();
        ck_assert_int_eq(moved, first);
        completed += moved;
        if (!moved)
            ck_assert_int_eq(shmq_acknowledge(consumer, 1), 0);
    }
    ck_assert_uint_eq(completed, 1);
    expect_there((const char *const[]){"one", NULL});
}
END_TEST

START_TEST(a_destination_that_is_made_anew_gets_its_copy)
{
    die(_i);
    ck_assert_int_eq(shmq_remove(there, true), 0);
    complete();
    expect_there((const char *const[]){"one", "two", NULL});
}
END_TEST

static const struct test tests[] = {
    TEST_GROUP("moved"),
    TEST(a_message_is_there_and_no_longer_here),
    TEST(the_oldest_of_several_is_moved),
    TEST(a_message_is_put_behind_all_others_of_its_queue),
    TEST(a_held_message_is_moved),
    TEST(framing_goes_along_and_headers_are_replaced),
    TEST(without_headers_there_are_none),
    TEST_GROUP("refused"),
    TEST(a_full_destination_is_back_pressure),
    TEST(without_a_free_lane_there_it_waits),
    TEST(what_cannot_be_moved_stays_held),
    TEST(a_mover_needs_a_consumer_and_a_queue),
    TEST(nothing_is_completed_that_was_not_begun),
    TEST_GROUP("death in between"),
    TEST_EACH(a_copy_that_is_there_is_not_put_again, 2),
    TEST_EACH(a_copy_that_was_consumed_is_not_put_again, 2),
    TEST_EACH(only_what_was_begun_is_completed, 2),
    TEST_EACH(a_destination_that_is_made_anew_gets_its_copy, 2),
};

TEST_SUITE("move", tests, .seconds = 20, .set_up = set_up, .tear_down = tear_down);
