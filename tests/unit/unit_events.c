/* SPDX-License-Identifier: MIT */
/* The flight recorder: what is recorded, how often, and what can be read of it, whatever its memory contains. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/core/event_words.h"
#include "common/queue/events.h"
#include "common/queue/observe.h"
#include "tests/support/harness.h"
#include "tests/support/planted.h"
#include "tests/support/process.h"
#include "tests/support/test_queue.h"

#define MS INT64_C(1000000)
#define SECOND_NS (1000 * MS)
#define FUZZ_ROUNDS 300
#define YIELDS_MAX 256 /* of a reader: a few for each event of the last page */

static const struct shmq_options attach_only = SHMQ_OPTIONS_INIT;
static const struct shmq_options following = {SHMQ_OPTIONS_DEFAULTS, .follow = true};
static const struct shmq_options new_queue = {
    SHMQ_OPTIONS_DEFAULTS, .create = true,   .capacity_bytes = 4096, .lanes = 4, .seats = 8,
    .prefetch = 4,         .tick_ns = 5 * MS};

/* ------------------------------------------------------------------ reading */

static struct shmq_event seen[EVENTS + 1];
static size_t seen_count;

static int see(void *context, const struct shmq_event *event)
{
    (void)context;
    ck_assert_uint_le(seen_count, EVENTS);
    ck_assert_uint_eq(event->size, sizeof(*event));
    ck_assert(seen_count == 0 || seen[seen_count - 1].number < event->number);
    seen[seen_count++] = *event;
    return 0;
}

static unsigned yields;

/*
 * Stands for sched_yield in this program. A reader lets writers go on, a few times for each event that may be in
 * the making. On a busy machine each time takes as long as others keep the processor, and here nobody writes
 * meanwhile. Those who do are in unit_events_threads.
 */
int __wrap_sched_yield(void);
int __wrap_sched_yield(void)
{
    yields++;
    return 0;
}

static void read_events(struct shmq *handle, uint64_t from)
{
    seen_count = 0;
    yields = 0;
    ck_assert_int_eq(shmq_events(handle, from, see, NULL), 0);
    ck_assert_uint_le(yields, YIELDS_MAX);
}

static void look(void)
{
    struct shmq *observer = test_queue_open(queue, SHMQ_OBSERVER, &attach_only);
    read_events(observer, 0);
    ck_assert_int_eq(shmq_close(observer), 0);
}

static size_t count_of(enum shmq_event_kind kind)
{
    size_t count = 0;
    for (size_t i = 0; i < seen_count; i++)
        count += seen[i].kind == (uint32_t)kind;
    return count;
}

/* The last event of a kind; fails if there is none. */
static const struct shmq_event *last_of(enum shmq_event_kind kind)
{
    for (size_t i = seen_count; i > 0; i--)
        if (seen[i - 1].kind == (uint32_t)kind)
            return &seen[i - 1];
    ck_abort_msg("no event of kind %d", (int)kind);
}

static void expect_party(const struct shmq_event *event, enum shmq_party party, uint32_t index)
{
    ck_assert_uint_eq(event->party, party);
    ck_assert_uint_eq(event->index, index);
}

static void expect_about(const struct shmq_event *event, enum shmq_party party, uint32_t index)
{
    ck_assert_uint_eq(event->about_party, party);
    ck_assert_uint_eq(event->about, index);
}

static struct shmq *producer;

static void begin(const char *test)
{
    use_queue(test);
    producer = test_queue_open(queue, SHMQ_PRODUCER, &new_queue);
}

static void end(void)
{
    ck_assert_int_eq(shmq_close(producer), 0);
    test_queue_remove(queue);
}

static void put(uint64_t count)
{
    for (uint64_t i = 0; i < count; i++)
        ck_assert_int_eq(test_queue_put(producer, i, 0), 0);
}

/* ------------------------------------------------------------------ what is recorded */

START_TEST(creation_attaching_and_detaching_are_recorded_with_both_clocks)
{
    use_queue("attach");
    const int64_t before = process_now_ns();
    const time_t before_s = time(NULL);
    ck_assert_int_eq(shmq_create(queue, &new_queue), 0);
    producer = test_queue_open(queue, SHMQ_PRODUCER, &attach_only);
    struct shmq *consumer = test_queue_open(queue, SHMQ_CONSUMER, &attach_only);
    ck_assert_int_eq(shmq_close(producer), 0);
    ck_assert_int_eq(shmq_close(consumer), 0);
    look();
    const enum shmq_event_kind kinds[] = {SHMQ_EVENT_CREATED, SHMQ_EVENT_ATTACHED, SHMQ_EVENT_ATTACHED,
                                          SHMQ_EVENT_DETACHED, SHMQ_EVENT_DETACHED};
    ck_assert_uint_eq(seen_count, COUNT(kinds));
    for (size_t i = 0; i < COUNT(kinds); i++) {
        ck_assert_uint_eq(seen[i].number, i);
        ck_assert_uint_eq(seen[i].kind, kinds[i]);
        ck_assert_int_eq(seen[i].pid, getpid());
        ck_assert_int_ge(seen[i].monotonic_ns, before);
        ck_assert_int_le(seen[i].monotonic_ns, process_now_ns());
        ck_assert_int_ge(seen[i].realtime_ns / SECOND_NS, before_s);
        ck_assert_int_le(seen[i].realtime_ns / SECOND_NS, time(NULL));
    }
    expect_party(&seen[0], SHMQ_PARTY_NONE, 0);
    expect_party(&seen[1], SHMQ_PARTY_PRODUCER, 0);
    expect_party(&seen[2], SHMQ_PARTY_CONSUMER, 0);
    expect_party(&seen[3], SHMQ_PARTY_PRODUCER, 0);
    ck_assert_uint_eq(seen[3].value, 1);
    expect_party(&seen[4], SHMQ_PARTY_CONSUMER, 0);
    ck_assert_uint_eq(test_queue_stat(queue).events, COUNT(kinds));
    test_queue_remove(queue);
}
END_TEST

