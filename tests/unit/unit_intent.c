/* SPDX-License-Identifier: MIT */
/*
 * Write intents: what a dead consumer was writing is found by whoever locks the file next, with the messages that
 * it was writing as long as nobody has acknowledged them.
 */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/queue/handle.h"
#include "tests/support/harness.h"
#include "tests/support/process.h"
#include "tests/support/test_queue.h"

#define DEVICE 5
#define INODE 77
#define OTHER_INODE 78
#define FORMAT 9
#define SEATS 4
#define MESSAGES 12
#define NOTHING UINT64_MAX

/* Of the queue that was made last. */
static struct shmq_options options;

/* A queue with numbers from 1 on. */
static void make_queue_of(const char *test, uint32_t seats)
{
    use_queue(test);
    options = (struct shmq_options){SHMQ_OPTIONS_DEFAULTS, .create = true, .capacity_bytes = 4096, .lanes = 2,
                                    .seats = seats,        .prefetch = 6,  .follow = true};
    struct shmq *producer = test_queue_open(queue, SHMQ_PRODUCER, &options);
    for (uint64_t i = 1; i <= MESSAGES; i++)
        ck_assert_int_eq(test_queue_put(producer, i, 0), 0);
    ck_assert_int_eq(shmq_close(producer), 0);
}

static void make_queue(const char *test)
{
    make_queue_of(test, SEATS);
}

static struct shmq *open_consumer(void)
{
    return test_queue_open(queue, SHMQ_CONSUMER, &options);
}

static void close_and_remove(struct shmq *handle)
{
    ck_assert_int_eq(shmq_close(handle), 0);
    test_queue_remove(queue);
}

static struct shmq_write_intent intent_for(uint64_t inode, uint32_t count)
{
    return (struct shmq_write_intent){.device = DEVICE,
                                      .inode = inode,
                                      .offset = 1000,
                                      .bytes = UINT64_C(9) * count,
                                      .format = FORMAT,
                                      .count = count};
}

/* ------------------------------------------------------------------ who dies with an intent */

/* What a child does before it is killed. */
struct plan {
    uint32_t lease;       /* messages that it leases */
    uint32_t acknowledge; /* of these, before */
    bool hold;            /* the one left, in the seat's buffer */
    uint64_t inode;
    uint32_t count; /* of the intent */
    bool clear;     /* again */
};

static void lease_numbers(struct shmq *handle, uint32_t count, struct shmq_message *last)
{
    uint64_t number;
    for (uint32_t i = 0; i < count; i++)
        process_require_equal(test_queue_lease(handle, &number, last, process_patience_ns()), 0);
}

static void follow_plan(void *context)
{
    const struct plan *plan = context;
    struct shmq_options own = options;
    struct shmq_message last;
    struct shmq *handle;
    own.prefetch = plan->hold ? plan->lease : own.prefetch;
    process_require_equal(shmq_open(&handle, queue, SHMQ_CONSUMER, &own), 0);
    lease_numbers(handle, plan->lease, &last);
    process_require_equal(shmq_acknowledge(handle, plan->acknowledge), 0);
    if (plan->hold)
        process_require_equal(shmq_hold(handle, &last), 0);
    const struct shmq_write_intent intent = intent_for(plan->inode, plan->count);
    process_require_equal(shmq_set_write_intent(handle, &intent), 0);
    if (plan->clear)
        process_require_equal(shmq_set_write_intent(handle, NULL), 0);
    process_report(0);
    (void)process_await_order();
}

static void die_with(struct plan plan)
{
    struct process process;
    process_start(&process, follow_plan, &plan);
    (void)process_hear(&process);
    process_kill(&process);
}

/* ------------------------------------------------------------------ what is found */

struct visits {
    struct shmq *handle;
    uint32_t times;
    struct shmq_write_intent intent; /* the last one's */
    uint64_t first;                  /* number; NOTHING: no messages */
    size_t count;
    uint32_t attempts;
    bool held;                   /* shmq_intent_holds at the end */
    void (*meanwhile)(void *of); /* NULL: nothing */
    void *of;
    int result;
};

