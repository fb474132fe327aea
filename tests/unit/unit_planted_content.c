/* SPDX-License-Identifier: MIT */
/* What the dead left in a queue, and what nobody of us would have written there: planted by hand in real queues.
 */
#include <check.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/core/ring.h"
#include "common/kernel/clock.h"
#include "common/queue/mapping.h"
#include "common/queue/seat.h"
#include "common/queue/walk.h"
#include "tests/support/harness.h"
#include "tests/support/plain_ring.h"
#include "tests/support/planted.h"

#define MESSAGES 5u
#define START 64u /* position of the first message: the lane's first lap begins there */
#define SECOND INT64_C(1000000000)
#define DEVICE 5 /* of the file that write intents name */
#define INODE 7

/* A queue of three seats with five messages, "0" to "4", of a cell each, whose producer left unfinished. */
static struct planted queue;
static const char *name;
static char problems[4096];

static struct shmq_options options_of(uint32_t prefetch)
{
    struct shmq_options options = planted_small();
    options.seats = 3;
    options.prefetch = prefetch;
    return options;
}

/* What stands behind the last seat is nobody's, whatever it says. */
static void plant_ghost(void)
{
    struct seat *ghost = &queue.seats[queue.geometry.parameters.seats];
    ck_assert((unsigned char *)(ghost + 1) <= queue.base + queue.geometry.buffers_offset);
    atomic_store(&ghost->intent_lane, UINT64_MAX);
    atomic_store(&ghost->intent_position, START);
    atomic_store(&ghost->progress, UINT64_MAX);
    atomic_store(&ghost->held_valid, 1);
    atomic_store(&ghost->held_lane, UINT64_MAX);
    atomic_store(&ghost->waiting, WAITING_TICK);
    atomic_store(&ghost->pid, 1);
    atomic_store(&ghost->write_intent.turn, 1);
    atomic_store(&ghost->write_intent.device, DEVICE);
    atomic_store(&ghost->write_intent.inode, INODE);
}

static void set_up(void)
{
    const struct shmq_options options = options_of(0);
    name = test_name("content");
    struct shmq *producer = planted_open(name, SHMQ_PRODUCER, &options);
    for (uint32_t i = 0; i < MESSAGES; i++) {
        const char text[] = {(char)('0' + i), '\0'};
        planted_put(producer, text);
    }
    shmq_abandon(producer);
    planted_map(&queue, name);
    plant_ghost();
}

static void tear_down(void)
{
    planted_unmap(&queue);
    ck_assert_int_eq(shmq_remove(name, true), 0);
    ck_assert_uint_eq(test_leftovers(name), 0);
}

static struct lane_control *lane(void)
{
    return planted_lane(&queue, 0);
}

static struct shmq *open_as(enum shmq_role role, uint32_t prefetch)
{
    const struct shmq_options options = options_of(prefetch);
    return planted_open(name, role, &options);
}

/* ------------------------------------------------------------------ what is looked at */

static void note_problem(void *context, const char *problem)
{
    char *notes = context;
    const size_t used = strlen(notes);
    (void)snprintf(notes + used, sizeof(problems) - used, "%s\n", problem);
}

/* What shmq_check says to an observer has these words in it; NULL: it has nothing to say. */
static void expect_problem(const char *words)
{
    struct shmq *observer = planted_open(name, SHMQ_OBSERVER, NULL);
    problems[0] = '\0';
    const int error = shmq_check(observer, note_problem, problems);
    ck_assert_int_eq(shmq_check(observer, NULL, NULL), error);
    ck_assert_int_eq(shmq_close(observer), 0);
    if (words == NULL)
        ck_assert_msg(error == 0 && problems[0] == '\0', "%d: %s", error, problems);
    else
        ck_assert_msg(error == -EBADMSG && strstr(problems, words) != NULL, "%d: no '%s' in: %s", error, words,
                      problems);
}

static void expect_producer(int code)
{
    struct shmq *producer;
    const int error = shmq_open(&producer, name, SHMQ_PRODUCER, NULL);
    ck_assert_msg(error == code, "a producer: %d instead of %d", error, code);
    if (error == 0)
        shmq_abandon(producer);
}

/* The first message, or why there is none. */
static void expect_consumer(int code)
{
    struct shmq_message message;
    struct shmq *consumer = open_as(SHMQ_CONSUMER, 0);
    const int error = shmq_lease(consumer, &message, 3 * SECOND);
    ck_assert_msg(error == code, "a consumer: %d instead of %d", error, code);
    ck_assert_int_eq(shmq_close(consumer), 0);
}

struct delivery {
    char text;
    uint32_t attempts;
    bool redelivered;
};

static void expect_message(struct shmq *consumer, struct delivery expected)
{
    struct shmq_message message;
    ck_assert_int_eq(shmq_lease(consumer, &message, 0), 0);
    ck_assert_uint_eq(message.length, 1);
    ck_assert_int_eq(*(const char *)message.data, expected.text);
    ck_assert_uint_eq(message.attempts, expected.attempts);
    ck_assert_int_eq(message.redelivered, expected.redelivered);
    ck_assert_int_eq(shmq_acknowledge(consumer, 1), 0);
}

static void expect_empty(struct shmq *consumer)
{
    struct shmq_message message;
    ck_assert_int_eq(shmq_lease(consumer, &message, 0), -EAGAIN);
    ck_assert_int_eq(shmq_join(consumer, 0), 0);
    ck_assert_int_eq(shmq_check(consumer, NULL, NULL), 0);
}

/* ------------------------------------------------------------------ a dead seat's lease */

/* The word at @position and the seat's intent say that @seat holds @count messages there. */
static void plant_lease(uint32_t seat, uint64_t position, uint32_t count, uint64_t progress)
{
    struct seat *s = &queue.seats[seat];
    atomic_store(&s->intent_lane, 1);
    atomic_store(&s->intent_position, position);
    atomic_store(&s->progress, progress);
    atomic_store(planted_lease(&queue, 0, position),
                 lease_word(planted_format(&queue), position, count, seat, LEASE_TAKEN));
    atomic_store(&lane()->claim, position + count);
}

START_TEST(the_next_consumer_takes_over_a_dead_one_s_batch_from_its_progress)
{
    plant_lease((uint32_t)_i, START, 4, progress_pack(0, 2));
    expect_problem(NULL);
    struct shmq *consumer = open_as(SHMQ_CONSUMER, 0);
    expect_message(consumer, (struct delivery){'2', 1, true});
    expect_message(consumer, (struct delivery){'3', 0, true});
    expect_message(consumer, (struct delivery){'4', 0, false});
    expect_empty(consumer);
    ck_assert_int_eq(shmq_close(consumer), 0);
}
END_TEST

START_TEST(a_word_taken_by_one_who_died_before_it_moved_claim_counts)
{
    plant_lease((uint32_t)_i, START, 5, progress_pack(0, 0));
    atomic_store(&lane()->claim, START);
    struct shmq *consumer = open_as(SHMQ_CONSUMER, 0);
    expect_message(consumer, (struct delivery){'0', 1, true});
    for (char text = '1'; text <= '4'; text++)
        expect_message(consumer, (struct delivery){text, 0, true});
    expect_empty(consumer);
    ck_assert_int_eq(shmq_close(consumer), 0);
}
END_TEST

