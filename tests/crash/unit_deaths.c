/* SPDX-License-Identifier: MIT */
/*
 * Who has died: the counter and the events say the same, and it is the truth, in whatever order processes are
 * killed or leave, and whoever finds it: a producer that takes up the lane, whoever finishes it, a consumer that
 * adopts a batch or a held message, in a seat of its own or in the dead one's.
 */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/shmq.h"
#include "tests/support/harness.h"
#include "tests/support/process.h"
#include "tests/support/step.h"
#include "tests/support/test_queue.h"

#define MS INT64_C(1000000)
#define LANES 6
#define SEATS 8
#define SEEDS 6
#define STEPS 60
#define SOURCE UINT64_C(77)

static const struct shmq_options new_queue = {SHMQ_OPTIONS_DEFAULTS, .create = true, .capacity_bytes = 4096,
                                              .lanes = LANES,        .seats = SEATS, .prefetch = 2,
                                              .tick_ns = 5 * MS};

/* ------------------------------------------------------------------ the counter and the events */

static int count_death(void *context, const struct shmq_event *event)
{
    uint64_t *deaths = context;
    *deaths += event->kind == SHMQ_EVENT_DEATH;
    return 0;
}

static void expect_deaths(uint64_t expected)
{
    uint64_t recorded = 0;
    struct shmq_stat stat = SHMQ_STAT_INIT;
    struct shmq *observer = test_queue_open(queue, SHMQ_OBSERVER, NULL);
    ck_assert_int_eq(shmq_events(observer, 0, count_death, &recorded), 0);
    ck_assert_int_eq(shmq_stat(observer, &stat), 0);
    ck_assert_int_eq(shmq_close(observer), 0);
    ck_assert_uint_le(stat.events, SHMQ_EVENTS_MAX);
    ck_assert_uint_eq(stat.deaths, recorded);
    ck_assert_uint_eq(stat.deaths, expected);
}

/* ------------------------------------------------------------------ ends */

enum end { KILLED, LEAVES };

/* What a child does before it is killed, or returns. Those that are killed wait for it. */
static void wait_for_the_end(void)
{
    process_report(1);
    (void)process_await_order();
}

static struct shmq *produce(uint64_t source_id, uint64_t messages)
{
    struct shmq_options options = new_queue;
    options.source_id = source_id;
    struct shmq *handle = test_queue_open(queue, SHMQ_PRODUCER, &options);
    for (uint64_t i = 0; i < messages; i++)
        process_require(test_queue_put(handle, i, 0) == 0);
    return handle;
}

static void put_one(void *context)
{
    (void)context;
    (void)produce(0, 1);
    wait_for_the_end();
}

static void put_nothing(void *context)
{
    (void)context;
    (void)produce(0, 0);
    wait_for_the_end();
}

static void put_as_source(void *context)
{
    (void)context;
    (void)produce(SOURCE, 1);
    wait_for_the_end();
}

static void finish_only(void *context)
{
    (void)context;
    process_require(shmq_finish(produce(0, 1)) == 0);
    wait_for_the_end();
}

static void put_and_close(void *context)
{
    (void)context;
    process_require(shmq_close(produce(0, 1)) == 0);
    process_report(1);
}

static void put_and_abandon(void *context)
{
    (void)context;
    shmq_abandon(produce(0, 1));
    process_report(1);
}

static void abandon_as_source(void *context)
{
    (void)context;
    shmq_abandon(produce(SOURCE, 1));
    process_report(1);
}

static void withdraw(void *context)
{
    (void)context;
    shmq_withdraw(produce(0, 0));
    process_report(1);
}

static struct shmq *lease(struct shmq_message *message)
{
    uint64_t number;
    struct shmq *handle = test_queue_open(queue, SHMQ_CONSUMER, &new_queue);
    process_require(test_queue_lease(handle, &number, message, 0) == 0);
    return handle;
}

static void have_a_message(void *context)
{
    struct shmq_message message;
    (void)context;
    (void)lease(&message);
    wait_for_the_end();
}

static void hold_a_message(void *context)
{
    struct shmq_message message;
    (void)context;
    struct shmq *handle = lease(&message);
    if (shmq_hold(handle, &message) != 0) { /* it has two */
        process_require(shmq_acknowledge(handle, 1) == 0);
        process_require(shmq_lease(handle, &message, 0) == 0);
        process_require(shmq_hold(handle, &message) == 0);
    }
    wait_for_the_end();
}