static int look(void *context, const struct shmq_write_intent *intent, const struct shmq_message *messages,
                size_t count)
{
    struct visits *visits = context;
    visits->times++;
    visits->intent = *intent;
    visits->count = count;
    visits->first = NOTHING;
    ck_assert_int_eq(messages == NULL, count == 0);
    for (size_t i = 0; i < count; i++) {
        uint64_t number;
        ck_assert_uint_eq(messages[i].length, sizeof(number));
        ck_assert(messages[i].redelivered);
        memcpy(&number, messages[i].data, sizeof(number));
        visits->first = i == 0 ? number : visits->first;
        ck_assert_uint_eq(number, visits->first + i);
        ck_assert_uint_eq(messages[i].stream_offset, (number - 1) * sizeof(number));
    }
    visits->attempts = count > 0 ? messages[0].attempts : 0;
    if (visits->meanwhile != NULL)
        visits->meanwhile(visits->of);
    visits->held = shmq_intent_holds(visits->handle);
    return visits->result;
}

/* Visits those of a file. Return: what was seen. */
static struct visits visit(struct shmq *handle, uint64_t inode)
{
    struct visits visits = {.handle = handle};
    ck_assert_int_eq(shmq_visit_write_intents(handle, DEVICE, inode, look, &visits), 0);
    ck_assert(!shmq_intent_holds(handle));
    return visits;
}

static void expect_one(struct visits visits, uint32_t count, uint64_t first, size_t messages)
{
    const struct shmq_write_intent expected = intent_for(INODE, count);
    ck_assert_uint_eq(visits.times, 1);
    ck_assert_uint_eq(visits.intent.device, expected.device);
    ck_assert_uint_eq(visits.intent.inode, expected.inode);
    ck_assert_uint_eq(visits.intent.offset, expected.offset);
    ck_assert_uint_eq(visits.intent.bytes, expected.bytes);
    ck_assert_uint_eq(visits.intent.format, expected.format);
    ck_assert_uint_eq(visits.intent.count, expected.count);
    ck_assert_uint_eq(visits.first, first);
    ck_assert_uint_eq(visits.count, messages);
    ck_assert_int_eq(visits.held, messages > 0);
}

/* ------------------------------------------------------------------ found */

START_TEST(first_lease_of_a_dead_consumer_is_found)
{
    make_queue("first");
    die_with((struct plan){.lease = 4, .inode = INODE, .count = 3});
    struct shmq *consumer = open_consumer();
    ck_assert_uint_eq(visit(consumer, OTHER_INODE).times, 0);
    struct visits other = {.handle = consumer};
    ck_assert_int_eq(shmq_visit_write_intents(consumer, DEVICE + 1, INODE, look, &other), 0);
    ck_assert_uint_eq(other.times, 0);
    expect_one(visit(consumer, INODE), 3, 1, 3);
    ck_assert_uint_eq(visit(consumer, INODE).times, 0); /* settled */
    close_and_remove(consumer);
}
END_TEST

START_TEST(batch_partly_acknowledged_is_found_from_there)
{
    make_queue("partly");
    die_with((struct plan){.lease = 5, .acknowledge = 2, .inode = INODE, .count = 2});
    struct shmq *consumer = open_consumer();
    expect_one(visit(consumer, INODE), 2, 3, 2);
    close_and_remove(consumer);
}
END_TEST

START_TEST(held_message_is_found_in_the_seat_s_buffer)
{
    make_queue("held");
    die_with((struct plan){.lease = 3, .acknowledge = 2, .hold = true, .inode = INODE, .count = 1});
    struct shmq *consumer = open_consumer();
    expect_one(visit(consumer, INODE), 1, 3, 1);
    close_and_remove(consumer);
}
END_TEST

/* Opens a seat of its own first, and takes over what somebody left in another. */
static void adopt_and_die(void *context)
{
    const struct plan *plan = context;
    struct shmq_message last;
    struct shmq *handle;
    process_require_equal(shmq_open(&handle, queue, SHMQ_CONSUMER, &options), 0);
    process_report(handle->consumer.seat);
    (void)process_await_order();
    lease_numbers(handle, plan->lease, &last);
    process_require_equal(shmq_acknowledge(handle, plan->acknowledge), 0);
    process_require(last.redelivered && handle->consumer.batch.seat != handle->consumer.seat);
    const struct shmq_write_intent intent = intent_for(plan->inode, plan->count);
    process_require_equal(shmq_set_write_intent(handle, &intent), 0);
    process_report(0);
    (void)process_await_order();
}