START_TEST(each_death_adds_an_attempt_and_an_orderly_return_does_not)
{
    plant_lease(1, START, 5, progress_pack(7, 1));
    for (uint32_t death = 1; death <= 3; death++) {
        struct shmq_message message;
        struct shmq *consumer = open_as(SHMQ_CONSUMER, 0);
        ck_assert_int_eq(shmq_lease(consumer, &message, 0), 0);
        ck_assert_int_eq(*(const char *)message.data, '1');
        ck_assert_uint_eq(message.attempts, 7 + death);
        ck_assert_int_eq(shmq_close(consumer), 0);
        /* As if it had not left in order but died. */
        const uint64_t progress = atomic_load(&queue.seats[1].progress);
        ck_assert((progress & PROGRESS_RETURNED) != 0);
        atomic_store(&queue.seats[1].progress, progress & ~PROGRESS_RETURNED);
    }
    atomic_fetch_or(&queue.seats[1].progress, PROGRESS_RETURNED);
    struct shmq *consumer = open_as(SHMQ_CONSUMER, 0);
    expect_message(consumer, (struct delivery){'1', 10, true});
    ck_assert_int_eq(shmq_close(consumer), 0);
}
END_TEST

START_TEST(attempts_stop_at_their_largest_number)
{
    plant_lease(1, START, 5, progress_pack(ATTEMPTS_MAX, 0));
    struct shmq *consumer = open_as(SHMQ_CONSUMER, 0);
    expect_message(consumer, (struct delivery){'0', ATTEMPTS_MAX, true});
    ck_assert_int_eq(shmq_close(consumer), 0);
}
END_TEST

START_TEST(two_dead_consumers_batches_are_both_taken_over)
{
    plant_lease(1, START, 2, progress_pack(0, 1));
    plant_lease(2, START + 2, 3, progress_pack(0, 1));
    struct shmq *consumer = open_as(SHMQ_CONSUMER, 0);
    expect_message(consumer, (struct delivery){'1', 1, true});
    expect_message(consumer, (struct delivery){'3', 1, true});
    expect_message(consumer, (struct delivery){'4', 0, true});
    expect_empty(consumer);
    ck_assert_int_eq(shmq_close(consumer), 0);
}
END_TEST

static const uint64_t intents[] = {0, 1, START - 1, START, START + 1, START + 64, UINT64_MAX};
#define INTENTS (int)COUNT(intents)

/* An intent is only what somebody was about to do. */
START_TEST(an_intent_without_its_word_means_nothing)
{
    for (uint32_t seat = 0; seat < 3; seat++) {
        atomic_store(&queue.seats[seat].intent_lane, 1);
        atomic_store(&queue.seats[seat].intent_position, intents[_i]);
        atomic_store(&queue.seats[seat].progress, progress_pack(2, 3));
    }
    expect_problem(NULL);
    struct shmq *consumer = open_as(SHMQ_CONSUMER, 0);
    for (char text = '0'; text <= '4'; text++)
        expect_message(consumer, (struct delivery){text, 0, false});
    expect_empty(consumer);
    ck_assert_int_eq(shmq_close(consumer), 0);
}
END_TEST

START_TEST(a_lease_of_another_seat_is_not_taken_by_who_only_meant_to)
{
    plant_lease(1, START, 5, progress_pack(0, 4));
    atomic_store(&queue.seats[0].intent_lane, 1); /* lost the race for the same batch */
    atomic_store(&queue.seats[0].intent_position, START);
    struct shmq *consumer = open_as(SHMQ_CONSUMER, 0);
    expect_message(consumer, (struct delivery){'4', 1, true});
    expect_empty(consumer);
    ck_assert_int_eq(shmq_close(consumer), 0);
}
END_TEST

START_TEST(done_batches_that_nobody_reclaimed_are_reclaimed)
{
    plant_lease(1, START, 5, progress_pack(0, 0));
    atomic_fetch_or(planted_lease(&queue, 0, START), LEASE_DONE);
    expect_problem(NULL);
    struct shmq *observer = planted_open(name, SHMQ_OBSERVER, NULL);
    ck_assert_int_eq(shmq_join(observer, 0), 0); /* without writing anything */
    ck_assert_uint_eq(atomic_load(&lane()->head), START);
    ck_assert_int_eq(shmq_close(observer), 0);
    struct shmq *consumer = open_as(SHMQ_CONSUMER, 0);
    expect_empty(consumer);
    ck_assert_uint_eq(atomic_load(&lane()->head), START + MESSAGES);
    ck_assert_int_eq(shmq_close(consumer), 0);
}
END_TEST

/* ------------------------------------------------------------------ a dead seat's buffer */

/* Message @position stands in the seat's buffer, as "h". */
static void plant_held(uint32_t seat, uint64_t position)
{
    struct seat *s = &queue.seats[seat];
    *planted_buffer(&queue, seat) = 'h';
    atomic_store(&s->held_lane, 0);
    atomic_store(&s->held_position, position);
    atomic_store(&s->held_record[0], atomic_load(&planted_record(&queue, 0, position)->word));
    atomic_store(&s->held_record[1], 4);
    atomic_store(&s->held_attempts, progress_pack(3, 0));
    atomic_store(&s->held_valid, 1);
}

START_TEST(a_held_message_does_not_count_while_the_word_is_leased)
{
    plant_lease((uint32_t)_i, START, 5, progress_pack(0, 4));
    plant_held((uint32_t)_i, START + 4);
    struct shmq *consumer = open_as(SHMQ_CONSUMER, 0);
    expect_message(consumer, (struct delivery){'4', 1, true});
    ck_assert_uint_eq(atomic_load(&queue.seats[_i].held_valid), 0);
    expect_empty(consumer);
    ck_assert_int_eq(shmq_close(consumer), 0);
}
END_TEST

START_TEST(a_held_message_counts_once_the_word_is_done)
{
    plant_lease((uint32_t)_i, START, 5, progress_pack(0, 4));
    plant_held((uint32_t)_i, START + 4);
    atomic_fetch_or(planted_lease(&queue, 0, START), LEASE_DONE);
    expect_problem(NULL);
    struct shmq *consumer = open_as(SHMQ_CONSUMER, 0);
    struct shmq_message message;
    ck_assert_int_eq(shmq_join(consumer, 0), -EAGAIN); /* not acknowledged yet */
    ck_assert_int_eq(shmq_lease(consumer, &message, 0), 0);
    ck_assert_int_eq(*(const char *)message.data, 'h');
    ck_assert_uint_eq((uintptr_t)message.data % 64, 0);
    ck_assert_uint_eq(message.length, 1);
    ck_assert_uint_eq(message.position, START + 4);
    ck_assert_uint_eq(message.stream_offset, 4);
    ck_assert_uint_eq(message.attempts, 4);
    ck_assert(message.redelivered);
    ck_assert_int_eq(shmq_acknowledge(consumer, 1), 0);
    ck_assert_uint_eq(atomic_load(&queue.seats[_i].held_valid), 0);
    expect_empty(consumer);
    ck_assert_int_eq(shmq_close(consumer), 0);
}
END_TEST

START_TEST(a_held_message_that_makes_no_sense_is_refused)
{
    struct seat *s = &queue.seats[1];
    for (int i = 0; i < 5; i++) {
        plant_held(1, START);
        if (i == 0)
            atomic_store(&s->held_lane, 2);
        if (i == 1)
            atomic_store(&s->held_record[0], 1025);
        if (i == 2)
            atomic_store(&s->held_record[0], UINT32_MAX);
        if (i == 3)
            atomic_store(&s->held_position, 0);
        if (i == 4)
            atomic_store(&s->held_position, UINT64_MAX);
        expect_problem("seat 1: the message in its buffer is invalid");
        expect_consumer(-EBADMSG);
    }
    atomic_store(&s->held_valid, 7);
    expect_problem("seat 1: its buffer is neither empty nor full");
}
END_TEST

