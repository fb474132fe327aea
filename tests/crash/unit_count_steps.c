/* SPDX-License-Identifier: MIT */
/*
 * A consumer that is killed after each of its changes to shared memory while it leases, acknowledges, holds or
 * gives back a part of a batch, which is its own, or one that was given back, or a dead one's; and those who take
 * over die, too, or leave. Never is more counted as delivered than was put, and who dies between two calls hides
 * nothing.
 */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/shmq.h"
#include "tests/support/harness.h"
#include "tests/support/process.h"
#include "tests/support/step.h"
#include "tests/support/test_queue.h"

#define MESSAGES 12
#define DROPPED 6 /* the message that is dropped in some of the queues */
#define SEATS 6
#define TRIES 3

static const struct shmq_options small = {SHMQ_OPTIONS_DEFAULTS,  .create = true,
                                          .capacity_bytes = 4096, .lanes = 1,
                                          .seats = SEATS,         .prefetch = MESSAGES};

/* ------------------------------------------------------------------ consumers */

static struct shmq *open_consumer(void)
{
    const struct shmq_options options = {SHMQ_OPTIONS_DEFAULTS, .follow = true, .prefetch = MESSAGES};
    struct shmq *handle;
    process_require_equal(shmq_open(&handle, queue, SHMQ_CONSUMER, &options), 0);
    return handle;
}

/* Return: how many came. */
static size_t lease(struct shmq *handle)
{
    struct shmq_message messages[MESSAGES];
    size_t count = 0;
    const int error = shmq_lease_many(handle, messages, MESSAGES, &count, 0);
    process_require(error == 0 || error == -EAGAIN);
    return count;
}

static void acknowledge_some(struct shmq *handle, size_t there, size_t most)
{
    if (there > 0)
        process_require_equal(shmq_acknowledge(handle, there < most ? there : most), 0);
}

/* Two are acknowledged, then it dies. */
static void die_with_a_part(void *context)
{
    struct shmq *handle = open_consumer();
    (void)context;
    acknowledge_some(handle, lease(handle), 2);
    _exit(0);
}

/* Two are acknowledged, then it leaves. */
static void leave_with_a_part(void *context)
{
    struct shmq *handle = open_consumer();
    (void)context;
    acknowledge_some(handle, lease(handle), 2);
    process_require_equal(shmq_close(handle), 0);
}

static void do_the_rest(void *context)
{
    size_t count;
    struct shmq *handle = open_consumer();
    (void)context;
    while ((count = lease(handle)) > 0)
        acknowledge_some(handle, count, count);
    process_require_equal(shmq_close(handle), 0);
}

static void let(void (*run)(void *))
{
    struct process process;
    process_start(&process, run, NULL);
    process_expect_success(&process);
}

/* ------------------------------------------------------------------ what the victim does */

struct victim {
    struct shmq *handle;
    size_t leased;
};

static int take(struct victim *victim)
{
    victim->leased = lease(victim->handle);
    return 0;
}

static int acknowledge_a_part(struct victim *victim)
{
    return shmq_acknowledge(victim->handle, 2);
}

static int acknowledge_all(struct victim *victim)
{
    return shmq_acknowledge(victim->handle, victim->leased);
}

static int release(struct victim *victim)
{
    return shmq_release(victim->handle);
}

static int close_it(struct victim *victim)
{
    return shmq_close(victim->handle);
}

static int hold(struct victim *victim)
{
    struct shmq_message message = {0};
    return shmq_hold(victim->handle, &message);
}

static int put_aside(struct victim *victim)
{
    const struct shmq_aside aside = SHMQ_ASIDE_INIT;
    return shmq_put_aside(victim->handle, &aside);
}

#define ALL_BUT_ONE SIZE_MAX

/* .before: acknowledged first. */
static const struct operation {
    const char *name;
    int (*act)(struct victim *victim);
    size_t before;
    bool leases; /* itself */
} operations[] = {
    {"lease", take, 0, true},
    {"acknowledge a part", acknowledge_a_part, 1, false},
    {"acknowledge all", acknowledge_all, 0, false},
    {"release after a part", release, 1, false},
    {"close after a part", close_it, 1, false},
    {"hold the last", hold, ALL_BUT_ONE, false},
    {"put aside the last", put_aside, ALL_BUT_ONE, false},
};

/* .former: has the batch before; NULL: nobody. */
static const struct beginning {
    const char *name;
    void (*former)(void *);
    bool drops;
} beginnings[] = {
    {"its own batch", NULL, false},
    {"a batch given back", leave_with_a_part, false},
    {"a dead one's batch", die_with_a_part, false},
    {"its own batch in runs", NULL, true},
    {"a batch in runs given back", leave_with_a_part, true},
    {"a dead one's batch in runs", die_with_a_part, true},
};

static const struct operation *operation;
static const struct beginning *beginning;

/* What is leased before it begins. A batch in runs comes run by run: then the last run. */
static void prepare_victim(struct victim *victim)
{
    victim->handle = open_consumer();
    if (operation->leases)
        return;
    victim->leased = lease(victim->handle);
    if (operation->before != ALL_BUT_ONE) {
        acknowledge_some(victim->handle, operation->before, operation->before);
        victim->leased -= operation->before;
        return;
    }
    if (beginning->drops) {
        acknowledge_some(victim->handle, victim->leased, victim->leased);
        victim->leased = lease(victim->handle);
    }
    acknowledge_some(victim->handle, victim->leased - 1, victim->leased - 1);
}