START_TEST(a_producer_that_leaves_its_lane_unfinished_has_not_died)
{
    begin("left");
    put(1);
    shmq_abandon(producer);
    producer = test_queue_open(queue, SHMQ_PRODUCER, &attach_only);
    look();
    ck_assert_uint_eq(last_of(SHMQ_EVENT_DETACHED)->value, 0);
    ck_assert_uint_eq(count_of(SHMQ_EVENT_DEATH), 0);
    shmq_abandon(producer);
    ck_assert_int_eq(shmq_finish_lane(queue, 0), 0);
    look();
    ck_assert_uint_eq(count_of(SHMQ_EVENT_DEATH), 0);
    expect_about(last_of(SHMQ_EVENT_FINISHED), SHMQ_PARTY_PRODUCER, 0);
    test_queue_remove(queue);
}
END_TEST

/* A child that attaches, takes or puts a few messages, and is killed. */
static void produce_and_wait(void *context)
{
    struct shmq *handle = test_queue_open(queue, SHMQ_PRODUCER, &attach_only);
    (void)context;
    process_require(test_queue_put(handle, 1, 0) == 0);
    process_report(1);
    (void)process_await_order();
}

static void lease_and_wait(void *context)
{
    struct shmq_message messages[3];
    size_t count;
    struct shmq *handle = test_queue_open(queue, SHMQ_CONSUMER, context);
    process_require(shmq_lease_many(handle, messages, 3, &count, 0) == 0);
    process_report(count);
    (void)process_await_order();
}

static pid_t kill_a(void (*run)(void *), void *context)
{
    struct process child;
    process_start(&child, run, context);
    (void)process_hear(&child);
    const pid_t pid = child.pid;
    process_kill(&child);
    return pid;
}

START_TEST(the_death_of_a_producer_is_recorded_once_by_its_successor)
{
    begin("successor");
    const pid_t pid = kill_a(produce_and_wait, NULL);
    struct shmq *successor = test_queue_open(queue, SHMQ_PRODUCER, &attach_only);
    look();
    ck_assert_uint_eq(count_of(SHMQ_EVENT_DEATH), 1);
    expect_party(last_of(SHMQ_EVENT_DEATH), SHMQ_PARTY_PRODUCER, 1);
    expect_about(last_of(SHMQ_EVENT_DEATH), SHMQ_PARTY_PRODUCER, 1);
    ck_assert_uint_eq(last_of(SHMQ_EVENT_DEATH)->value, (uint64_t)pid);
    ck_assert_int_eq(shmq_close(successor), 0);
    successor = test_queue_open(queue, SHMQ_PRODUCER, &attach_only);
    ck_assert_int_eq(shmq_close(successor), 0);
    look();
    ck_assert_uint_eq(count_of(SHMQ_EVENT_DEATH), 1);
    end();
}
END_TEST

START_TEST(who_finishes_a_dead_producers_lane_records_both)
{
    begin("finisher");
    const pid_t pid = kill_a(produce_and_wait, NULL);
    ck_assert_int_eq(shmq_finish_lane(queue, 1), 0);
    ck_assert_int_eq(shmq_finish_lane(queue, 1), -EALREADY);
    look();
    ck_assert_uint_eq(count_of(SHMQ_EVENT_DEATH), 1);
    ck_assert_uint_eq(last_of(SHMQ_EVENT_DEATH)->value, (uint64_t)pid);
    ck_assert_uint_eq(count_of(SHMQ_EVENT_FINISHED), 1);
    expect_party(last_of(SHMQ_EVENT_FINISHED), SHMQ_PARTY_OBSERVER, 0);
    expect_about(last_of(SHMQ_EVENT_FINISHED), SHMQ_PARTY_PRODUCER, 1);
    end();
}
END_TEST