/* Where the lane's positions begin and end, and of the greatest length. */
START_TEST(a_held_message_at_its_limits_is_delivered)
{
    struct seat *s = &queue.seats[1];
    const uint64_t first = queue.geometry.cells;
    const uint64_t last = queue.geometry.max_position;
    const uint64_t longest = record_frame(SHMQ_FRAME_LENGTH32, 0) | 1024;
    const struct {
        uint64_t position;
        uint64_t word;
        int code;
    } cases[] = {
        {first, longest, 0},
        {first - 1, longest, -EBADMSG},
        {last, longest, 0},
        {last + 1, longest, -EBADMSG},
        {first, longest + 1, -EBADMSG},
        {first, record_frame(SHMQ_FRAME_LENGTH32 + 1, 0) | 1, -EBADMSG},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        plant_held(1, START);
        atomic_store(&s->held_position, cases[i].position);
        atomic_store(&s->held_record[0], cases[i].word);
        expect_problem(cases[i].code == 0 ? NULL : "seat 1: the message in its buffer is invalid");
        expect_consumer(cases[i].code);
    }
}
END_TEST

/* ------------------------------------------------------------------ positions, and the end */

static void plant_positions(uint64_t head, uint64_t claim, uint64_t tail)
{
    atomic_store(&lane()->head, head);
    atomic_store(&lane()->claim, claim);
    atomic_store(&lane()->tail, tail);
}

/* What whoever waits for the end is told, with and without the right to write. */
static void expect_join(int code)
{
    struct shmq *observer = planted_open(name, SHMQ_OBSERVER, NULL);
    int error = shmq_join(observer, 0);
    ck_assert_msg(error == code, "an observer: %d instead of %d", error, code);
    ck_assert_int_eq(shmq_close(observer), 0);
    struct shmq *consumer = open_as(SHMQ_CONSUMER, 0);
    error = shmq_join(consumer, 0);
    ck_assert_msg(error == code, "a consumer: %d instead of %d", error, code);
    ck_assert_int_eq(shmq_close(consumer), 0);
}

START_TEST(positions_at_their_limits_are_believed_and_no_others)
{
    const uint64_t cells = queue.geometry.cells;
    const uint64_t last = queue.geometry.max_position;
    const struct {
        uint64_t head;
        uint64_t claim;
        uint64_t tail;
        int code;
    } cases[] = {
        {cells, cells, cells, 0},
        {cells - 1, cells - 1, cells - 1, -EBADMSG},
        {cells - 1, cells, cells, -EBADMSG},
        {START, START, START + cells, -EAGAIN},
        {START, START, START + cells + 1, -EBADMSG},
        {last, last, last, 0},
        {last - 1, last - 1, last, -EAGAIN},
        {last + 1, last + 1, last + 1, -EBADMSG},
        {START + 1, START, START + 1, -EBADMSG},
        {START, START + 2, START + 1, -EBADMSG},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        plant_positions(cases[i].head, cases[i].claim, cases[i].tail);
        expect_join(cases[i].code);
    }
}
END_TEST

/* Anything else would be waited for for ever. */
START_TEST(the_end_waits_for_a_batch_that_its_seat_knows)
{
    const struct lease_format format = planted_format(&queue);
    plant_lease(1, START, 2, 0);
    expect_join(-EAGAIN);
    atomic_store(&queue.seats[1].intent_lane, 2);
    expect_join(-EBADMSG);
    plant_lease(1, START, 2, 0);
    atomic_store(&queue.seats[1].intent_position, START + 1);
    expect_join(-EBADMSG);
    plant_lease(1, START, 2, 0);
    atomic_store(planted_lease(&queue, 0, START), lease_word(format, START + 64, 2, 1, LEASE_TAKEN));
    expect_join(-EBADMSG);
    /* One beyond the last seat, although what stands behind that says so, too. */
    plant_lease(3, START, 2, 0);
    expect_join(-EBADMSG);
    atomic_store(planted_lease(&queue, 0, START), lease_word(format, START, 2, 3, LEASE_DONE));
    expect_join(-EAGAIN); /* it will move, and three more are to come */
}
END_TEST

/* ------------------------------------------------------------------ damage, and what names it */

START_TEST(a_good_queue_has_no_problems)
{
    expect_problem(NULL);
    expect_consumer(0);
    expect_problem(NULL);
    expect_producer(0);
    expect_problem(NULL);
}
END_TEST

START_TEST(a_seat_that_acknowledged_more_than_it_had)
{
    plant_lease(1, START, 3, progress_pack(0, 3));
    expect_problem("lane 0: at position 64: a seat acknowledged more messages than its batch has");
    expect_consumer(-EBADMSG);
}
END_TEST

/* As an observer may see a seat while its owner comes and goes: what it shows is a lease, or none. */
START_TEST(a_seat_that_changes_while_it_is_looked_at)
{
    struct shmq_seat_stat stat = SHMQ_SEAT_STAT_INIT;
    *planted_lease(&queue, 0, START) = lease_word(planted_format(&queue), START, 2, 0, LEASE_TAKEN);
    atomic_store(&queue.seats[0].intent_position, START);
    const pid_t child = fork();
    ck_assert_int_ge(child, 0);
    while (child == 0) {
        atomic_store(&queue.seats[0].intent_lane, 0);
        atomic_store(&queue.seats[0].intent_lane, 1);
    }
    struct shmq *observer = planted_open(name, SHMQ_OBSERVER, NULL);
    uint32_t leases = 0;
    const int64_t end_ns = clock_now_ns() + 2 * SECOND;
    for (int i = 0; i < 100000 && clock_now_ns() < end_ns; i++) {
        ck_assert_int_eq(shmq_stat_seat(observer, 0, &stat), 0);
        ck_assert_uint_lt(stat.lane, queue.geometry.parameters.lanes);
        ck_assert_uint_eq(stat.position, stat.leased > 0 ? START : 0);
        leases += stat.leased > 0;
    }
    ck_assert_uint_gt(leases, 0);
    ck_assert_int_eq(kill(child, SIGKILL), 0);
    ck_assert_int_eq(waitpid(child, NULL, 0), child);
    ck_assert_int_eq(shmq_close(observer), 0);
}
END_TEST

START_TEST(a_seat_that_names_a_lane_which_does_not_exist)
{
    for (uint64_t number = 2; number < 4; number++) { /* not in use, not there */
        atomic_store(&queue.seats[0].intent_lane, number);
        atomic_store(&queue.seats[0].intent_position, START);
        expect_problem(number == 2 ? "seat 0: names lane 1, which is not in use"
                                   : "seat 0: names lane 2, which is not in use");
        expect_consumer(-EBADMSG);
    }
}
END_TEST

START_TEST(a_length_beyond_the_tail)
{
    shared_u64 *word = &planted_record(&queue, 0, START + 4)->word;
    atomic_fetch_add(word, 64);
    expect_problem("lane 0: at position 68: a record's descriptor is invalid");
    struct shmq *consumer = open_as(SHMQ_CONSUMER, 4);
    for (char text = '0'; text < '4'; text++) /* what is good is delivered */
        expect_message(consumer, (struct delivery){text, 0, false});
    struct shmq_message message;
    ck_assert_int_eq(shmq_lease(consumer, &message, 3 * SECOND), -EBADMSG);
    ck_assert_int_eq(shmq_close(consumer), 0);
}
END_TEST