START_TEST(adopted_batch_is_found_under_the_seat_that_holds_it)
{
    struct process undertaker;
    const struct plan plan = {.lease = 4, .acknowledge = 1, .inode = INODE, .count = 2};
    make_queue("adopted");
    process_start(&undertaker, adopt_and_die, (void *)(uintptr_t)&plan);
    (void)process_hear(&undertaker);
    die_with((struct plan){.lease = 6, .acknowledge = 1, .inode = OTHER_INODE, .count = 5});
    process_order(&undertaker, 0);
    (void)process_hear(&undertaker);
    process_kill(&undertaker);
    struct shmq *consumer = open_consumer();
    struct visits visits = visit(consumer, INODE);
    expect_one(visits, 2, 3, 2);
    ck_assert_uint_eq(visits.attempts, 0); /* its first failed attempt was at the one acknowledged since */
    visits = visit(consumer, OTHER_INODE); /* the first one's; another one has acknowledged some of it since */
    ck_assert_uint_eq(visits.times, 1);
    ck_assert_uint_eq(visits.count, 0);
    close_and_remove(consumer);
}
END_TEST

START_TEST(adopted_held_message_is_found)
{
    struct process undertaker;
    const struct plan plan = {.lease = 1, .inode = INODE, .count = 1};
    make_queue("adopted-held");
    process_start(&undertaker, adopt_and_die, (void *)(uintptr_t)&plan);
    (void)process_hear(&undertaker);
    die_with((struct plan){.lease = 3, .acknowledge = 2, .hold = true, .inode = OTHER_INODE, .count = 1});
    process_order(&undertaker, 0);
    (void)process_hear(&undertaker);
    process_kill(&undertaker);
    struct shmq *consumer = open_consumer();
    expect_one(visit(consumer, INODE), 1, 3, 1);
    const struct visits visits = visit(consumer, OTHER_INODE); /* of the same message */
    ck_assert_uint_eq(visits.first, 3);
    close_and_remove(consumer);
}
END_TEST

START_TEST(attempts_are_counted_where_the_messages_are)
{
    struct shmq_message last;
    make_queue("attempts");
    struct shmq *consumer = open_consumer();
    die_with((struct plan){.lease = 6, .inode = INODE, .count = 6});
    lease_numbers(consumer, 3, &last);
    const struct visits visits = visit(consumer, INODE);
    expect_one(visits, 6, 1, 6);
    ck_assert_uint_eq(visits.attempts, 1);
    close_and_remove(consumer);
}
END_TEST

START_TEST(cleared_is_not_found)
{
    make_queue("cleared");
    die_with((struct plan){.lease = 4, .inode = INODE, .count = 3, .clear = true});
    struct shmq *consumer = open_consumer();
    ck_assert_uint_eq(visit(consumer, INODE).times, 0);
    close_and_remove(consumer);
}
END_TEST

START_TEST(own_is_found_and_outlives_its_handle)
{
    struct shmq_message last;
    const struct shmq_write_intent intent = intent_for(INODE, 2);
    make_queue("own");
    struct shmq *consumer = open_consumer();
    lease_numbers(consumer, 3, &last);
    ck_assert_int_eq(shmq_set_write_intent(consumer, &intent), 0);
    expect_one(visit(consumer, INODE), 2, 1, 2); /* a write that failed, for one */
    ck_assert_int_eq(shmq_set_write_intent(consumer, &intent), 0);
    ck_assert_int_eq(shmq_close(consumer), 0);
    consumer = open_consumer();
    expect_one(visit(consumer, INODE), 2, 1, 2);
    ck_assert_int_eq(shmq_set_write_intent(consumer, NULL), 0);
    close_and_remove(consumer);
}
END_TEST

START_TEST(replaced_is_found_as_the_later_one)
{
    struct shmq_message last;
    struct shmq_write_intent intent = intent_for(OTHER_INODE, 2);
    make_queue("replaced");
    struct shmq *consumer = open_consumer();
    lease_numbers(consumer, 3, &last);
    ck_assert_int_eq(shmq_set_write_intent(consumer, &intent), 0);
    intent = intent_for(INODE, 3);
    ck_assert_int_eq(shmq_set_write_intent(consumer, &intent), 0);
    ck_assert_uint_eq(visit(consumer, OTHER_INODE).times, 0);
    expect_one(visit(consumer, INODE), 3, 1, 3);
    close_and_remove(consumer);
}
END_TEST