START_TEST(the_adoption_of_a_dead_consumers_messages_is_recorded)
{
    begin("adoption");
    put(4);
    struct shmq *consumer = test_queue_open(queue, SHMQ_CONSUMER, &attach_only);
    struct shmq_options options = new_queue;
    const pid_t pid = kill_a(lease_and_wait, &options);
    uint64_t number;
    ck_assert_int_eq(test_queue_get(consumer, &number, 0), 0);
    look();
    ck_assert_uint_eq(count_of(SHMQ_EVENT_DEATH), 1);
    ck_assert_uint_eq(last_of(SHMQ_EVENT_DEATH)->value, (uint64_t)pid);
    expect_about(last_of(SHMQ_EVENT_DEATH), SHMQ_PARTY_CONSUMER, 1);
    ck_assert_uint_eq(count_of(SHMQ_EVENT_ADOPTED), 1);
    expect_party(last_of(SHMQ_EVENT_ADOPTED), SHMQ_PARTY_CONSUMER, 0);
    expect_about(last_of(SHMQ_EVENT_ADOPTED), SHMQ_PARTY_CONSUMER, 1);
    ck_assert_uint_ge(last_of(SHMQ_EVENT_ADOPTED)->value, 1);
    ck_assert_uint_le(last_of(SHMQ_EVENT_ADOPTED)->value, 4);
    ck_assert_int_eq(shmq_close(consumer), 0);
    end();
}
END_TEST

/* Who takes the seat itself finds the same, and the pid of its predecessor. */
START_TEST(the_next_owner_of_the_seat_records_the_adoption_too)
{
    begin("same_seat");
    put(4);
    struct shmq_options options = new_queue;
    const pid_t pid = kill_a(lease_and_wait, &options);
    struct shmq *consumer = test_queue_open(queue, SHMQ_CONSUMER, &attach_only);
    uint64_t number;
    ck_assert_int_eq(test_queue_get(consumer, &number, 0), 0);
    look();
    ck_assert_uint_eq(count_of(SHMQ_EVENT_DEATH), 1);
    ck_assert_uint_eq(last_of(SHMQ_EVENT_DEATH)->value, (uint64_t)pid);
    expect_party(last_of(SHMQ_EVENT_ADOPTED), SHMQ_PARTY_CONSUMER, 0);
    expect_about(last_of(SHMQ_EVENT_ADOPTED), SHMQ_PARTY_CONSUMER, 0);
    ck_assert_int_eq(shmq_close(consumer), 0);
    end();
}
END_TEST

START_TEST(messages_that_are_given_back_are_no_death)
{
    begin("given_back");
    put(4);
    struct shmq *consumer = test_queue_open(queue, SHMQ_CONSUMER, &new_queue);
    uint64_t number;
    struct shmq_message message;
    ck_assert_int_eq(test_queue_lease(consumer, &number, &message, 0), 0);
    ck_assert_int_eq(shmq_close(consumer), 0);
    consumer = test_queue_open(queue, SHMQ_CONSUMER, &attach_only);
    ck_assert_int_eq(test_queue_get(consumer, &number, 0), 0);
    look();
    ck_assert_uint_eq(count_of(SHMQ_EVENT_DEATH) + count_of(SHMQ_EVENT_ADOPTED), 0);
    ck_assert_int_eq(shmq_close(consumer), 0);
    end();
}
END_TEST

static void fill(void)
{
    while (test_queue_put(producer, 1, 0) == 0)
        ;
}

/* Who drops what does not fit, or tries again, does not wait. */
START_TEST(a_lane_that_stays_full_is_recorded_without_a_wait)
{
    begin("full-refused");
    const int64_t began = process_now_ns();
    fill();
    look();
    ck_assert_uint_eq(count_of(SHMQ_EVENT_FULL), 0);
    while (process_now_ns() - began < 1200 * MS) {
        ck_assert_int_eq(test_queue_put(producer, 1, 0), -EAGAIN);
        (void)usleep(5000);
    }
    look();
    ck_assert_uint_eq(count_of(SHMQ_EVENT_FULL), 1);
    ck_assert_int_ge(last_of(SHMQ_EVENT_FULL)->monotonic_ns, began + SECOND_NS);

    struct shmq *consumer = test_queue_open(queue, SHMQ_CONSUMER, &new_queue);
    uint64_t number;
    for (int i = 0; i < 8; i++)
        ck_assert_int_eq(test_queue_get(consumer, &number, 0), 0);
    ck_assert_int_eq(test_queue_put(producer, 1, 0), 0);
    look();
    ck_assert_uint_eq(count_of(SHMQ_EVENT_ROOM), 1);
    ck_assert_int_eq(shmq_close(consumer), 0);
    end();
}
END_TEST