START_TEST(a_length_beyond_the_largest_message)
{
    static const char longest[1024];
    struct shmq *producer = open_as(SHMQ_PRODUCER, 0);
    ck_assert_int_eq(shmq_put(producer, longest, sizeof(longest), 0), 0);
    planted_put(producer, "behind it, so that one byte more is not beyond the tail");
    shmq_abandon(producer);
    atomic_fetch_add(&planted_record(&queue, 0, START + MESSAGES)->word, 1);
    expect_problem("lane 0: at position 69: a record's descriptor is invalid");
    struct shmq *consumer = open_as(SHMQ_CONSUMER, MESSAGES);
    for (char text = '0'; text <= '4'; text++)
        expect_message(consumer, (struct delivery){text, 0, false});
    struct shmq_message message;
    ck_assert_int_eq(shmq_lease(consumer, &message, 3 * SECOND), -EBADMSG);
    ck_assert_int_eq(shmq_close(consumer), 0);
}
END_TEST

/* It is refused, or was read before: but never believed. */
START_TEST(a_descriptor_that_changes_while_its_message_is_leased)
{
    struct shmq_message message;
    struct shmq *consumer = open_as(SHMQ_CONSUMER, 0);
    ck_assert_int_eq(shmq_lease(consumer, &message, 0), 0);
    atomic_store(&planted_record(&queue, 0, START + 1)->word, UINT64_MAX);
    const int error = shmq_lease(consumer, &message, 0);
    ck_assert(error == -EBADMSG || (error == 0 && message.length == 1));
    expect_problem("lane 0: at position 65: a record's descriptor is invalid");
    ck_assert_int_eq(shmq_close(consumer), 0);
}
END_TEST

/* Nobody leases more than SHMQ_PREFETCH_MAX; there is no room to keep them in. */
START_TEST(a_batch_of_more_messages_than_any_lease_has)
{
    const char *large = test_name("large");
    struct shmq_options options = options_of(0);
    struct shmq_message message;
    options.capacity_bytes = 1 << 20; /* 16384 cells */
    struct shmq *producer = planted_open(large, SHMQ_PRODUCER, &options);
    struct planted planted;
    for (uint32_t i = 0; i < 16000; i++)
        planted_put(producer, "x");
    planted_map(&planted, large);
    const uint64_t start = atomic_load(&planted_lane(&planted, 0)->head);
    atomic_store(&planted.seats[1].intent_lane, 1);
    atomic_store(&planted.seats[1].intent_position, start);
    atomic_store(planted_lease(&planted, 0, start),
                 lease_word(planted_format(&planted), start, 16000, 1, LEASE_TAKEN));
    struct shmq *consumer = planted_open(large, SHMQ_CONSUMER, &options);
    ck_assert_int_eq(shmq_lease(consumer, &message, 3 * SECOND), -EBADMSG);
    ck_assert_int_eq(shmq_close(consumer), 0);
    ck_assert_int_eq(shmq_close(producer), 0);
    planted_unmap(&planted);
    ck_assert_int_eq(shmq_remove(large, true), 0);
}
END_TEST

/* As many as a lease can have at the most. */
START_TEST(a_batch_of_as_many_messages_as_any_lease_has)
{
    const char *large = test_name("most");
    struct shmq_options options = options_of(0);
    struct shmq_message message;
    options.capacity_bytes = 1 << 20;
    struct shmq *producer = planted_open(large, SHMQ_PRODUCER, &options);
    struct planted planted;
    for (uint32_t i = 0; i < SHMQ_PREFETCH_MAX + 1; i++)
        planted_put(producer, "x");
    planted_map(&planted, large);
    const uint64_t start = atomic_load(&planted_lane(&planted, 0)->head);
    for (uint32_t more = 1; more != UINT32_MAX; more--) {
        atomic_store(&planted.seats[1].intent_lane, 1);
        atomic_store(&planted.seats[1].intent_position, start);
        atomic_store(planted_lease(&planted, 0, start),
                     lease_word(planted_format(&planted), start, SHMQ_PREFETCH_MAX + more, 1, LEASE_TAKEN));
        struct shmq *consumer = planted_open(large, SHMQ_CONSUMER, &options);
        ck_assert_int_eq(shmq_lease(consumer, &message, 0), more == 0 ? 0 : -EBADMSG);
        ck_assert_int_eq(shmq_close(consumer), 0);
    }
    ck_assert_int_eq(shmq_close(producer), 0);
    planted_unmap(&planted);
    ck_assert_int_eq(shmq_remove(large, true), 0);
}
END_TEST

START_TEST(a_head_beyond_claim_and_tail)
{
    atomic_store(&lane()->head, START + 2);
    expect_problem("lane 0: at position 66: head is beyond claim");
    atomic_store(&lane()->claim, START + 5);
    atomic_store(&lane()->head, START + 6);
    expect_problem("lane 0: at position 70: head is beyond claim");
    expect_producer(-EBADMSG);
}
END_TEST

/* It will never be drained, so nobody must wait for that. */
START_TEST(the_end_does_not_wait_for_a_head_beyond_tail)
{
    atomic_store(&lane()->claim, START + 5);
    atomic_store(&lane()->head, START + 6);
    atomic_store(&lane()->life, 1 << 8 | LANE_FINISHED);
    struct shmq *observer = planted_open(name, SHMQ_OBSERVER, NULL);
    ck_assert_int_eq(shmq_join(observer, 3 * SECOND), -EBADMSG);
    ck_assert_int_eq(shmq_close(observer), 0);
    struct shmq *consumer = open_as(SHMQ_CONSUMER, 0);
    ck_assert_int_eq(shmq_join(consumer, 3 * SECOND), -EBADMSG);
    ck_assert_int_eq(shmq_close(consumer), 0);
    expect_consumer(-EBADMSG);
}
END_TEST

START_TEST(a_claim_beyond_tail)
{
    atomic_store(&lane()->claim, START + 6);
    expect_problem("lane 0: at position 70: claim is beyond tail");
    expect_consumer(-EBADMSG);
}
END_TEST

START_TEST(a_head_before_the_first_position)
{
    atomic_store(&lane()->head, START - 1);
    expect_problem("lane 0: at position 63: head is before the lane's first position");
    atomic_store(&lane()->head, 0);
    expect_problem("head is before the lane's first position");
    expect_producer(-EBADMSG);
}
END_TEST

START_TEST(a_tail_that_is_too_far_ahead)
{
    static const uint64_t tails[] = {START + 65, START + 100000};
    for (size_t i = 0; i < 2; i++) {
        atomic_store(&lane()->tail, tails[i]);
        expect_problem("tail is more than a ring beyond head");
        expect_producer(-EBADMSG);
        expect_consumer(-EBADMSG);
    }
    atomic_store(&lane()->tail, UINT64_MAX);
    expect_problem("tail is beyond the lane's last position");
    expect_producer(-EBADMSG);
    expect_consumer(-EBADMSG);
}
END_TEST

START_TEST(a_stream_with_a_gap)
{
    atomic_store(&planted_record(&queue, 0, START + 2)->stream_offset, 100);
    expect_problem("lane 0: at position 66: a record's stream offset is invalid");
}
END_TEST

