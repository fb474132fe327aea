/* SPDX-License-Identifier: MIT */
/*
 * The writer of an event, killed after every single instruction, and stopped at those at which something has
 * changed until its slot belongs to a later event. Whatever it leaves, all events before and after are whole, none
 * is a mixture, and the count goes on.
 */
#include <check.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "common/core/layout.h"
#include "common/queue/events.h"
#include "common/queue/observe.h"
#include "tests/support/harness.h"
#include "tests/support/process.h"
#include "tests/support/step.h"
#include "tests/support/test_queue.h"

#define VICTIMS UINT64_C(0x5645435449) /* value of the victim's event; that of all others is their number */
#define TRIES 3
#define KILL_SCENES 2 /* the others leave nothing else behind */
#define AFTER 3       /* events that are recorded when it is dead */

/* What the victim finds. */
static const struct scene {
    const char *name;
    uint64_t before; /* events recorded so far */
    bool again;      /* it has recorded one before, so that it has memory and mapping */
} scenes[] = {
    {"the first event of a process, in new memory", EVENTS_IN_CHUNK, false},
    {"another event of a process, over an old one", 3 * EVENTS + 5, true},
    {"the first event of a process, over an old one", EVENTS + 77, false},
    {"another event of a process, in new memory", 20, true},
};

struct world {
    const struct scene *scene;
    struct shmq *survivor;
    uint64_t number; /* that the victim draws, if it comes so far */
    const char *what;
    size_t point;
};

static const struct shmq_options small = {SHMQ_OPTIONS_DEFAULTS, .create = true, .capacity_bytes = 4096,
                                          .lanes = 2, .seats = 2};

static void record_one(struct shmq *handle, uint64_t value)
{
    events_record_about(handle, SHMQ_EVENT_DROPPED, SHMQ_PARTY_PRODUCER, (uint32_t)value, value);
}

static uint64_t drawn(const struct world *world)
{
    return atomic_load(&world->survivor->header->events);
}

static void record_numbers(const struct world *world, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++)
        record_one(world->survivor, drawn(world));
}

/* ------------------------------------------------------------------ the victim */

static void run_victim(void *context)
{
    const struct world *world = context;
    struct shmq *handle;
    process_require(observe_open(&handle, queue) == 0);
    if (world->scene->again) /* its other event has the number before, and the same memory */
        record_one(handle, world->number - 1);
    step_begin();
    record_one(handle, VICTIMS);
    step_end();
}

static void begin(struct world *world, struct step *step)
{
    ck_assert_int_eq(shmq_create(queue, &small), 0);
    ck_assert_int_eq(observe_open(&world->survivor, queue), 0);
    record_numbers(world, world->scene->before - drawn(world));
    world->number = world->scene->before + world->scene->again;
    *step = (struct step){.context = world};
    step_start(step, run_victim, world);
}

static void end(struct world *world)
{
    ck_assert_int_eq(shmq_close(world->survivor), 0);
    test_queue_remove(queue);
}

/* ------------------------------------------------------------------ what is left */

struct reading {
    const struct world *world;
    uint64_t next;
    uint64_t unreadable;
    uint64_t bad_number; /* the one that may be unreadable */
    bool victims;        /* the victim's event was there */
};

static int judge(void *context, const struct shmq_event *event)
{
    struct reading *reading = context;
    const struct world *world = reading->world;
    ck_assert_msg(event->number == reading->next, "%s, %s at point %zu: event %ju comes instead of %ju",
                  world->scene->name, world->what, world->point, (uintmax_t)event->number,
                  (uintmax_t)reading->next);
    reading->next++;
    if (event->kind == SHMQ_EVENT_UNREADABLE) {
        reading->unreadable++;
        ck_assert_msg(event->number == reading->bad_number, "%s, %s at point %zu: event %ju is unreadable",
                      world->scene->name, world->what, world->point, (uintmax_t)event->number);
        return 0;
    }
    if (event->number == 0)
        return 0;
    const bool victims = event->number == world->number && event->value == VICTIMS;
    reading->victims |= victims;
    ck_assert_msg(event->kind == SHMQ_EVENT_DROPPED && (victims || event->value == event->number) &&
                      event->about == (uint32_t)event->value && event->about_party == SHMQ_PARTY_PRODUCER,
                  "%s, %s at point %zu: event %ju says %ju", world->scene->name, world->what, world->point,
                  (uintmax_t)event->number, (uintmax_t)event->value);
    return 0;
}