/* Calls that time out, one after the other, are one wait. */
START_TEST(a_wait_for_room_is_recorded_after_a_second_and_once)
{
    begin("full");
    const int64_t began = process_now_ns();
    fill();
    while (process_now_ns() - began < 600 * MS)
        ck_assert_int_eq(test_queue_put(producer, 1, 100 * MS), -ETIMEDOUT);
    look();
    ck_assert_uint_eq(count_of(SHMQ_EVENT_FULL), 0);
    while (process_now_ns() - began < 1500 * MS)
        ck_assert_int_eq(test_queue_put(producer, 1, 100 * MS), -ETIMEDOUT);
    look();
    ck_assert_uint_eq(count_of(SHMQ_EVENT_FULL), 1);
    ck_assert_uint_eq(count_of(SHMQ_EVENT_ROOM), 0);
    expect_party(last_of(SHMQ_EVENT_FULL), SHMQ_PARTY_PRODUCER, 0);
    ck_assert_int_ge(last_of(SHMQ_EVENT_FULL)->monotonic_ns, began + SECOND_NS);

    struct shmq *consumer = test_queue_open(queue, SHMQ_CONSUMER, &new_queue);
    uint64_t number;
    for (int i = 0; i < 8; i++)
        ck_assert_int_eq(test_queue_get(consumer, &number, 0), 0);
    ck_assert_int_eq(test_queue_put(producer, 1, 0), 0);
    look();
    ck_assert_uint_eq(count_of(SHMQ_EVENT_ROOM), 1);
    ck_assert_uint_ge(last_of(SHMQ_EVENT_ROOM)->value, (uint64_t)(1500 * MS));
    ck_assert_uint_le(last_of(SHMQ_EVENT_ROOM)->value, (uint64_t)(process_now_ns() - began));
    /* The next wait is another one. */
    fill();
    ck_assert_int_eq(test_queue_put(producer, 1, 1200 * MS), -ETIMEDOUT);
    look();
    ck_assert_uint_eq(count_of(SHMQ_EVENT_FULL), 2);
    ck_assert_int_eq(shmq_close(consumer), 0);
    end();
}
END_TEST

static void take_all(struct shmq *consumer)
{
    uint64_t number;
    while (test_queue_get(consumer, &number, 0) == 0)
        ;
    ck_assert_int_eq(test_queue_get(consumer, &number, 20 * MS), -ETIMEDOUT);
}

static void set_empty_back(int64_t by_ns)
{
    struct planted planted;
    planted_map(&planted, queue);
    atomic_fetch_sub(&planted.header->empty_ns, (uint64_t)by_ns);
    planted_unmap(&planted);
}

START_TEST(an_empty_queue_is_recorded_at_most_once_a_second_and_alone_once_a_minute)
{
    begin("empty");
    struct shmq *consumer = test_queue_open(queue, SHMQ_CONSUMER, &following);
    take_all(consumer);
    look();
    ck_assert_uint_eq(count_of(SHMQ_EVENT_EMPTY), 0); /* it had no work */
    put(3);
    take_all(consumer);
    take_all(consumer);
    look();
    ck_assert_uint_eq(count_of(SHMQ_EVENT_EMPTY), 1);
    expect_party(last_of(SHMQ_EVENT_EMPTY), SHMQ_PARTY_CONSUMER, 0);
    ck_assert_uint_lt(last_of(SHMQ_EVENT_EMPTY)->value, (uint64_t)process_patience_ns());

    ck_assert_int_eq(shmq_pause(queue), 0);
    ck_assert_int_eq(shmq_resume(queue), 0);
    put(1);
    take_all(consumer);
    set_empty_back(500 * MS);
    look();
    ck_assert_uint_eq(count_of(SHMQ_EVENT_EMPTY), 1);
    set_empty_back(500 * MS);
    take_all(consumer); /* it is made up for */
    look();
    ck_assert_uint_eq(count_of(SHMQ_EVENT_EMPTY), 2);

    put(1);
    set_empty_back(2 * SECOND_NS);
    take_all(consumer); /* nothing else was recorded since */
    look();
    ck_assert_uint_eq(count_of(SHMQ_EVENT_EMPTY), 2);
    set_empty_back(58 * SECOND_NS);
    take_all(consumer);
    look();
    ck_assert_uint_eq(count_of(SHMQ_EVENT_EMPTY), 3);
    ck_assert_int_eq(shmq_close(consumer), 0);
    end();
}
END_TEST

START_TEST(what_others_hold_is_left)
{
    begin("held");
    put(2);
    struct shmq *holder = test_queue_open(queue, SHMQ_CONSUMER, &new_queue);
    struct shmq_options one = following;
    one.prefetch = 1;
    struct shmq *consumer = test_queue_open(queue, SHMQ_CONSUMER, &one);
    struct shmq_message message;
    uint64_t number;
    ck_assert_int_eq(test_queue_get(consumer, &number, 0), 0);
    ck_assert_int_eq(test_queue_lease(holder, &number, &message, 0), 0);
    take_all(consumer);
    look();
    ck_assert_uint_eq(count_of(SHMQ_EVENT_EMPTY), 0);
    ck_assert_int_eq(shmq_acknowledge(holder, 1), 0);
    take_all(consumer);
    look();
    ck_assert_uint_eq(count_of(SHMQ_EVENT_EMPTY), 1);
    ck_assert_int_eq(shmq_close(holder), 0);
    ck_assert_int_eq(shmq_close(consumer), 0);
    end();
}
END_TEST

START_TEST(only_what_changes_something_is_recorded)
{
    begin("control");
    struct shmq *observer = test_queue_open(queue, SHMQ_OBSERVER, &attach_only);
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(shmq_pause(queue), 0);
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(shmq_resume(queue), 0);
    for (int i = 0; i < 2; i++)
        ck_assert_int_eq(shmq_shutdown(queue, SHMQ_DRAIN), 0);
    for (int i = 0; i < 2; i++)
        ck_assert_int_eq(shmq_shutdown(queue, SHMQ_NOW), 0);
    look();
    ck_assert_uint_eq(count_of(SHMQ_EVENT_PAUSED), 1);
    ck_assert_uint_eq(count_of(SHMQ_EVENT_RESUMED), 1);
    ck_assert_uint_eq(count_of(SHMQ_EVENT_SHUT_DOWN), 2);
    ck_assert_uint_eq(last_of(SHMQ_EVENT_SHUT_DOWN)->value, SHMQ_NOW);
    end();
    read_events(observer, 0);
    expect_party(last_of(SHMQ_EVENT_REMOVED), SHMQ_PARTY_OBSERVER, 0);
    ck_assert_int_eq(shmq_close(observer), 0);
}
END_TEST