/* Its producer was killed between the checkpoint and tail. */
START_TEST(a_put_that_was_never_published_is_not_counted)
{
    const int current = atomic_load(&lane()->checkpoints[1].tail) == START + MESSAGES;
    struct checkpoint *next = &lane()->checkpoints[!current];
    struct shmq_lane_stat stat = SHMQ_LANE_STAT_INIT;
    atomic_store(&next->stream_offset, 1000);
    atomic_store(&next->messages, MESSAGES + 1);
    atomic_store(&next->tail, START + MESSAGES + 1);
    struct shmq *observer = planted_open(name, SHMQ_OBSERVER, NULL);
    ck_assert_int_eq(shmq_stat_lane(observer, 0, &stat), 0);
    ck_assert_int_eq(shmq_close(observer), 0);
    ck_assert_uint_eq(stat.put_messages, MESSAGES);
    ck_assert_uint_lt(stat.put_bytes, 1000);
}
END_TEST

START_TEST(a_tail_without_its_checkpoint)
{
    atomic_store(&lane()->checkpoints[0].tail, 1);
    atomic_store(&lane()->checkpoints[1].tail, 2);
    expect_problem("lane 0: no checkpoint belongs to tail 69");
    expect_producer(-EBADMSG);
    expect_consumer(0); /* what is committed is delivered */
}
END_TEST

START_TEST(a_state_or_priority_of_a_lane_that_is_none)
{
    atomic_store(&lane()->life, 77);
    expect_problem("lane 0: in use, but its state is 77");
    atomic_store(&lane()->life, LANE_ACTIVE);
    atomic_store(&lane()->priority, SHMQ_PRIORITIES);
    expect_problem("lane 0: priority is invalid");
    atomic_store(&lane()->priority, UINT32_MAX);
    expect_consumer(0);
}
END_TEST

START_TEST(a_lane_marked_used_that_does_not_exist)
{
    atomic_fetch_or(&queue.header->lanes_used[15], UINT64_C(1) << 63);
    expect_problem("header: lane 1023 is marked used but does not exist");
    atomic_fetch_or(&queue.header->lanes_used[0], UINT64_C(1) << 2); /* the first that does not */
    expect_problem("header: lane 2 is marked used but does not exist");
    struct shmq *observer = planted_open(name, SHMQ_OBSERVER, NULL);
    struct shmq_stat stat = SHMQ_STAT_INIT;
    ck_assert_int_eq(shmq_stat(observer, &stat), 0);
    ck_assert_uint_eq(stat.lanes_used, 1);
    ck_assert_int_eq(shmq_join(observer, 0), -EAGAIN);
    ck_assert_int_eq(shmq_close(observer), 0);
    expect_consumer(0);
    expect_producer(0);
    ck_assert_int_eq(shmq_shutdown(name, SHMQ_NOW), 0);
}
END_TEST

START_TEST(a_lane_marked_used_that_was_never_made)
{
    atomic_fetch_or(&queue.header->lanes_used[0], 2);
    expect_problem("lane 1: at position 0: head is before the lane's first position");
    expect_consumer(0);
    struct shmq *first = planted_open(name, SHMQ_PRODUCER, NULL);
    struct shmq *second = planted_open(name, SHMQ_PRODUCER, NULL); /* makes it */
    planted_put(second, "x");
    expect_problem(NULL);
    ck_assert_int_eq(shmq_close(first), 0);
    ck_assert_int_eq(shmq_close(second), 0);
}
END_TEST

/* Its holder cannot finish it, and must not go on as if there were more of it. */
START_TEST(a_lease_that_changes_under_its_holder)
{
    char text[64];
    size_t length;
    struct shmq *consumer = open_as(SHMQ_CONSUMER, MESSAGES);
    for (uint32_t i = 1; i < MESSAGES; i++)
        ck_assert_int_eq(shmq_get(consumer, text, sizeof(text), &length, 0), 0);
    const uint64_t was = atomic_fetch_xor(planted_lease(&queue, 0, START), 2); /* the seat */
    for (uint32_t i = 0; i < 10000; i++)
        ck_assert_int_eq(shmq_get(consumer, text, sizeof(text), &length, 0), -EBADMSG);
    atomic_store(planted_lease(&queue, 0, START), was);
    (void)shmq_close(consumer);
}
END_TEST

START_TEST(a_batch_of_a_seat_that_does_not_exist)
{
    plant_lease(1, START, 2, 0);
    atomic_store(planted_lease(&queue, 0, START), lease_word(planted_format(&queue), START, 2, 3, LEASE_TAKEN));
    expect_problem("lane 0: at position 64: a lease names a seat that does not exist");
}
END_TEST

START_TEST(a_batch_whose_seat_does_not_know_it)
{
    plant_lease(1, START, 2, 0);
    atomic_store(&queue.seats[1].intent_position, START + 2);
    expect_problem("lane 0: seat 1 holds position 64 but does not know it");
    struct shmq *observer = planted_open(name, SHMQ_OBSERVER, NULL);
    struct shmq_lane_stat stat = SHMQ_LANE_STAT_INIT;
    ck_assert_int_eq(shmq_stat_lane(observer, 0, &stat), 0);
    ck_assert_uint_eq(stat.leased, 2); /* none of it is acknowledged, as far as anybody knows */
    ck_assert_uint_eq(stat.messages, MESSAGES);
    ck_assert_int_eq(shmq_close(observer), 0);
}
END_TEST

/* Each walk begins with nothing, also one that begins once more because something has moved. */
START_TEST(a_walk_counts_what_is_there)
{
    struct walk walk;
    struct lane_view *view;
    struct shmq *observer = planted_open(name, SHMQ_OBSERVER, NULL);
    plant_lease(1, START, 3, progress_pack(0, 1));
    memset(&walk, 0xff, sizeof(walk));
    ck_assert_int_eq(mapping_lane(observer, 0, &view), 0);
    ck_assert_int_eq(walk_lane(observer, &view->ring, &walk), 0);
    ck_assert_uint_eq(walk.messages, MESSAGES - 1);
    ck_assert_uint_eq(walk.bytes, MESSAGES - 1);
    ck_assert_uint_eq(walk.leased, 2);
    ck_assert_uint_eq(walk.head, START);
    ck_assert_uint_eq(walk.claim, START + 3);
    ck_assert_uint_eq(walk.tail, START + MESSAGES);
    ck_assert_int_eq(shmq_close(observer), 0);
}
END_TEST

/* Its seat has long had others. */
START_TEST(a_batch_that_is_done_need_not_be_known)
{
    plant_lease(1, START, 2, 0);
    atomic_fetch_or(planted_lease(&queue, 0, START), LEASE_DONE);
    atomic_store(&queue.seats[1].intent_position, START + 2);
    expect_problem(NULL);
    struct shmq_lane_stat stat = SHMQ_LANE_STAT_INIT;
    struct shmq *observer = open_as(SHMQ_OBSERVER, 0);
    ck_assert_int_eq(shmq_stat_lane(observer, 0, &stat), 0);
    ck_assert_uint_eq(stat.messages, MESSAGES - 2);
    ck_assert_uint_eq(stat.leased, 0);
    ck_assert_int_eq(shmq_close(observer), 0);
}
END_TEST

START_TEST(a_lane_that_had_messages_and_is_not_marked)
{
    const uint64_t cells = queue.geometry.cells;
    atomic_store(&planted_lane(&queue, 1)->tail, cells); /* whoever made it died before it was marked */
    expect_problem(NULL);
    atomic_store(&planted_lane(&queue, 1)->tail, cells + 1);
    expect_problem("header: lane 1 has had messages, but is not marked used");
    atomic_store(&planted_lane(&queue, 1)->tail, 0);
}
END_TEST

START_TEST(a_batch_that_head_has_passed)
{
    plant_lease(1, START, 2, 0);
    atomic_store(&lane()->claim, START + 3);
    atomic_store(&lane()->head, START + 3);
    expect_problem("seat 1: holds position 64 of lane 0, which head has passed");
}
END_TEST

