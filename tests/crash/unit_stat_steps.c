/* SPDX-License-Identifier: MIT */
/*
 * An observer that is stopped at the instructions at which it takes stock of a lane, or of a queue and its
 * consumer, while others put, lease, hold and acknowledge: what it says then is possible, and messages and bytes
 * are of the same moment.
 */
#include <check.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "common/shmq.h"
#include "tests/support/harness.h"
#include "tests/support/process.h"
#include "tests/support/step.h"
#include "tests/support/test_queue.h"

#define TRIES 3
#define EVERY_OF_QUEUE 3 /* so many instructions it is stopped at one */

static const struct shmq_options small = {
    SHMQ_OPTIONS_DEFAULTS, .create = true, .capacity_bytes = 4096, .lanes = 1, .seats = 2, .prefetch = 1};
static struct shmq *producer;
static struct shmq *consumer;

static void put(uint64_t count)
{
    for (uint64_t i = 0; i < count; i++)
        ck_assert_int_eq(test_queue_put(producer, i, 0), 0);
}

static void get(uint64_t count)
{
    uint64_t number;
    for (uint64_t i = 0; i < count; i++)
        ck_assert_int_eq(test_queue_get(consumer, &number, 0), 0);
}

/* ------------------------------------------------------------------ what happens while it is stopped */

static void put_two(void)
{
    put(2);
}

static void take_two(void)
{
    get(2);
}

static void pass_two(void)
{
    put(2);
    get(2);
}

static void pass_a_lap(void)
{
    put(32);
    get(32);
    put(32);
    get(32);
}

static void nothing(void)
{
}

static void lease_one(void)
{
    uint64_t number;
    struct shmq_message message;
    ck_assert_int_eq(test_queue_lease(consumer, &number, &message, 0), 0);
}

static void hold_one(void)
{
    uint64_t number;
    struct shmq_message message;
    ck_assert_int_eq(test_queue_lease(consumer, &number, &message, 0), 0);
    ck_assert_int_eq(shmq_hold(consumer, &message), 0);
}

static void acknowledge_it(void)
{
    ck_assert_int_eq(shmq_acknowledge(consumer, 1), 0);
    put(1);
}

/* .undo: afterwards, so that the queue is as it was. */
static const struct meanwhile {
    const char *name;
    void (*act)(void);
    void (*undo)(void);
} meanwhiles[] = {
    {"two more are put", put_two, take_two},       {"two come and go", pass_two, nothing},
    {"a lap comes and goes", pass_a_lap, nothing}, {"one is leased", lease_one, acknowledge_it},
    {"one is held", hold_one, acknowledge_it},
};

/* ------------------------------------------------------------------ the observer */

static void look_at_lane(void *context)
{
    struct shmq *observer;
    struct shmq_lane_stat lane = SHMQ_LANE_STAT_INIT;
    (void)context;
    process_require(shmq_open(&observer, queue, SHMQ_OBSERVER, NULL) == 0);
    process_require(shmq_stat_lane(observer, 0, &lane) == 0);
    step_begin();
    const int error = shmq_stat_lane(observer, 0, &lane);
    step_end();
    process_require_equal(error, 0);
    process_require_equal(lane.put_bytes, lane.put_messages * sizeof(uint64_t));
    process_require(lane.acknowledged <= lane.put_messages);
    process_require(lane.messages <= 65); /* one that moves to a buffer may be found twice */
    process_require(lane.used_bytes <= 4096);
    /* What it said stays: it never says that more has left than had. */
    const uint64_t said = lane.acknowledged;
    process_require(shmq_stat_lane(observer, 0, &lane) == 0);
    process_require_equal(lane.acknowledged, lane.put_messages - lane.messages);
    process_require(said <= lane.acknowledged);
}

static void expect_possible(const struct shmq_stat *stat, const struct shmq_seat_stat *seat)
{
    process_require_equal(stat->put_bytes, stat->put_messages * sizeof(uint64_t));
    process_require(stat->acknowledged <= stat->put_messages);
    process_require(stat->messages <= 65);
    process_require(stat->leased <= stat->messages);
    process_require(stat->fill_percent <= 100);
    process_require(stat->oldest_ns >= -1);
    process_require(seat->leased <= 1);
    process_require(seat->leased != 0 || seat->leased_ns == -1);
}