static void run_victim(void *context)
{
    struct victim victim = {0};
    (void)context;
    prepare_victim(&victim);
    step_begin();
    const int code = operation->act(&victim);
    step_end();
    process_require_equal(code, 0);
}

/* ------------------------------------------------------------------ one queue, one kill */

static void begin(void)
{
    struct shmq *producer;
    struct shmq_lane_stat lane = SHMQ_LANE_STAT_INIT;
    use_queue("count");
    producer = test_queue_open(queue, SHMQ_PRODUCER, &small);
    ck_assert_int_eq(shmq_stat_lane(producer, 0, &lane), 0);
    for (uint64_t i = 0; i < MESSAGES; i++)
        ck_assert_int_eq(test_queue_put(producer, i, 0), 0);
    if (beginning->drops)
        ck_assert_int_eq(shmq_drop(queue, 0, lane.tail_position + DROPPED), 0);
    ck_assert_int_eq(shmq_close(producer), 0);
    if (beginning->former != NULL)
        let(beginning->former);
}

struct delivered {
    uint64_t messages, bytes, latency;
};

static struct delivered read_delivered(void)
{
    static uint64_t counts[SHMQ_LATENCY_BUCKETS];
    struct delivered all = {0};
    struct shmq *observer = test_queue_open(queue, SHMQ_OBSERVER, NULL);
    ck_assert_int_eq(shmq_latency(observer, UINT32_MAX, counts), 0);
    for (size_t i = 0; i < SHMQ_LATENCY_BUCKETS; i++)
        all.latency += counts[i];
    for (uint32_t i = 0; i < SEATS; i++) {
        struct shmq_seat_stat seat = SHMQ_SEAT_STAT_INIT;
        ck_assert_int_eq(shmq_stat_seat(observer, i, &seat), 0);
        all.messages += seat.delivered;
        all.bytes += seat.delivered_bytes;
    }
    ck_assert_int_eq(shmq_close(observer), 0);
    return all;
}

/* @exact: the kill was not within the operation, and so hides nothing. */
static void expect_possible(size_t point, bool exact)
{
    const struct shmq_stat stat = test_queue_stat(queue);
    const struct delivered all = read_delivered();
    const uint64_t there = MESSAGES - (uint64_t)beginning->drops;
    ck_assert_uint_eq(stat.messages, 0);
    ck_assert_msg(all.messages <= there && all.bytes <= there * sizeof(uint64_t),
                  "%s, %s, killed at point %zu: %llu messages of %llu bytes were delivered, of %llu",
                  operation->name, beginning->name, point, (unsigned long long)all.messages,
                  (unsigned long long)all.bytes, (unsigned long long)there);
    ck_assert_msg(!exact || (all.messages == there && all.bytes == there * sizeof(uint64_t)),
                  "%s, %s, killed at point %zu: %llu messages of %llu bytes are hidden", operation->name,
                  beginning->name, point, (unsigned long long)(there - all.messages),
                  (unsigned long long)(there * sizeof(uint64_t) - all.bytes));
    ck_assert_uint_le(all.latency, all.messages);
}

static void begin_at(struct step *step, const struct step_path *path, size_t n)
{
    bool strayed;
    for (int tries = 0; tries < TRIES; tries++) {
        begin();
        step_start(step, run_victim, NULL);
        if (step_to(step, path, n, &strayed) == STEP_THERE)
            return;
        step_kill(step);
        test_queue_remove(queue);
    }
    begin();
    step_start(step, run_victim, NULL);
    (void)step_walk(step, n);
}

static void kill_at(const struct step_path *path, size_t n)
{
    struct step step;
    begin_at(&step, path, n);
    step_kill(&step);
    let(die_with_a_part);
    let(leave_with_a_part);
    let(die_with_a_part);
    let(do_the_rest);
    expect_possible(n, n == 0 || n + 1 == path->count);
    test_queue_remove(queue);
}

START_TEST(no_kill_makes_more_delivered_than_was_put)
{
    struct step_path path;
    struct step step;
    size_t points = 0;
    beginning = &beginnings[(size_t)_i / COUNT(operations)];
    operation = &operations[(size_t)_i % COUNT(operations)];
    begin();
    step_start(&step, run_victim, NULL);
    step_record(&step, &path);
    step_kill(&step);
    test_queue_remove(queue);
    for (size_t n = 0; n < path.count; n++) {
        if (n != 0 && n + 1 != path.count && !path.points[n].news && !path.points[n].system_call)
            continue;
        kill_at(&path, n);
        points++;
    }
    (void)printf("# %s, %s: killed at %zu points of %zu\n", operation->name, beginning->name, points, path.count);
    ck_assert_uint_gt(points, 2);
    free(path.points);
}
END_TEST

static void prepare(char **arguments)
{
    test_bind_now(arguments);
}

#define ROWS (COUNT(operations) * COUNT(beginnings))

static const char *name_of(size_t i)
{
    static char names[ROWS][80];
    (void)snprintf(names[i], sizeof(names[i]), "%s, %s", operations[i % COUNT(operations)].name,
                   beginnings[i / COUNT(operations)].name);
    return names[i];
}

static void add(void)
{
    test_add_rows(no_kill_makes_more_delivered_than_was_put, ROWS, name_of, 120, step_impossible());
}

const struct test_suite test_suite = {.name = "count_steps", .prepare = prepare, .add = add};