START_TEST(a_batch_that_reaches_beyond_claim)
{
    plant_lease(1, START, 3, 0);
    atomic_store(&lane()->claim, START + 1);
    expect_problem("lane 0: at position 64: a batch reaches beyond claim");
}
END_TEST

START_TEST(a_batch_that_reaches_beyond_tail)
{
    plant_lease(2, START, 6, 0);
    atomic_store(&lane()->claim, START);
    expect_consumer(-EBADMSG); /* takes it over, and finds no sixth message */
    atomic_fetch_or(planted_lease(&queue, 0, START), LEASE_DONE);
    expect_consumer(-EBADMSG);
}
END_TEST

START_TEST(a_claimed_batch_without_a_word)
{
    atomic_store(&lane()->claim, START + 1);
    expect_problem("lane 0: at position 64: a claimed batch has no lease word");
}
END_TEST

START_TEST(a_header_that_changed_under_a_handle)
{
    struct shmq *observer = planted_open(name, SHMQ_OBSERVER, NULL);
    const struct header was = *queue.header;
    const struct {
        void *field;
        const char *words;
    } changes[] = {
        {&queue.header->magic, "magic, version or fingerprint has changed"},
        {&queue.header->abi, "magic, version or fingerprint has changed"},
        {&queue.header->fingerprint, "magic, version or fingerprint has changed"},
        {&queue.header->queue_id, "the queue's id has changed"},
        {&queue.header->capacity_bytes, "sizes have changed"},
        {&queue.header->max_message_bytes, "sizes have changed"},
        {&queue.header->object_bytes, "sizes have changed"},
        {&queue.header->lanes, "sizes have changed"},
        {&queue.header->seats, "sizes have changed"},
        {&queue.header->page_bytes, "sizes have changed"},
        {&queue.header->tick_ns, "sizes have changed"},
        {&queue.header->state, "is invalid"},
        {(unsigned char *)&queue.header->flags + 3, "unknown flags"},
    };
    for (size_t i = 0; i < COUNT(changes); i++) {
        *(unsigned char *)changes[i].field ^= 0x40;
        problems[0] = '\0';
        ck_assert_int_eq(shmq_check(observer, note_problem, problems), -EBADMSG);
        ck_assert_msg(strstr(problems, changes[i].words) != NULL, "no '%s' in: %s", changes[i].words, problems);
        memcpy(queue.header, &was, offsetof(struct header, lanes_used));
    }
    ck_assert_int_eq(shmq_check(observer, NULL, NULL), 0);
    ck_assert_int_eq(shmq_close(observer), 0);
}
END_TEST

/* Sizes are never read again. */
START_TEST(a_header_that_lies_later_misleads_nobody)
{
    struct shmq *producer = open_as(SHMQ_PRODUCER, 0);
    struct shmq *consumer = open_as(SHMQ_CONSUMER, 0);
    queue.header->capacity_bytes = UINT64_MAX;
    queue.header->max_message_bytes = UINT64_MAX;
    queue.header->lanes = UINT32_MAX;
    queue.header->seats = UINT32_MAX;
    struct shmq_stat stat = SHMQ_STAT_INIT;
    ck_assert_int_eq(shmq_stat(producer, &stat), 0);
    ck_assert_uint_eq(stat.lanes, 2);
    planted_put(producer, "5");
    for (char text = '0'; text <= '5'; text++)
        expect_message(consumer, (struct delivery){text, 0, false});
    ck_assert_int_eq(shmq_close(producer), 0);
    ck_assert_int_eq(shmq_close(consumer), 0);
}
END_TEST

/* ------------------------------------------------------------------ write intents */

/* A dead seat's, of two messages from the second one of five on. */
static struct write_intent *plant_intent(uint32_t seat)
{
    struct write_intent *note = &queue.seats[seat].write_intent;
    plant_lease(1, START, MESSAGES, progress_pack(0, 1));
    atomic_store(&note->device, DEVICE);
    atomic_store(&note->inode, INODE);
    atomic_store(&note->offset, 100);
    atomic_store(&note->bytes, 50);
    atomic_store(&note->start, START);
    atomic_store(&note->position, START + 1);
    atomic_store(&note->lane, 0);
    atomic_store(&note->seat, 1);
    atomic_store(&note->first, 1);
    atomic_store(&note->count, 2);
    atomic_store(&note->turn, 77);
    return note;
}

struct visits {
    struct shmq *handle;
    int times;
    size_t count;
};

static int look(void *context, const struct shmq_write_intent *intent, const struct shmq_message *messages,
                size_t count)
{
    struct visits *visits = context;
    char buffer[1024];
    ck_assert(intent->bytes > 0 && intent->offset <= INT64_MAX - intent->bytes);
    ck_assert(intent->count >= 1 && intent->count <= SHMQ_PREFETCH_MAX);
    ck_assert(count == 0 || count == intent->count);
    for (size_t i = 0; i < count; i++) {
        ck_assert_uint_le(messages[i].length, sizeof(buffer));
        memcpy(buffer, messages[i].data, messages[i].length);
    }
    visits->times++;
    visits->count = count;
    ck_assert_int_eq(shmq_intent_holds(visits->handle), count > 0);
    return -EAGAIN;
}

/* What a visit says, and how many messages the visitor was given; -1: it was not called. */
static void expect_visit(int code, int messages)
{
    struct shmq *consumer = open_as(SHMQ_CONSUMER, 0);
    struct visits visits = {.handle = consumer};
    ck_assert_int_eq(shmq_visit_write_intents(consumer, DEVICE, INODE, look, &visits), code);
    ck_assert_int_eq(visits.times > 0 ? (int)visits.count : -1, messages);
    ck_assert_int_eq(shmq_close(consumer), 0);
}

START_TEST(an_intent_is_found_in_any_seat_and_tells_of_another_s_lease)
{
    struct write_intent *note = plant_intent((uint32_t)_i);
    expect_problem(NULL);
    expect_visit(-EAGAIN, 2);
    atomic_store(&note->turn, UINT64_MAX);
    expect_visit(-EAGAIN, 2);
    atomic_store(&note->turn, 78); /* cleared */
    expect_visit(0, -1);
    atomic_store(&note->turn, UINT64_MAX - 1);
    expect_visit(0, -1);
}
END_TEST

START_TEST(an_intent_that_makes_no_sense_is_named_and_refused)
{
    struct write_intent *note = plant_intent(1);
    const struct {
        shared_u64 *wide;
        shared_u32 *narrow;
        uint64_t value;
    } changes[] = {
        {.wide = &note->bytes, .value = 0},
        {.wide = &note->bytes, .value = INT64_MAX},
        {.wide = &note->bytes, .value = UINT64_MAX - 99},
        {.wide = &note->offset, .value = INT64_MAX},
        {.wide = &note->offset, .value = UINT64_MAX},
        {.wide = &note->start, .value = START - 1},
        {.wide = &note->start, .value = START + 2}, /* behind its first message */
        {.wide = &note->start, .value = UINT64_MAX},
        {.wide = &note->position, .value = START - 1},
        {.wide = &note->position, .value = START + 64},
        {.wide = &note->position, .value = UINT64_MAX},
        {.narrow = &note->lane, .value = 1}, /* not in use */
        {.narrow = &note->lane, .value = 2},
        {.narrow = &note->lane, .value = UINT32_MAX},
        {.narrow = &note->seat, .value = 3},
        {.narrow = &note->seat, .value = UINT32_MAX},
        {.narrow = &note->first, .value = SHMQ_PREFETCH_MAX},
        {.narrow = &note->first, .value = UINT32_MAX},
        {.narrow = &note->count, .value = 0},
        {.narrow = &note->count, .value = SHMQ_PREFETCH_MAX + 1},
        {.narrow = &note->count, .value = UINT32_MAX},
    };
    for (size_t i = 0; i < COUNT(changes); i++) {
        (void)plant_intent(1);
        if (changes[i].wide != NULL)
            atomic_store(changes[i].wide, changes[i].value);
        else
            atomic_store(changes[i].narrow, (uint32_t)changes[i].value);
        expect_problem("seat 1: its write intent is invalid");
        expect_visit(-EBADMSG, -1);
        atomic_store(&note->turn, 78); /* counts for nothing */
        expect_problem(NULL);
        expect_visit(0, -1);
    }
}
END_TEST