static void look_at_queue(void *context)
{
    struct shmq *observer;
    struct shmq_stat stat = SHMQ_STAT_INIT;
    struct shmq_seat_stat seat = SHMQ_SEAT_STAT_INIT;
    (void)context;
    process_require(shmq_open(&observer, queue, SHMQ_OBSERVER, NULL) == 0);
    process_require(shmq_stat(observer, &stat) == 0);
    const uint64_t was = stat.acknowledged;
    step_begin();
    const int error = shmq_stat(observer, &stat);
    const int seat_error = shmq_stat_seat(observer, 0, &seat);
    step_end();
    process_require_equal(error, 0);
    process_require_equal(seat_error, 0);
    expect_possible(&stat, &seat);
    const uint64_t said = stat.acknowledged;
    process_require(shmq_stat(observer, &stat) == 0);
    process_require_equal(stat.acknowledged, stat.put_messages - stat.messages);
    process_require(was <= said && said <= stat.acknowledged);
}

static void begin(void)
{
    producer = test_queue_open(queue, SHMQ_PRODUCER, &small);
    consumer = test_queue_open(queue, SHMQ_CONSUMER, &small);
    put(8);
    get(3);
}

static void end(void)
{
    ck_assert_int_eq(shmq_close(producer), 0);
    ck_assert_int_eq(shmq_close(consumer), 0);
    test_queue_remove(queue);
}

static void begin_at(struct step *step, void (*look)(void *), const struct step_path *path, size_t n)
{
    bool strayed;
    for (int tries = 0; tries < TRIES; tries++) {
        step_start(step, look, NULL);
        if (step_to(step, path, n, &strayed) == STEP_THERE)
            return;
        step_kill(step);
    }
    step_start(step, look, NULL);
    (void)step_walk(step, n);
}

static void await_end(struct step *step, size_t point)
{
    const int64_t deadline = process_now_ns() + process_patience_ns();
    int status = 0;
    step_continue(step);
    while (!step_has_ended(step, &status))
        ck_assert_int_lt(process_now_ns(), deadline);
    ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "stopped at %zu, it ends with status %#x", point,
                  (unsigned)status);
}

static void stop_at_all(void (*look)(void *), size_t every, const struct meanwhile *meanwhile)
{
    struct step_path path;
    struct step step;
    size_t points = 0;
    use_queue("stat");
    begin();
    step_start(&step, look, NULL);
    step_record(&step, &path);
    step_kill(&step);
    for (size_t n = 0; n < path.count; n += every) {
        if (!path.points[n].own)
            continue;
        begin_at(&step, look, &path, n);
        step_stop(&step);
        meanwhile->act();
        await_end(&step, n);
        meanwhile->undo();
        points++;
    }
    (void)printf("# %s: stopped at %zu points of %zu\n", meanwhile->name, points, path.count);
    ck_assert_uint_gt(points, 10);
    free(path.points);
    end();
}

START_TEST(what_a_stopped_observer_says_is_possible)
{
    stop_at_all(look_at_lane, 1, &meanwhiles[_i]);
}
END_TEST

START_TEST(what_it_says_of_the_whole_queue_is_possible)
{
    stop_at_all(look_at_queue, EVERY_OF_QUEUE, &meanwhiles[_i]);
}
END_TEST

static void prepare(char **arguments)
{
    test_bind_now(arguments);
}

static const char *name_of(size_t i)
{
    return meanwhiles[i].name;
}

static void add(void)
{
    test_add_rows(what_a_stopped_observer_says_is_possible, COUNT(meanwhiles), name_of, 120, step_impossible());
    test_add_rows(what_it_says_of_the_whole_queue_is_possible, COUNT(meanwhiles), name_of, 120, step_impossible());
}

const struct test_suite test_suite = {.name = "stat_steps", .prepare = prepare, .add = add};
