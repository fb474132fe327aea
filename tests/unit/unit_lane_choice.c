/* SPDX-License-Identifier: MIT */
/* Which lane a newcomer takes, and which it leaves. */
#include <check.h>
#include <errno.h>
#include <string.h>

#include "common/queue/handle.h"
#include "tests/support/harness.h"
#include "tests/support/planted.h"

#define LANES 3

/*
 * What stands in a lane:
 *
 *   -  nothing, it was never used             M  messages of another priority, finished
 *   f  its producer finished                  m  messages of the newcomer's priority, finished
 *   a  its producer died                      U  messages of another priority, unfinished
 *   S  its producer, of source 1, finished    T  likewise of source 2
 *   s  its producer, of source 1, died        t  likewise of source 2
 *   G  a part of a group finished             L  its producer lives
 *   P  source 1, with messages of another priority, finished
 */
struct scene {
    const char *lanes;
    uint64_t source; /* of the newcomer; 0: none */
    int lane;        /* that it takes; or an error */
};

static const struct scene scenes[] = {
    /* Without a source: what was left unfinished, then what costs nobody anything, then what is known of a source.
     */
    {"---", 0, 0},
    {"ff-", 0, 0},
    {"-f-", 0, 0},
    {"f-a", 0, 2},
    {"S-a", 0, 2},
    {"Sf-", 0, 1},
    {"SS-", 0, 2},
    {"SSf", 0, 2},
    {"STS", 0, 0},
    {"G-f", 0, 1},
    {"GGf", 0, 2},
    {"sss", 0, -EUSERS},
    {"ssS", 0, 2},
    {"Lss", 0, -EUSERS},
    {"LLf", 0, 2},
    {"MMf", 0, 2},
    {"MS-", 0, 2},
    {"MSM", 0, 1},
    {"MMM", 0, 0},
    {"UMM", 0, 0},
    {"sUM", 0, 1},
    {"mMf", 0, 0},
    {"Mmf", 0, 1},
    {"sMs", 0, 1},
    {"LML", 0, 1},
    {"LLL", 0, -EUSERS},
    /* With one: its own, then those in which nothing is lost of another's. */
    {"-fS", 1, 2},
    {"-fs", 1, 2},
    {"faP", 1, 2},
    {"TGS", 1, 2},
    {"ff-", 1, 2},
    {"Tf-", 1, 2},
    {"Taf", 1, 2},
    {"aTf", 1, 2},
    {"aTt", 1, 1},
    {"aGt", 1, 1},
    {"Gft", 1, 1},
    {"tat", 1, 1},
    {"ttt", 1, -EUSERS},
    {"tMt", 1, 1},
    {"tMa", 1, 2},
    {"tMT", 1, 2},
    {"LaM", 1, 1},
};
#define SCENES (int)COUNT(scenes)

static const char *name;
static struct shmq_options options;
static struct planted queue;

static bool is_one_of(char what, const char *kinds)
{
    return strchr(kinds, what) != NULL;
}

static void plant_lane(uint32_t lane, char what)
{
    struct lane_control *control = planted_lane(&queue, lane);
    const enum lane_state state = is_one_of(what, "asLtU") ? LANE_ACTIVE : LANE_FINISHED;
    atomic_store(&control->life, (uint64_t)1 << 8 | state);
    atomic_store(&control->source_id, is_one_of(what, "SsP") ? 1 : is_one_of(what, "Tt") ? 2 : 0);
    atomic_store(&control->source_group, what == 'G' ? 5 : 0);
    atomic_store(&control->priority, is_one_of(what, "MUP") ? SHMQ_PRIORITY_DEFAULT + 1 : SHMQ_PRIORITY_DEFAULT);
    if (what == '-')
        atomic_fetch_and(&queue.header->lanes_used[0], ~(UINT64_C(1) << lane));
}

/* Each has had an owner; that of an L stays. */
static void plant_scene(const char *lanes, struct shmq *living[LANES])
{
    struct shmq *producers[LANES];
    for (uint32_t i = 0; i < LANES; i++) {
        producers[i] = planted_open(name, SHMQ_PRODUCER, &options);
        ck_assert_uint_eq(producers[i]->producer.view->ring.lane, i);
    }
    planted_map(&queue, name);
    for (uint32_t i = 0; i < LANES; i++) {
        if (is_one_of(lanes[i], "mMUP"))
            planted_put(producers[i], "x");
        living[i] = lanes[i] == 'L' ? producers[i] : NULL;
        if (living[i] == NULL)
            shmq_abandon(producers[i]);
        plant_lane(i, lanes[i]);
    }
}

START_TEST(a_newcomer_takes_the_lane_that_suits_it_best)
{
    const struct scene *scene = &scenes[_i];
    struct shmq *living[LANES];
    struct shmq *newcomer;
    name = test_name("scene");
    options = planted_small();
    options.lanes = LANES;
    plant_scene(scene->lanes, living);
    struct shmq_options its = options;
    its.source_id = scene->source;
    const int error = shmq_open(&newcomer, name, SHMQ_PRODUCER, &its);
    const int lane = error == 0 ? (int)newcomer->producer.view->ring.lane : error;
    ck_assert_msg(lane == scene->lane, "lanes %s, source %d: %d", scene->lanes, (int)scene->source, lane);
    ck_assert_int_eq(shmq_close(newcomer), 0);
    for (uint32_t i = 0; i < LANES; i++)
        ck_assert_int_eq(shmq_close(living[i]), 0);
    planted_unmap(&queue);
    ck_assert_int_eq(shmq_remove(name, true), 0);
}
END_TEST

static const struct test tests[] = {
    TEST_EACH(a_newcomer_takes_the_lane_that_suits_it_best, SCENES),
};

TEST_SUITE("lane choice", tests, .seconds = 10);