START_TEST(an_intent_at_its_limits_makes_sense)
{
    struct write_intent *note = plant_intent(1);
    const uint64_t last = queue.geometry.max_position;
    const struct {
        uint64_t offset;
        uint64_t bytes;
        uint64_t start;
        uint64_t position;
        uint32_t first;
        uint32_t count;
        bool sensible;
    } cases[] = {
        {INT64_MAX - 50, 50, START, START, 0, 1, true},
        {INT64_MAX - 50, 51, START, START, 0, 1, false},
        {INT64_MAX - 1, 1, START, START, 0, 1, true},
        {0, INT64_MAX, START, START, 0, 1, true},
        {0, 1, last, last, 0, 1, true},
        {0, 1, last + 1, last + 1, 0, 1, false},
        {0, 1, START, START + 63, 0, 1, true},
        {0, 1, START, START + 64, 0, 1, false},
        {0, 1, START, START, 0, SHMQ_PREFETCH_MAX, true},
        {0, 1, START, START, 1, SHMQ_PREFETCH_MAX, false},
        {0, 1, START, START, SHMQ_PREFETCH_MAX - 1, 1, true},
        {0, 1, START, START, SHMQ_PREFETCH_MAX, 1, false},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        (void)plant_intent(1);
        atomic_store(&note->offset, cases[i].offset);
        atomic_store(&note->bytes, cases[i].bytes);
        atomic_store(&note->start, cases[i].start);
        atomic_store(&note->position, cases[i].position);
        atomic_store(&note->first, cases[i].first);
        atomic_store(&note->count, cases[i].count);
        expect_problem(cases[i].sensible ? NULL : "seat 1: its write intent is invalid");
        expect_visit(cases[i].sensible ? -EAGAIN : -EBADMSG, cases[i].sensible ? 0 : -1);
    }
    (void)plant_intent(1);
    atomic_store(&note->seat, 2); /* the last one */
    expect_problem(NULL);
}
END_TEST

/* It can be one, but what it tells of is not there: no messages. */
START_TEST(an_intent_whose_messages_make_no_sense_has_none)
{
    struct write_intent *note = plant_intent(1);
    atomic_store(&note->count, 5); /* the batch has five, and one is before them */
    expect_visit(-EAGAIN, 0);
    note = plant_intent(1);
    atomic_store(&note->position, START + 2);
    expect_visit(-EAGAIN, 0);
    note = plant_intent(1);
    atomic_store(&note->first, 2); /* fewer than that are acknowledged */
    expect_visit(-EAGAIN, 0);
    note = plant_intent(1);
    atomic_store(&note->seat, 2); /* has no lease */
    expect_visit(-EAGAIN, 0);
    (void)plant_intent(1);
    atomic_store(&queue.seats[1].intent_position, START + 1);
    expect_visit(-EAGAIN, 0);
    (void)plant_intent(1);
    shared_u64 *word = &planted_record(&queue, 0, START + 2)->word;
    const uint64_t was = atomic_load(word);
    const uint64_t bad[] = {0, UINT64_MAX, was + 1024, was ^ UINT64_C(1) << 63, was ^ UINT64_C(3) << 40};
    for (size_t i = 0; i < COUNT(bad); i++) {
        atomic_store(word, bad[i]);
        expect_visit(-EAGAIN, 0);
    }
}
END_TEST

START_TEST(an_intent_for_a_held_message_that_makes_no_sense_has_no_message)
{
    struct write_intent *note = plant_intent(1);
    struct seat *s = &queue.seats[1];
    plant_held(1, START + 1);
    atomic_store(&note->count, 1);
    atomic_fetch_or(planted_lease(&queue, 0, START), LEASE_DONE);
    expect_visit(-EAGAIN, 1);
    const uint64_t bad[] = {0, UINT64_MAX, atomic_load(&s->held_record[0]) + 1024};
    for (size_t i = 0; i < COUNT(bad); i++) {
        plant_held(1, START + 1);
        atomic_store(&s->held_record[0], bad[i]);
        expect_visit(-EAGAIN, 0);
    }
    plant_held(1, START + 1);
    atomic_store(&s->held_position, START + 2);
    expect_visit(-EAGAIN, 0);
    plant_held(1, START + 1);
    atomic_store(&s->held_lane, 1);
    expect_visit(-EAGAIN, 0);
    plant_held(1, START + 1);
    atomic_store(&s->held_valid, 0);
    expect_visit(-EAGAIN, 0);
}
END_TEST

/* ------------------------------------------------------------------ rubbish everywhere */

static void expect_documented(int code)
{
    static const int documented[] = {0,        -EAGAIN,    -ETIMEDOUT, -ENODATA, -EOWNERDEAD, -ESHUTDOWN, -ESTALE,
                                     -EBADMSG, -EOVERFLOW, -EMSGSIZE,  -EUSERS,  -EBUSY,      -ENOENT,    -EPROTO};
    for (size_t i = 0; i < COUNT(documented); i++)
        if (code == documented[i])
            return;
    ck_abort_msg("a code that nobody documents here: %d", code);
}

/* A word of the header behind its constants, of the seats, or of the lane. */
static uint64_t *random_word(uint64_t dice)
{
    const struct {
        void *start;
        size_t bytes;
    } parts[] = {
        {(unsigned char *)queue.header + offsetof(struct header, membership),
         sizeof(struct header) - offsetof(struct header, membership)},
        {queue.seats, 3 * sizeof(struct seat)},
        {lane(), sizeof(struct lane_control)},
        {planted_lease(&queue, 0, 0), 64 * sizeof(uint64_t)},
        {planted_record(&queue, 0, 0), 64 * sizeof(struct record)},
        {&lane()->tail, 8},
        {&lane()->head, 8},
        {&lane()->claim, 8},
    };
    const size_t part = dice % COUNT(parts);
    return (uint64_t *)parts[part].start + (dice >> 8) % (parts[part].bytes / 8);
}

static void damage(uint64_t *random)
{
    uint64_t *word = random_word(plain_random(random));
    const uint64_t dice = plain_random(random);
    const uint64_t values[] = {*word ^ UINT64_C(1) << (dice >> 8 & 63), plain_random(random), *word + dice % 9 - 4,
                               dice % 70, 1};
    *word = values[(dice >> 20) % (COUNT(values))];
}

/* Settles about every third one. */
static int look_roughly(void *context, const struct shmq_write_intent *intent, const struct shmq_message *messages,
                        size_t count)
{
    struct visits *visits = context;
    (void)look(context, intent, messages, count);
    return visits->times % 3 == 0 ? 0 : -EAGAIN;
}