static void have_nothing(void *context)
{
    (void)context;
    (void)test_queue_open(queue, SHMQ_CONSUMER, &new_queue);
    wait_for_the_end();
}

static void put_aside(void *context)
{
    const struct shmq_aside aside = {.size = sizeof(aside), .delay_ns = 1, .most = SEATS};
    struct shmq_message message;
    (void)context;
    struct shmq *handle = lease(&message);
    if (shmq_put_aside(handle, &aside) != 0) { /* it has two, or there is no seat for it */
        (void)shmq_release(handle);
        (void)shmq_close(handle);
    }
    process_report(1);
}

static void give_back(void *context)
{
    struct shmq_message message;
    (void)context;
    struct shmq *handle = lease(&message);
    process_require(shmq_close(handle) == 0);
    process_report(1);
}

static void take_one(void *context)
{
    struct shmq_message message;
    (void)context;
    struct shmq *handle = lease(&message);
    process_require(shmq_acknowledge(handle, 1) == 0);
    process_require(shmq_close(handle) == 0);
    process_report(1);
}

/* @deaths: how many will be found. */
static const struct role {
    const char *what;
    void (*run)(void *context);
    enum end end;
    uint64_t deaths;
} roles[] = {
    {"a producer, killed", put_one, KILLED, 1},
    {"a producer without messages, killed", put_nothing, KILLED, 1},
    {"a source, killed", put_as_source, KILLED, 1},
    {"a producer that has finished, killed", finish_only, KILLED, 0},
    {"a producer, closed", put_and_close, LEAVES, 0},
    {"a producer, abandoned", put_and_abandon, LEAVES, 0},
    {"a source, abandoned", abandon_as_source, LEAVES, 0},
    {"a producer, withdrawn", withdraw, LEAVES, 0},
    {"a consumer with a message, killed", have_a_message, KILLED, 1},
    {"a consumer that holds a message, killed", hold_a_message, KILLED, 1},
    {"a consumer without a message, killed", have_nothing, KILLED, 0},
    {"a consumer with a message aside", put_aside, LEAVES, 0},
    {"a consumer that gives back, closed", give_back, LEAVES, 0},
    {"a consumer, closed", take_one, LEAVES, 0},
};

static uint64_t play(const struct role *role)
{
    struct process child;
    process_start(&child, role->run, NULL);
    (void)process_hear(&child);
    if (role->end == KILLED)
        process_kill(&child);
    else
        process_expect_success(&child);
    return role->deaths;
}

/* Finds all that can be found: finishes all lanes and takes all messages. */
static void find_all(void)
{
    const struct shmq_options eager = {SHMQ_OPTIONS_DEFAULTS, .consumer_flags = SHMQ_CONSUMER_EAGER};
    uint64_t number;
    int error;
    for (uint32_t lane = 0; lane < LANES; lane++)
        (void)shmq_finish_lane(queue, lane);
    struct shmq *consumer = test_queue_open(queue, SHMQ_CONSUMER, &eager);
    do
        error = test_queue_get(consumer, &number, 0);
    while (error == 0);
    ck_assert_int_eq(error, -ENODATA);
    ck_assert_int_eq(shmq_close(consumer), 0);
}

static struct shmq *keeper; /* has messages for all, and keeps the stream from ending */

static void begin(const char *test)
{
    use_queue(test);
    keeper = test_queue_open(queue, SHMQ_PRODUCER, &new_queue);
}

static void end(uint64_t deaths)
{
    ck_assert_int_eq(shmq_close(keeper), 0);
    find_all();
    expect_deaths(deaths);
    test_queue_remove(queue);
}

/* ------------------------------------------------------------------ the tests */

START_TEST(each_end_is_counted_as_what_it_is)
{
    begin("each");
    (void)fprintf(stderr, "%s\n", roles[_i].what);
    ck_assert_int_eq(test_queue_put(keeper, 1, 0), 0);
    end(play(&roles[_i]));
}
END_TEST

START_TEST(the_order_does_not_matter)
{
    srand((unsigned)_i + 1);
    begin("order");
    uint64_t deaths = 0;
    for (int step = 0; step < STEPS; step++) {
        const struct role *role = &roles[(size_t)rand() % COUNT(roles)];
        (void)test_queue_put(keeper, (uint64_t)step, 0);
        (void)fprintf(stderr, "%d: %s\n", step, role->what);
        deaths += play(role);
        if (rand() % 4 == 0)
            (void)shmq_finish_lane(queue, (uint32_t)rand() % LANES);
    }
    end(deaths);
}
END_TEST