START_TEST(visitor_decides_whether_it_stays)
{
    make_queue("decides");
    die_with((struct plan){.lease = 2, .inode = INODE, .count = 2});
    die_with((struct plan){.lease = 2, .inode = INODE, .count = 1});
    struct shmq *consumer = open_consumer();
    for (int i = -1; i <= 1; i += 2) {
        struct visits visits = {.handle = consumer, .result = 7 * i};
        ck_assert_int_eq(shmq_visit_write_intents(consumer, DEVICE, INODE, look, &visits), 7 * i);
        ck_assert_uint_eq(visits.times, 1); /* the walk ends there */
        ck_assert_uint_eq(visits.count, 2);
    }
    ck_assert_uint_eq(visit(consumer, INODE).times, 2);
    ck_assert_uint_eq(visit(consumer, INODE).times, 0);
    close_and_remove(consumer);
}
END_TEST

/* ------------------------------------------------------------------ messages that are no longer there */

static void acknowledge_all(void *context)
{
    struct shmq *handle = context;
    struct shmq_message last;
    lease_numbers(handle, handle->consumer.batch.count - handle->consumer.batch.handed, &last);
    ck_assert_int_eq(shmq_acknowledge(handle, handle->consumer.batch.handed - handle->consumer.batch.done), 0);
}

/* A living consumer takes over what a dead one left with an intent. */
static void let_somebody_adopt(struct plan plan, struct shmq **heir, struct shmq_message *last)
{
    *heir = open_consumer();
    die_with(plan);
    lease_numbers(*heir, 1, last);
    ck_assert(last->redelivered);
}

START_TEST(adopted_by_the_living_is_found_until_acknowledged)
{
    struct shmq *heir;
    struct shmq_message last;
    make_queue("living");
    let_somebody_adopt((struct plan){.lease = 6, .inode = INODE, .count = 6}, &heir, &last);
    struct shmq *consumer = open_consumer();
    struct visits visits = {.handle = consumer, .result = -EAGAIN};
    ck_assert_int_eq(shmq_visit_write_intents(consumer, DEVICE, INODE, look, &visits), -EAGAIN);
    expect_one(visits, 6, 1, 6);
    ck_assert_int_eq(shmq_acknowledge(heir, 1), 0); /* one is enough */
    expect_one(visit(consumer, INODE), 6, NOTHING, 0);
    ck_assert_int_eq(shmq_close(heir), 0);
    close_and_remove(consumer);
}
END_TEST

START_TEST(acknowledged_under_the_visitor_s_eyes_no_longer_holds)
{
    struct shmq *heir;
    struct shmq_message last;
    make_queue("eyes");
    let_somebody_adopt((struct plan){.lease = 6, .inode = INODE, .count = 6}, &heir, &last);
    struct shmq *consumer = open_consumer();
    struct visits visits = {.handle = consumer, .result = -EAGAIN, .meanwhile = acknowledge_all, .of = heir};
    ck_assert_int_eq(shmq_visit_write_intents(consumer, DEVICE, INODE, look, &visits), -EAGAIN);
    ck_assert_uint_eq(visits.count, 6);
    ck_assert(!visits.held);
    expect_one(visit(consumer, INODE), 6, NOTHING, 0);
    ck_assert_int_eq(shmq_close(heir), 0);
    close_and_remove(consumer);
}
END_TEST

struct holder {
    struct shmq *handle;
    struct shmq_message message;
};

static void hold(void *context)
{
    struct holder *holder = context;
    ck_assert_int_eq(shmq_hold(holder->handle, &holder->message), 0);
}