START_TEST(dead_letters_come_in_one_event_a_second)
{
    begin("letters");
    struct shmq *consumer = test_queue_open(queue, SHMQ_CONSUMER, &attach_only);
    ck_assert_int_eq(shmq_count(consumer, SHMQ_COUNT_DEAD_LETTERS, 1), 0);
    for (int i = 0; i < 10; i++)
        ck_assert_int_eq(shmq_count(consumer, SHMQ_COUNT_DEAD_LETTERS, 2), 0);
    ck_assert_int_eq(shmq_count(consumer, SHMQ_COUNT_DROPPED, 5), 0);
    look();
    uint64_t letters = 0;
    for (size_t i = 0; i < seen_count; i++)
        letters += seen[i].kind == SHMQ_EVENT_DEAD_LETTER ? seen[i].value : 0;
    ck_assert_uint_ge(letters, 1);
    ck_assert_uint_le(count_of(SHMQ_EVENT_DEAD_LETTER), 2);
    ck_assert_int_eq(shmq_close(consumer), 0);
    look();
    letters = 0;
    for (size_t i = 0; i < seen_count; i++)
        letters += seen[i].kind == SHMQ_EVENT_DEAD_LETTER ? seen[i].value : 0;
    ck_assert_uint_eq(letters, 21);
    end();
}
END_TEST

START_TEST(no_dead_letter_is_no_event)
{
    begin("no_letter");
    ck_assert_int_eq(shmq_count(producer, SHMQ_COUNT_DEAD_LETTERS, 0), 0);
    look();
    ck_assert_uint_eq(count_of(SHMQ_EVENT_DEAD_LETTER), 0);
    /* Nor is the first one that follows put off by it. */
    ck_assert_int_eq(shmq_count(producer, SHMQ_COUNT_DEAD_LETTERS, 3), 0);
    look();
    ck_assert_uint_eq(count_of(SHMQ_EVENT_DEAD_LETTER), 1);
    ck_assert_uint_eq(last_of(SHMQ_EVENT_DEAD_LETTER)->value, 3);
    end();
}
END_TEST

START_TEST(drops_and_losses_are_recorded)
{
    begin("drop");
    put(3);
    struct planted planted;
    planted_map(&planted, queue);
    const uint64_t position = atomic_load(&planted_lane(&planted, 0)->claim) + 1;
    planted_unmap(&planted);
    ck_assert_int_eq(shmq_drop(queue, 0, position), 0);
    ck_assert_int_eq(shmq_report_loss(producer), 0);
    look();
    expect_party(last_of(SHMQ_EVENT_DROPPED), SHMQ_PARTY_OBSERVER, 0);
    expect_about(last_of(SHMQ_EVENT_DROPPED), SHMQ_PARTY_PRODUCER, 0);
    ck_assert_uint_eq(last_of(SHMQ_EVENT_DROPPED)->value, position);
    expect_party(last_of(SHMQ_EVENT_LOSS), SHMQ_PARTY_PRODUCER, 0);
    end();
}
END_TEST

START_TEST(damage_is_recorded_once_for_each_handle_and_lane)
{
    begin("damage");
    struct planted planted;
    put(1);
    struct shmq *consumer = test_queue_open(queue, SHMQ_CONSUMER, &attach_only);
    planted_map(&planted, queue);
    const uint64_t position = atomic_load(&planted_lane(&planted, 0)->claim);
    atomic_store(&planted_record(&planted, 0, position)->word, UINT64_MAX);
    uint64_t number;
    for (int i = 0; i < 5; i++)
        ck_assert_int_eq(test_queue_get(consumer, &number, 0), -EBADMSG);
    look();
    ck_assert_uint_eq(count_of(SHMQ_EVENT_DAMAGE), 1);
    expect_party(last_of(SHMQ_EVENT_DAMAGE), SHMQ_PARTY_CONSUMER, 0);
    expect_about(last_of(SHMQ_EVENT_DAMAGE), SHMQ_PARTY_PRODUCER, 0);
    /* A producer meets it in its own lane. */
    atomic_store(&planted_lane(&planted, 0)->head, UINT64_MAX / 2);
    fill();
    for (int i = 0; i < 3; i++)
        (void)test_queue_put(producer, 1, 0);
    look();
    ck_assert_uint_eq(count_of(SHMQ_EVENT_DAMAGE), 2);
    expect_party(last_of(SHMQ_EVENT_DAMAGE), SHMQ_PARTY_PRODUCER, 0);
    planted_unmap(&planted);
    ck_assert_int_eq(shmq_close(consumer), 0);
    end();
}
END_TEST