static void use_consumer(struct shmq *consumer)
{
    struct shmq_message messages[4];
    size_t count = 0;
    char buffer[1024];
    size_t length;
    struct visits visits = {.handle = consumer};
    expect_documented(shmq_visit_write_intents(consumer, DEVICE, INODE, look_roughly, &visits));
    int error = shmq_lease_many(consumer, messages, 4, &count, 1000000);
    expect_documented(error);
    for (size_t i = 0; error == 0 && i < count; i++) {
        ck_assert_uint_le(messages[i].length, sizeof(buffer));
        memcpy(buffer, messages[i].data, messages[i].length);
    }
    if (error == 0) {
        const struct shmq_write_intent intent = {
            .device = DEVICE, .inode = INODE, .bytes = 1, .count = (uint32_t)count};
        expect_documented(shmq_set_write_intent(consumer, &intent)); /* and leaves it */
        expect_documented(shmq_visit_write_intents(consumer, DEVICE, INODE, look_roughly, &visits));
        expect_documented(shmq_fail(consumer, NULL));
        expect_documented(shmq_hold(consumer, &messages[count - 1]));
        expect_documented(shmq_acknowledge(consumer, count));
    }
    expect_documented(shmq_get(consumer, buffer, sizeof(buffer), &length, 0));
    expect_documented(shmq_join(consumer, 1000000));
}

static void observe(void)
{
    struct shmq *observer;
    struct shmq_stat stat = SHMQ_STAT_INIT;
    struct shmq_lane_stat lane_stat = SHMQ_LANE_STAT_INIT;
    struct shmq_seat_stat seat_stat = SHMQ_SEAT_STAT_INIT;
    struct shmq_info info = SHMQ_INFO_INIT;
    const int error = shmq_open(&observer, name, SHMQ_OBSERVER, NULL);
    expect_documented(error);
    if (error != 0)
        return;
    expect_documented(shmq_check(observer, NULL, NULL));
    ck_assert_int_eq(shmq_info(observer, &info), 0);
    expect_documented(shmq_stat(observer, &stat));
    for (uint32_t i = 0; i < 2; i++)
        expect_documented(shmq_stat_lane(observer, i, &lane_stat));
    for (uint32_t i = 0; i < 3; i++)
        expect_documented(shmq_stat_seat(observer, i, &seat_stat));
    expect_documented(shmq_join(observer, 0));
    ck_assert_int_eq(shmq_close(observer), 0);
}

/* Handles that were there before the damage, and handles that come after it. */
static void use_everything(struct shmq *producer, struct shmq *consumer)
{
    struct shmq *late;
    const struct shmq_options options = options_of(3);
    expect_documented(shmq_put(producer, "some text", 9, 1000000));
    use_consumer(consumer);
    observe();
    int error = shmq_open(&late, name, SHMQ_CONSUMER, &options);
    expect_documented(error);
    if (error == 0) {
        use_consumer(late);
        expect_documented(shmq_close(late));
    }
    error = shmq_open(&late, name, SHMQ_PRODUCER, &options);
    expect_documented(error);
    if (error == 0) {
        expect_documented(shmq_put(late, "more", 4, 1000000));
        expect_documented(shmq_close(late));
    }
}

START_TEST(rubbish_anywhere_is_an_error_and_never_the_end_of_a_process)
{
    uint64_t random = (uint64_t)_i;
    for (int round = 0; round < 60; round++) {
        struct shmq *producer = open_as(SHMQ_PRODUCER, 0);
        struct shmq *consumer = open_as(SHMQ_CONSUMER, 3);
        for (int step = 0; step < 5; step++) {
            damage(&random);
            use_everything(producer, consumer);
        }
        expect_documented(shmq_close(producer));
        expect_documented(shmq_close(consumer));
        planted_unmap(&queue);
        ck_assert_int_eq(shmq_remove(name, true), 0);
        set_up();
    }
}
END_TEST

/* ------------------------------------------------------------------ */

static const struct test tests[] = {
    TEST_GROUP("what the dead left"),
    TEST_EACH(the_next_consumer_takes_over_a_dead_one_s_batch_from_its_progress, 3),
    TEST_EACH(a_word_taken_by_one_who_died_before_it_moved_claim_counts, 3),
    TEST(each_death_adds_an_attempt_and_an_orderly_return_does_not),
    TEST(attempts_stop_at_their_largest_number),
    TEST(two_dead_consumers_batches_are_both_taken_over),
    TEST_EACH(an_intent_without_its_word_means_nothing, INTENTS),
    TEST(a_lease_of_another_seat_is_not_taken_by_who_only_meant_to),
    TEST(done_batches_that_nobody_reclaimed_are_reclaimed),
    TEST_EACH(a_held_message_does_not_count_while_the_word_is_leased, 3),
    TEST_EACH(a_held_message_counts_once_the_word_is_done, 3),
    TEST_GROUP("damage is named"),
    TEST(a_held_message_that_makes_no_sense_is_refused),
    TEST(a_held_message_at_its_limits_is_delivered),
    TEST(positions_at_their_limits_are_believed_and_no_others),
    TEST(the_end_waits_for_a_batch_that_its_seat_knows),
    TEST(a_good_queue_has_no_problems),
    TEST(a_seat_that_acknowledged_more_than_it_had),
    TEST(a_lease_that_changes_under_its_holder),
    TEST(a_seat_that_changes_while_it_is_looked_at),
    TEST(a_seat_that_names_a_lane_which_does_not_exist),
    TEST(a_length_beyond_the_tail),
    TEST(a_length_beyond_the_largest_message),
    TEST(a_descriptor_that_changes_while_its_message_is_leased),
    TEST(a_batch_of_more_messages_than_any_lease_has),
    TEST(a_batch_of_as_many_messages_as_any_lease_has),
    TEST(a_head_beyond_claim_and_tail),
    TEST(the_end_does_not_wait_for_a_head_beyond_tail),
    TEST(a_claim_beyond_tail),
    TEST(a_head_before_the_first_position),
    TEST(a_tail_that_is_too_far_ahead),
    TEST(a_stream_with_a_gap),
    TEST(a_put_that_was_never_published_is_not_counted),
    TEST(a_tail_without_its_checkpoint),
    TEST(a_state_or_priority_of_a_lane_that_is_none),
    TEST(a_lane_marked_used_that_does_not_exist),
    TEST(a_lane_marked_used_that_was_never_made),
    TEST(a_batch_of_a_seat_that_does_not_exist),
    TEST(a_batch_whose_seat_does_not_know_it),
    TEST(a_walk_counts_what_is_there),
    TEST(a_batch_that_is_done_need_not_be_known),
    TEST(a_lane_that_had_messages_and_is_not_marked),
    TEST(a_batch_that_head_has_passed),
    TEST(a_batch_that_reaches_beyond_claim),
    TEST(a_batch_that_reaches_beyond_tail),
    TEST(a_claimed_batch_without_a_word),
    TEST(a_header_that_changed_under_a_handle),
    TEST(a_header_that_lies_later_misleads_nobody),
    TEST_EACH(an_intent_is_found_in_any_seat_and_tells_of_another_s_lease, 3),
    TEST(an_intent_that_makes_no_sense_is_named_and_refused),
    TEST(an_intent_at_its_limits_makes_sense),
    TEST(an_intent_whose_messages_make_no_sense_has_none),
    TEST(an_intent_for_a_held_message_that_makes_no_sense_has_no_message),
    TEST_GROUP("rubbish", .seconds = 30),
    TEST_EACH(rubbish_anywhere_is_an_error_and_never_the_end_of_a_process, 10),
};

TEST_SUITE("planted content", tests, .seconds = 5, .set_up = set_up, .tear_down = tear_down);