/* From the ring to the seat's buffer: the next look finds it there. */
START_TEST(moved_under_the_visitor_s_eyes_is_found_again)
{
    struct holder holder;
    make_queue("moved");
    let_somebody_adopt((struct plan){.lease = 6, .acknowledge = 5, .inode = INODE, .count = 1}, &holder.handle,
                       &holder.message);
    struct shmq *consumer = open_consumer();
    struct visits visits = {.handle = consumer, .result = -EAGAIN, .meanwhile = hold, .of = &holder};
    ck_assert_int_eq(shmq_visit_write_intents(consumer, DEVICE, INODE, look, &visits), -EAGAIN);
    ck_assert_uint_eq(visits.first, 6);
    ck_assert(!visits.held);
    visits = (struct visits){.handle = consumer, .result = -EAGAIN};
    ck_assert_int_eq(shmq_visit_write_intents(consumer, DEVICE, INODE, look, &visits), -EAGAIN);
    expect_one(visits, 1, 6, 1);
    visits.meanwhile = acknowledge_all;
    visits.of = holder.handle;
    ck_assert_int_eq(shmq_visit_write_intents(consumer, DEVICE, INODE, look, &visits), -EAGAIN);
    ck_assert(!visits.held);
    expect_one(visit(consumer, INODE), 1, NOTHING, 0);
    ck_assert_int_eq(shmq_close(holder.handle), 0);
    close_and_remove(consumer);
}
END_TEST

/* The same cells, and the same seat, have other messages since: many laps of them, and others in its buffer. */
START_TEST(nobody_else_s_messages_are_given)
{
    struct shmq_message last;
    make_queue_of("overwritten", 1);
    die_with((struct plan){.lease = 6, .acknowledge = 5, .hold = _i == 1, .inode = INODE, .count = 1});
    options.prefetch = 1;
    struct shmq *producer = test_queue_open(queue, SHMQ_PRODUCER, &options);
    struct shmq *heir = open_consumer();
    for (uint64_t i = 6; i < 1000; i++) { /* the first is what was left */
        ck_assert_int_eq(test_queue_put(producer, i, 0), 0);
        lease_numbers(heir, 1, &last);
        if (i % 3 == 0)
            ck_assert_int_eq(shmq_hold(heir, &last), 0);
        struct visits visits = {.handle = heir, .result = -EAGAIN};
        ck_assert_int_eq(shmq_visit_write_intents(heir, DEVICE, INODE, look, &visits), -EAGAIN);
        if (i == 6)
            expect_one(visits, 1, 6, 1);
        else
            expect_one(visits, 1, NOTHING, 0);
        ck_assert_int_eq(shmq_acknowledge(heir, 1), 0);
    }
    ck_assert_int_eq(shmq_close(producer), 0);
    close_and_remove(heir);
}
END_TEST

/* ------------------------------------------------------------------ seats */

START_TEST(newcomers_keep_away_from_its_seat)
{
    struct shmq *consumers[SEATS];
    make_queue("away");
    die_with((struct plan){.lease = 4, .inode = INODE, .count = 3}); /* in seat 0 */
    for (uint32_t i = 0; i < SEATS; i++) {
        consumers[i] = open_consumer();
        ck_assert_uint_eq(consumers[i]->consumer.seat, (i + 1) % SEATS); /* it is the last resort */
    }
    expect_one(visit(consumers[SEATS - 1], INODE), 3, 1, 3); /* in its own seat, what its last owner left */
    for (uint32_t i = 0; i < SEATS; i++)
        ck_assert_int_eq(shmq_close(consumers[i]), 0);
    consumers[0] = open_consumer();
    ck_assert_uint_eq(consumers[0]->consumer.seat, 0); /* settled: a seat like others */
    close_and_remove(consumers[0]);
}
END_TEST

/* The only one there is. */
static struct shmq *take_seat_of_the_dead(void)
{
    make_queue_of("reused", 1);
    die_with((struct plan){.lease = 4, .inode = INODE, .count = 3});
    return open_consumer();
}

START_TEST(it_survives_the_reuse_of_its_seat)
{
    struct shmq_message last;
    struct shmq *consumer = take_seat_of_the_dead();
    ck_assert_int_eq(shmq_set_write_intent(consumer, NULL), 0); /* clears what this handle has set: nothing */
    lease_numbers(consumer, 1, &last);
    ck_assert(last.redelivered);
    expect_one(visit(consumer, INODE), 3, 1, 3);
    close_and_remove(consumer);
}
END_TEST