START_TEST(damage_of_a_seat_names_the_seat)
{
    begin("seat");
    struct planted planted;
    planted_map(&planted, queue);
    atomic_store(&planted.seats[5].intent_lane, UINT64_MAX);
    struct shmq *consumer = test_queue_open(queue, SHMQ_CONSUMER, &attach_only);
    uint64_t number;
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(test_queue_get(consumer, &number, 0), -EBADMSG);
    look();
    ck_assert_uint_eq(count_of(SHMQ_EVENT_DAMAGE), 1);
    expect_about(last_of(SHMQ_EVENT_DAMAGE), SHMQ_PARTY_CONSUMER, 5);
    planted_unmap(&planted);
    ck_assert_int_eq(shmq_close(consumer), 0);
    end();
}
END_TEST

/* Overwrites what glibc keeps behind a semaphore's value. */
static void spoil_semaphore(const char *which)
{
    const uint64_t nonsense = UINT64_MAX / 3;
    const int fd = open(test_semaphore_path(queue, which), O_WRONLY | O_CLOEXEC);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(pwrite(fd, &nonsense, sizeof(nonsense), 8), sizeof(nonsense));
    ck_assert_int_eq(close(fd), 0);
}

START_TEST(a_semaphore_that_is_replaced_is_recorded)
{
    begin("bell");
    struct shmq *consumer = test_queue_open(queue, SHMQ_CONSUMER, &following);
    uint64_t number;
    ck_assert_int_eq(test_queue_get(consumer, &number, 10 * MS), -ETIMEDOUT);
    spoil_semaphore("items");
    ck_assert_int_eq(test_queue_get(consumer, &number, 50 * MS), -ETIMEDOUT);
    look();
    ck_assert_uint_eq(count_of(SHMQ_EVENT_BELL_REPLACED), 1);
    expect_about(last_of(SHMQ_EVENT_BELL_REPLACED), SHMQ_PARTY_NONE, 0);
    fill();
    ck_assert_int_eq(test_queue_put(producer, 1, 10 * MS), -ETIMEDOUT);
    spoil_semaphore("space.0");
    ck_assert_int_eq(test_queue_put(producer, 1, 50 * MS), -ETIMEDOUT);
    look();
    ck_assert_uint_eq(count_of(SHMQ_EVENT_BELL_REPLACED), 2);
    expect_about(last_of(SHMQ_EVENT_BELL_REPLACED), SHMQ_PARTY_PRODUCER, 0);
    ck_assert_int_eq(shmq_close(consumer), 0);
    end();
}
END_TEST

/* ------------------------------------------------------------------ the ring of slots */

static struct shmq *writer;

static void begin_ring(const char *test)
{
    begin(test);
    ck_assert_int_eq(observe_open(&writer, queue), 0);
}

static void end_ring(void)
{
    ck_assert_int_eq(shmq_close(writer), 0);
    end();
}

static void record_many(uint64_t count)
{
    for (uint64_t i = 0; i < count; i++)
        events_record_about(writer, SHMQ_EVENT_DROPPED, SHMQ_PARTY_PRODUCER, (uint32_t)i, i);
}

static uint64_t end_of_events(void)
{
    return test_queue_stat(queue).events;
}

START_TEST(the_last_events_are_kept_in_order)
{
    begin_ring("wrap");
    record_many(2 * EVENTS + 100);
    look();
    const uint64_t last = end_of_events();
    ck_assert_uint_eq(seen_count, EVENTS);
    for (size_t i = 0; i < seen_count; i++) {
        ck_assert_uint_eq(seen[i].number, last - EVENTS + i);
        ck_assert_uint_eq(seen[i].kind, SHMQ_EVENT_DROPPED);
        ck_assert_uint_eq(seen[i].value, 2 * EVENTS + 100 - EVENTS + i);
    }
    read_events(writer, last - 3);
    ck_assert_uint_eq(seen_count, 3);
    read_events(writer, last);
    ck_assert_uint_eq(seen_count, 0);
    read_events(writer, UINT64_MAX);
    ck_assert_uint_eq(seen_count, 0);
    end_ring();
}
END_TEST

static int stop_at(void *context, const struct shmq_event *event)
{
    return event->number == *(uint64_t *)context ? -EXDEV : 0;
}

START_TEST(a_visitor_can_end_it)
{
    begin_ring("visitor");
    record_many(10);
    uint64_t at = 7;
    ck_assert_int_eq(shmq_events(writer, 0, stop_at, &at), -EXDEV);
    ck_assert_int_eq(shmq_events(writer, 0, NULL, NULL), -EINVAL);
    ck_assert_int_eq(shmq_events(NULL, 0, see, NULL), -EINVAL);
    end_ring();
}
END_TEST

static int see_and_write(void *context, const struct shmq_event *event)
{
    (void)see(context, event);
    if (event->number == 10)
        record_many(1000);
    return 0;
}