/* All events of the last EVENTS are there, but for one at most. */
static struct reading read_all(const struct world *world, uint64_t bad_number)
{
    const uint64_t last = drawn(world);
    struct reading reading = {.world = world, .next = last > EVENTS ? last - EVENTS : 0, .bad_number = bad_number};
    ck_assert_int_eq(shmq_events(world->survivor, 0, judge, &reading), 0);
    ck_assert_uint_eq(reading.next, last);
    ck_assert_uint_le(reading.unreadable, 1);
    return reading;
}

/* ------------------------------------------------------------------ killed */

/* Brings a victim to a point; where it does not come there at full speed, by single steps. */
static void begin_at(struct world *world, struct step *step, const struct step_path *path, size_t n)
{
    bool strayed;
    for (int tries = 0; tries < TRIES; tries++) {
        begin(world, step);
        if (step_to(step, path, n, &strayed) == STEP_THERE)
            return;
        step_kill(step);
        end(world);
    }
    begin(world, step);
    (void)step_walk(step, n);
}

static void record_path(struct world *world, struct step_path *path)
{
    struct step step;
    begin(world, &step);
    step_record(&step, path);
    step_kill(&step);
    const struct reading reading = read_all(world, UINT64_MAX);
    ck_assert(reading.victims);
    end(world);
}

START_TEST(a_writer_killed_at_any_instruction_tears_nothing)
{
    struct world world = {.scene = &scenes[_i], .what = "killed"};
    struct step_path path;
    size_t whole = 0;
    size_t torn = 0;
    use_queue("killed");
    record_path(&world, &path);
    for (world.point = 0; world.point < path.count; world.point++) {
        struct step step;
        begin_at(&world, &step, &path, world.point);
        step_kill(&step);
        const bool has_drawn = drawn(&world) > world.number;
        record_numbers(&world, AFTER);
        ck_assert_uint_eq(drawn(&world), world.number + has_drawn + AFTER);
        const struct reading reading = read_all(&world, has_drawn ? world.number : UINT64_MAX);
        ck_assert(!reading.victims || reading.unreadable == 0);
        whole += reading.victims;
        torn += reading.unreadable;
        end(&world);
    }
    (void)printf("# %s: killed at %zu points: %zu unreadable, %zu whole\n", world.scene->name, path.count, torn,
                 whole);
    ck_assert_uint_gt(whole, 0);
    ck_assert_uint_gt(torn, 0);
    free(path.points);
}
END_TEST

/* ------------------------------------------------------------------ stopped */

static void await_end(struct step *step)
{
    const int64_t deadline = process_now_ns() + process_patience_ns();
    int status = 0;
    step_continue(step);
    while (!step_has_ended(step, &status))
        ck_assert_int_lt(process_now_ns(), deadline);
    ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "it ends with status %#x", (unsigned)status);
}

START_TEST(a_writer_that_goes_on_too_late_makes_no_wrong_event)
{
    struct world world = {.scene = &scenes[_i], .what = "stopped"};
    struct step_path path;
    size_t points = 0;
    size_t spoilt = 0;
    use_queue("stopped");
    record_path(&world, &path);
    for (world.point = 0; world.point < path.count; world.point++) {
        struct step step;
        if (world.point > 0 && !path.points[world.point].news)
            continue;
        begin_at(&world, &step, &path, world.point);
        step_stop(&step);
        const bool has_drawn = drawn(&world) > world.number;
        const uint64_t later = world.number + EVENTS;
        record_numbers(&world, EVENTS + AFTER);
        (void)read_all(&world, UINT64_MAX); /* its slot was written anew: nobody sees that it stands there */
        if (!has_drawn)                     /* it draws the next number yet */
            world.number = drawn(&world);
        await_end(&step);
        const struct reading reading = read_all(&world, has_drawn ? later : UINT64_MAX);
        ck_assert(reading.victims == !has_drawn);
        spoilt += reading.unreadable;
        points++;
        end(&world);
    }
    (void)printf("# %s: stopped at %zu points: %zu later events spoilt\n", world.scene->name, points, spoilt);
    ck_assert_uint_gt(points, 2);
    ck_assert_uint_gt(spoilt, 0);
    free(path.points);
}
END_TEST

static void prepare(char **arguments)
{
    test_bind_now(arguments);
}

static const char *name_of(size_t i)
{
    return scenes[i].name;
}

static void add(void)
{
    test_add_rows(a_writer_killed_at_any_instruction_tears_nothing, KILL_SCENES, name_of, 120, step_impossible());
    test_add_rows(a_writer_that_goes_on_too_late_makes_no_wrong_event, COUNT(scenes), name_of, 120,
                  step_impossible());
}

const struct test_suite test_suite = {.name = "events, killed", .prepare = prepare, .add = add};