/* ------------------------------------------------------------------ a newcomer that is killed */

#define TRIES 3

/* What becomes of a lane before a newcomer takes it up, and is killed wherever something has changed. */
static const struct scene {
    const char *name;
    void (*run)(void *context);
    enum end end;
    uint64_t deaths; /* before the newcomer's */
} scenes[] = {
    {"the lane of a dead producer", put_one, KILLED, 1},
    {"the lane of one that left it unfinished", put_and_abandon, LEAVES, 0},
    {"the lane of one that finished", put_and_close, LEAVES, 0},
};

static void attach(void *context)
{
    (void)context;
    struct shmq *handle;
    step_begin();
    const int error = shmq_open(&handle, queue, SHMQ_PRODUCER, NULL);
    step_end();
    process_require_equal(error, 0);
}

static void begin_scene(const struct scene *scene, struct step *step)
{
    const struct role role = {scene->name, scene->run, scene->end, scene->deaths};
    begin("newcomer");
    (void)play(&role);
    step_start(step, attach, NULL);
}

static void begin_at(const struct scene *scene, struct step *step, const struct step_path *path, size_t n)
{
    bool strayed;
    for (int tries = 0; tries < TRIES; tries++) {
        begin_scene(scene, step);
        if (step_to(step, path, n, &strayed) == STEP_THERE)
            return;
        step_kill(step);
        ck_assert_int_eq(shmq_close(keeper), 0);
        test_queue_remove(queue);
    }
    begin_scene(scene, step);
    (void)step_walk(step, n);
}

/* Return: deaths that are counted; as many are recorded, or one less, if the newcomer died in between. */
static uint64_t end_scene(const struct scene *scene, size_t point)
{
    uint64_t recorded = 0;
    ck_assert_int_eq(shmq_close(keeper), 0);
    find_all();
    struct shmq *observer = test_queue_open(queue, SHMQ_OBSERVER, NULL);
    ck_assert_int_eq(shmq_events(observer, 0, count_death, &recorded), 0);
    ck_assert_int_eq(shmq_close(observer), 0);
    const uint64_t deaths = test_queue_stat(queue).deaths;
    ck_assert_msg(deaths <= scene->deaths + 1, "%zu: %llu deaths", point, (unsigned long long)deaths);
    ck_assert_msg(recorded == deaths || recorded + 1 == deaths, "%zu: %llu recorded, %llu counted", point,
                  (unsigned long long)recorded, (unsigned long long)deaths);
    test_queue_remove(queue);
    return deaths;
}

START_TEST(a_newcomer_killed_anywhere_counts_nobody_twice)
{
    const struct scene *scene = &scenes[_i];
    struct step step;
    struct step_path path;
    size_t points = 0;
    size_t hidden = 0;
    uint64_t deaths = 0;
    begin_scene(scene, &step);
    step_record(&step, &path);
    step_kill(&step);
    ck_assert_uint_eq(end_scene(scene, path.count), scene->deaths + 1);
    for (size_t n = 0; n < path.count; n++) {
        if (n > 0 && !path.points[n].news)
            continue;
        begin_at(scene, &step, &path, n);
        step_kill(&step);
        deaths = end_scene(scene, n);
        hidden += deaths < scene->deaths;
        points++;
    }
    ck_assert_uint_eq(deaths, scene->deaths + 1); /* killed at the end */
    ck_assert_uint_le(hidden, 2);                 /* between the mark and the counter */
    (void)printf("# %s: killed at %zu points, one death hidden at %zu\n", scene->name, points, hidden);
    free(path.points);
}
END_TEST

static const char *name_of(size_t i)
{
    return scenes[i].name;
}

static void add(void)
{
    test_add_rows(a_newcomer_killed_anywhere_counts_nobody_twice, COUNT(scenes), name_of, 120, step_impossible());
}

static void prepare(char **arguments)
{
    test_bind_now(arguments);
}

static const struct test tests[] = {
    TEST_GROUP("who has died"),
    TEST_EACH(each_end_is_counted_as_what_it_is, COUNT(roles)),
    TEST_EACH(the_order_does_not_matter, SEEDS),
};
TEST_SUITE("deaths", tests, .seconds = 30, .prepare = prepare, .add = add);