START_TEST(what_is_overwritten_meanwhile_is_left_out)
{
    begin_ring("overwritten");
    record_many(EVENTS - end_of_events());
    seen_count = 0;
    ck_assert_int_eq(shmq_events(writer, 0, see_and_write, NULL), 0);
    /* The chunk in which it happened was read before. */
    ck_assert_uint_eq(seen_count, EVENTS_IN_CHUNK + (EVENTS - 1000));
    ck_assert_uint_eq(seen[EVENTS_IN_CHUNK].number, 1000);
    ck_assert_uint_eq(seen[seen_count - 1].number, EVENTS - 1);
    ck_assert_uint_eq(count_of(SHMQ_EVENT_UNREADABLE), 0);
    end_ring();
}
END_TEST

static struct event *slot_of(const struct planted *planted, uint64_t number)
{
    return (struct event *)(planted->base + planted->geometry.events_offset) + number % EVENTS;
}

/* A flipped bit, whichever it is, and a word of another event make the event unreadable, and it alone. */
START_TEST(a_damaged_event_is_unreadable_and_nothing_else)
{
    begin_ring("bits");
    record_many(20);
    struct planted planted;
    planted_map(&planted, queue);
    struct event *slot = slot_of(&planted, 12);
    for (unsigned bit = 0; bit < EVENT_WORDS * 64; bit++) {
        atomic_fetch_xor(&slot->words[bit / 64], UINT64_C(1) << bit % 64);
        read_events(writer, 11);
        ck_assert_uint_eq(seen[0].kind, SHMQ_EVENT_DROPPED);
        ck_assert_uint_eq(seen[1].number, 12);
        ck_assert_uint_eq(seen[1].kind, SHMQ_EVENT_UNREADABLE);
        ck_assert_uint_eq(seen[1].value, 0);
        ck_assert_uint_eq(seen[2].kind, SHMQ_EVENT_DROPPED);
        atomic_fetch_xor(&slot->words[bit / 64], UINT64_C(1) << bit % 64);
    }
    read_events(writer, 12);
    ck_assert_uint_eq(seen[0].kind, SHMQ_EVENT_DROPPED);
    planted_unmap(&planted);
    end_ring();
}
END_TEST

/* A writer that was stopped goes on when its slot belongs to a later event. */
START_TEST(a_late_writer_spoils_an_event_and_makes_no_wrong_one)
{
    begin_ring("late");
    record_many(10);
    struct planted planted;
    planted_map(&planted, queue);
    uint64_t old[EVENT_WORDS];
    struct event *slot = slot_of(&planted, 5);
    for (int i = 0; i < EVENT_WORDS; i++)
        old[i] = atomic_load(&slot->words[i]);
    record_many(EVENTS);
    uint64_t new[EVENT_WORDS];
    for (int i = 0; i < EVENT_WORDS; i++)
        new[i] = atomic_load(&slot->words[i]);
    ck_assert_uint_eq(new[0], old[0] + EVENTS);
    for (int from = 0; from < EVENT_WORDS; from++) {
        for (int i = 0; i < EVENT_WORDS; i++)
            atomic_store(&slot->words[i], i < from ? new[i] : old[i]);
        look();
        size_t unreadable = 0;
        for (size_t i = 0; i < seen_count; i++) {
            unreadable += seen[i].kind == SHMQ_EVENT_UNREADABLE;
            ck_assert(seen[i].number != 5);
            ck_assert((seen[i].kind == SHMQ_EVENT_UNREADABLE) == (seen[i].number == 5 + EVENTS));
        }
        ck_assert_uint_eq(unreadable, 1);
    }
    planted_unmap(&planted);
    end_ring();
}
END_TEST

/* Reading reserves no memory, and a counter alone makes no events. */
START_TEST(slots_that_were_never_written_are_unreadable)
{
    begin_ring("holes");
    struct planted planted;
    planted_map(&planted, queue);
    const uint64_t before = end_of_events();
    const uint64_t reserved = test_queue_stat(queue).reserved_bytes;
    atomic_store(&planted.header->events, before + 1000);
    look();
    ck_assert_uint_eq(seen_count, before + 1000);
    ck_assert_uint_eq(count_of(SHMQ_EVENT_UNREADABLE), 1000);
    ck_assert_uint_eq(test_queue_stat(queue).reserved_bytes, reserved);
    atomic_store(&planted.header->events, UINT64_MAX);
    look();
    ck_assert_uint_le(seen_count, EVENTS);
    ck_assert_uint_eq(seen_count, count_of(SHMQ_EVENT_UNREADABLE));
    planted_unmap(&planted);
    end_ring();
}
END_TEST