START_TEST(the_seat_s_next_one_replaces_it)
{
    struct shmq_message last;
    struct shmq *consumer = take_seat_of_the_dead();
    lease_numbers(consumer, 1, &last);
    const struct shmq_write_intent intent = intent_for(OTHER_INODE, 1);
    ck_assert_int_eq(shmq_set_write_intent(consumer, &intent), 0);
    ck_assert_uint_eq(visit(consumer, INODE).times, 0);
    ck_assert_uint_eq(visit(consumer, OTHER_INODE).times, 1);
    close_and_remove(consumer);
}
END_TEST

static void set_for_another_file(void *context)
{
    struct shmq *handle = context;
    struct shmq_message last;
    lease_numbers(handle, 1, &last);
    const struct shmq_write_intent intent = intent_for(OTHER_INODE, 1);
    ck_assert_int_eq(shmq_set_write_intent(handle, &intent), 0);
}

/* While one settles it for a file, its seat's next owner notes another file there: that note stays. */
START_TEST(clearing_spares_what_the_seat_s_next_owner_notes)
{
    struct shmq *others[SEATS - 1];
    make_queue("spares");
    die_with((struct plan){.lease = 4, .inode = INODE, .count = 3});
    for (uint32_t i = 0; i < SEATS - 1; i++)
        others[i] = open_consumer();
    struct shmq *next = open_consumer();
    ck_assert_uint_eq(next->consumer.seat, 0);
    struct visits visits = {.handle = others[0], .meanwhile = set_for_another_file, .of = next};
    ck_assert_int_eq(shmq_visit_write_intents(others[0], DEVICE, INODE, look, &visits), 0);
    ck_assert_uint_eq(visits.times, 1);
    ck_assert_uint_eq(visit(others[0], OTHER_INODE).times, 1);
    for (uint32_t i = 0; i < SEATS - 1; i++)
        ck_assert_int_eq(shmq_close(others[i]), 0);
    close_and_remove(next);
}
END_TEST

/* ------------------------------------------------------------------ a note that changes while it is read */

#define CHANGES 2000000

/* Two files in turn, none of which is the one that the test asks for; nor is a mixture of the two noted ever. */
static void note_two_files_in_turn(void *context)
{
    (void)context;
    struct shmq *handle;
    struct shmq_message last;
    struct shmq_write_intent intent = intent_for(INODE, 1);
    process_require_equal(shmq_open(&handle, queue, SHMQ_CONSUMER, &options), 0);
    lease_numbers(handle, 1, &last);
    process_report(0);
    for (uint32_t i = 0; i < CHANGES; i++) {
        intent.device = i % 2 == 0 ? DEVICE : DEVICE + 1;
        intent.inode = i % 2 == 0 ? OTHER_INODE : INODE;
        process_require_equal(shmq_set_write_intent(handle, &intent), 0);
        if (i % 3 == 0)
            process_require_equal(shmq_set_write_intent(handle, NULL), 0);
    }
    process_report(0);
    (void)process_await_order();
}

START_TEST(halves_of_two_notes_are_never_taken_for_one)
{
    struct process writer;
    make_queue("halves");
    process_start(&writer, note_two_files_in_turn, NULL);
    (void)process_hear(&writer);
    struct shmq *consumer = open_consumer();
    while (!process_has_report(&writer)) {
        for (int i = 0; i < 1000; i++)
            ck_assert_uint_eq(visit(consumer, INODE).times, 0);
        ck_assert_int_eq(shmq_check(consumer, NULL, NULL), 0);
    }
    process_kill(&writer);
    close_and_remove(consumer);
}
END_TEST

/* ------------------------------------------------------------------ arguments */

START_TEST(an_intent_without_sense_is_refused)
{
    struct shmq_message last;
    make_queue("sense");
    struct shmq *consumer = open_consumer();
    const struct shmq_write_intent good = intent_for(INODE, 2);
    ck_assert_int_eq(shmq_set_write_intent(consumer, &good), -EINVAL); /* nothing is held */
    lease_numbers(consumer, 3, &last);
    ck_assert_int_eq(shmq_acknowledge(consumer, 1), 0);
    struct shmq_write_intent bad[] = {good, good, good, good, good};
    bad[0].count = 0;
    bad[1].count = 3; /* two are held */
    bad[2].bytes = 0;
    bad[3].offset = (uint64_t)INT64_MAX - bad[3].bytes + 1;
    bad[4].offset = UINT64_MAX;
    for (size_t i = 0; i < COUNT(bad); i++)
        ck_assert_int_eq(shmq_set_write_intent(consumer, &bad[i]), -EINVAL);
    ck_assert_uint_eq(visit(consumer, INODE).times, 0);
    ck_assert_int_eq(shmq_set_write_intent(consumer, &good), 0);
    ck_assert_int_eq(shmq_visit_write_intents(consumer, DEVICE, INODE, NULL, NULL), -EINVAL);
    expect_one(visit(consumer, INODE), 2, 2, 2);
    close_and_remove(consumer);
}
END_TEST

