/* SPDX-License-Identifier: MIT */
/*
 * An observer that is stopped at each instruction at which it takes stock of a lane, while the lane's messages are
 * put and acknowledged by others: what it says then is possible, and messages and bytes are of the same moment.
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
#define EVERY 1

static const struct shmq_options small = {SHMQ_OPTIONS_DEFAULTS, .create = true, .capacity_bytes = 4096,
                                          .lanes = 1, .seats = 2};
static struct shmq *producer;
static struct shmq *consumer;

/* What happens while the observer is stopped: puts one by one, or at once, and gets. */
static const struct meanwhile {
    const char *name;
    uint64_t puts;
    uint64_t gets;
} meanwhiles[] = {
    {"two more are put", 2, 0},
    {"two come and go", 2, 2},
    {"a lap comes and goes", 64, 64},
};

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

static void run_observer(void *context)
{
    struct shmq *observer;
    struct shmq_lane_stat lane = SHMQ_LANE_STAT_INIT;
    (void)context;
    process_require(shmq_open(&observer, queue, SHMQ_OBSERVER, NULL) == 0);
    process_require(shmq_stat_lane(observer, 0, &lane) == 0);
    step_begin();
    process_require(shmq_stat_lane(observer, 0, &lane) == 0);
    step_end();
    process_require_equal(lane.put_bytes, lane.put_messages * sizeof(uint64_t));
    process_require(lane.acknowledged <= lane.put_messages);
    process_require(lane.messages <= 64);
    process_require(lane.used_bytes <= 4096);
    /* What it said stays: it never says that more has left than had. */
    const uint64_t said = lane.acknowledged;
    process_require(shmq_stat_lane(observer, 0, &lane) == 0);
    process_require_equal(lane.acknowledged, lane.put_messages - lane.messages);
    process_require(said <= lane.acknowledged);
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

static void begin_at(struct step *step, const struct step_path *path, size_t n)
{
    bool strayed;
    for (int tries = 0; tries < TRIES; tries++) {
        step_start(step, run_observer, NULL);
        if (step_to(step, path, n, &strayed) == STEP_THERE)
            return;
        step_kill(step);
    }
    step_start(step, run_observer, NULL);
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

START_TEST(what_a_stopped_observer_says_is_possible)
{
    struct step_path path;
    struct step step;
    size_t points = 0;
    use_queue("stat");
    begin();
    step_start(&step, run_observer, NULL);
    step_record(&step, &path);
    step_kill(&step);
    for (size_t n = 0; n < path.count; n += EVERY) {
        if (!path.points[n].own)
            continue;
        begin_at(&step, &path, n);
        step_stop(&step);
        get(5); /* in any case, so that there is room and the lane is as it was in the end */
        put(5);
        put(meanwhiles[_i].puts > 56 ? 56 : meanwhiles[_i].puts);
        get(meanwhiles[_i].gets > 56 ? 56 : meanwhiles[_i].gets);
        await_end(&step, n);
        get(meanwhiles[_i].puts - meanwhiles[_i].gets);
        points++;
    }
    (void)printf("# %s: stopped at %zu points of %zu\n", meanwhiles[_i].name, points, path.count);
    ck_assert_uint_gt(points, 10);
    free(path.points);
    end();
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
}

static const struct test tests[] = {TEST_GROUP("stat, step by step")};
TEST_SUITE("stat_steps", tests, .prepare = prepare, .add = add);