static uint64_t random_word(void)
{
    static uint64_t state = 0x2545f4914f6cdd1d;
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

/* Whatever the region and the counter contain: bounded, in order, and what is whole is right. */
START_TEST(any_content_can_be_read)
{
    begin_ring("fuzz");
    struct planted planted;
    planted_map(&planted, queue);
    for (int round = 0; round < FUZZ_ROUNDS; round++) {
        atomic_store(&planted.header->events, random_word() >> random_word() % 64);
        if (round % 3 != 0)
            record_many(random_word() % 200);
        for (int i = 0; i < 50; i++) {
            struct event *slot = slot_of(&planted, random_word());
            for (uint64_t word = random_word() % EVENT_WORDS; word < EVENT_WORDS; word++)
                atomic_store(&slot->words[word], random_word() >> random_word() % 64);
        }
        read_events(writer, random_word() >> random_word() % 64);
        ck_assert_uint_le(seen_count, EVENTS);
        for (size_t i = 0; i < seen_count; i++)
            if (seen[i].kind == SHMQ_EVENT_DROPPED)
                ck_assert_uint_eq(seen[i].about, (uint32_t)seen[i].value);
        look();
        ck_assert_uint_le(seen_count, EVENTS);
    }
    planted_unmap(&planted);
    ck_assert_int_eq(shmq_close(writer), 0);
    end();
}
END_TEST

/* ------------------------------------------------------------------ without memory, without permission */

static bool no_memory;

/* Stands for object_reserve in this program. */
int __real_object_reserve(const struct object *object, uint64_t offset, uint64_t bytes);
int __wrap_object_reserve(const struct object *object, uint64_t offset, uint64_t bytes);
int __wrap_object_reserve(const struct object *object, uint64_t offset, uint64_t bytes)
{
    return no_memory && offset >= object->geometry.events_offset ? -ENOSPC
                                                                 : __real_object_reserve(object, offset, bytes);
}

START_TEST(without_memory_an_event_is_lost_and_the_queue_works)
{
    use_queue("memory");
    no_memory = true;
    producer = test_queue_open(queue, SHMQ_PRODUCER, &new_queue);
    struct shmq *consumer = test_queue_open(queue, SHMQ_CONSUMER, &attach_only);
    uint64_t number;
    put(1);
    ck_assert_int_eq(test_queue_get(consumer, &number, 0), 0);
    struct planted planted;
    planted_map(&planted, queue);
    ck_assert_uint_eq(atomic_load(&planted.header->events_lost), 2);
    no_memory = false;
    ck_assert_int_eq(shmq_close(consumer), 0);
    look();
    ck_assert_uint_eq(seen_count, 4);
    ck_assert_uint_eq(count_of(SHMQ_EVENT_UNREADABLE), 2);
    ck_assert_uint_eq(seen[3].kind, SHMQ_EVENT_DETACHED);
    planted_unmap(&planted);
    end();
}
END_TEST

static int read_as_stranger(void *context)
{
    struct shmq *observer;
    (void)context;
    if (shmq_open(&observer, queue, SHMQ_OBSERVER, &attach_only) != 0)
        return 1;
    read_events(observer, 0);
    if (seen_count == 0 || seen[0].kind != SHMQ_EVENT_CREATED)
        return 2;
    return shmq_close(observer);
}

START_TEST(who_may_only_read_can_read_events)
{
    struct shmq_options shared = new_queue;
    shared.mode = 0644;
    use_queue("stranger");
    producer = test_queue_open(queue, SHMQ_PRODUCER, &shared);
    planted_in_child(read_as_stranger, NULL, geteuid() == 0 ? 65534 : 0, 65534);
    end();
}
END_TEST

static int use_after_fork(void *context)
{
    (void)context;
    return shmq_events(producer, 0, see, NULL) == -ECHILD ? 0 : 1;
}

START_TEST(a_handle_from_before_a_fork_is_refused)
{
    begin("fork");
    planted_in_child(use_after_fork, NULL, 0, 0);
    end();
}
END_TEST

static const struct test tests[] = {
    TEST_GROUP("what is recorded"),
    TEST(creation_attaching_and_detaching_are_recorded_with_both_clocks),
    TEST(a_producer_that_leaves_its_lane_unfinished_has_not_died),
    TEST(the_death_of_a_producer_is_recorded_once_by_its_successor),
    TEST(who_finishes_a_dead_producers_lane_records_both),
    TEST(the_adoption_of_a_dead_consumers_messages_is_recorded),
    TEST(the_next_owner_of_the_seat_records_the_adoption_too),
    TEST(messages_that_are_given_back_are_no_death),
    TEST(a_lane_that_stays_full_is_recorded_without_a_wait),
    TEST(a_wait_for_room_is_recorded_after_a_second_and_once),
    TEST(an_empty_queue_is_recorded_at_most_once_a_second_and_alone_once_a_minute),
    TEST(what_others_hold_is_left),
    TEST(only_what_changes_something_is_recorded),
    TEST(dead_letters_come_in_one_event_a_second),
    TEST(no_dead_letter_is_no_event),
    TEST(drops_and_losses_are_recorded),
    TEST(damage_is_recorded_once_for_each_handle_and_lane),
    TEST(damage_of_a_seat_names_the_seat),
    TEST(a_semaphore_that_is_replaced_is_recorded),
    TEST_GROUP("the ring of slots"),
    TEST(the_last_events_are_kept_in_order),
    TEST(a_visitor_can_end_it),
    TEST(what_is_overwritten_meanwhile_is_left_out),
    TEST(a_damaged_event_is_unreadable_and_nothing_else),
    TEST(a_late_writer_spoils_an_event_and_makes_no_wrong_one),
    TEST(slots_that_were_never_written_are_unreadable),
    TEST(any_content_can_be_read),
    TEST_GROUP("without memory, without permission"),
    TEST(without_memory_an_event_is_lost_and_the_queue_works),
    TEST(who_may_only_read_can_read_events),
    TEST(a_handle_from_before_a_fork_is_refused),
};
TEST_SUITE("events", tests, .seconds = 20);