static void visit_within(void *context)
{
    struct shmq *handle = context;
    struct visits visits = {.handle = handle};
    ck_assert_int_eq(shmq_visit_write_intents(handle, DEVICE, INODE, look, &visits), -EINVAL);
    ck_assert_uint_eq(visits.times, 0);
}

START_TEST(a_visitor_does_not_visit)
{
    make_queue("within");
    die_with((struct plan){.lease = 4, .inode = INODE, .count = 3});
    struct shmq *consumer = open_consumer();
    struct visits visits = {.handle = consumer, .meanwhile = visit_within, .of = consumer};
    ck_assert_int_eq(shmq_visit_write_intents(consumer, DEVICE, INODE, look, &visits), 0);
    expect_one(visits, 3, 1, 3);
    close_and_remove(consumer);
}
END_TEST

/* ------------------------------------------------------------------ losses */

START_TEST(a_loss_is_told_for_good)
{
    make_queue("loss");
    struct shmq *observer = test_queue_open(queue, SHMQ_OBSERVER, NULL);
    ck_assert_int_eq(shmq_report_loss(observer), -EINVAL);
    ck_assert(!test_queue_stat(queue).lost);
    struct shmq *consumer = open_consumer();
    ck_assert_int_eq(shmq_report_loss(consumer), 0);
    ck_assert_int_eq(shmq_report_loss(consumer), 0);
    ck_assert_int_eq(shmq_close(consumer), 0);
    struct shmq_info info = SHMQ_INFO_INIT;
    ck_assert_int_eq(shmq_info(observer, &info), 0);
    ck_assert(info.lost && test_queue_stat(queue).lost);
    ck_assert_int_eq(shmq_check(observer, NULL, NULL), 0);
    struct shmq *producer = test_queue_open(queue, SHMQ_PRODUCER, &options);
    ck_assert_int_eq(test_queue_put(producer, 1, 0), 0); /* it changes nothing else */
    ck_assert_int_eq(shmq_report_loss(producer), 0);
    ck_assert_int_eq(shmq_close(producer), 0);
    ck_assert_int_eq(shmq_close(observer), 0);
    test_queue_remove(queue);
}
END_TEST

static const struct test tests[] = {
    TEST_GROUP("found"),
    TEST(first_lease_of_a_dead_consumer_is_found),
    TEST(batch_partly_acknowledged_is_found_from_there),
    TEST(held_message_is_found_in_the_seat_s_buffer),
    TEST(adopted_batch_is_found_under_the_seat_that_holds_it),
    TEST(adopted_held_message_is_found),
    TEST(attempts_are_counted_where_the_messages_are),
    TEST(cleared_is_not_found),
    TEST(own_is_found_and_outlives_its_handle),
    TEST(replaced_is_found_as_the_later_one),
    TEST(visitor_decides_whether_it_stays),
    TEST_GROUP("gone"),
    TEST(adopted_by_the_living_is_found_until_acknowledged),
    TEST(acknowledged_under_the_visitor_s_eyes_no_longer_holds),
    TEST(moved_under_the_visitor_s_eyes_is_found_again),
    TEST_EACH(nobody_else_s_messages_are_given, 2),
    TEST_GROUP("seats"),
    TEST(newcomers_keep_away_from_its_seat),
    TEST(it_survives_the_reuse_of_its_seat),
    TEST(the_seat_s_next_one_replaces_it),
    TEST(clearing_spares_what_the_seat_s_next_owner_notes),
    TEST(halves_of_two_notes_are_never_taken_for_one),
    TEST_GROUP("arguments"),
    TEST(an_intent_without_sense_is_refused),
    TEST(a_visitor_does_not_visit),
    TEST_GROUP("losses"),
    TEST(a_loss_is_told_for_good),
};

TEST_SUITE("intent", tests, .seconds = 60);
