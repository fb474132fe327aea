/* SPDX-License-Identifier: MIT */
/* What the monitor's doctor says of producers and consumers, from made-up statistics. */

#include <check.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/cli/process_state.h"
#include "monitor/doctor/doctor.h"
#include "tests/support/harness.h"
#include "tests/support/said.h"

#define SECOND INT64_C(1000000000)
#define MINUTE (60 * SECOND)

enum process_state __wrap_process_state_of(pid_t pid, const char *program);

enum process_state __wrap_process_state_of(pid_t pid, const char *program)
{
    (void)pid;
    (void)program;
    return PROCESS_RUNS;
}

#define ALIVE .taken = true, .alive = true, .program = "consumer"

static const struct {
    const char *says;
    const char *never; /* NULL: any other may be said */
    unsigned warnings;
    struct shmq_stat stat;
    struct shmq_seat_stat seat;
} cases[] = {
    {"ok       q: 1 consumer alive\n", "has had", 0, .stat = {.messages = 1, .leased = 1, .consumers = 1},
     .seat = {ALIVE, .pid = 71, .leased = 1, .leased_ns = 10 * SECOND - 1}},
    {"ok       q: consumer 2 (consumer, pid 71) has had 1 message for 59 s\n", NULL, 0,
     .stat = {.messages = 1, .leased = 1, .consumers = 1},
     .seat = {ALIVE, .seat = 2, .pid = 71, .leased = 1, .leased_ns = 59 * SECOND}},
    {"warning  q: consumer 2 (consumer, pid 71) has had 1 message for 60 s, and 4 more wait (see what it does; "
     "'kill -KILL 71' gives it to others; consumer --exec-timeout ends a command that hangs)\n",
     "consumer alive", 1, .stat = {.messages = 5, .leased = 1, .consumers = 1},
     .seat = {ALIVE, .seat = 2, .pid = 71, .leased = 1, .leased_ns = MINUTE}},
    {"warning  q: consumer 2 (consumer, pid 71) has had 3 messages for 2 h, and 1 more waits (see what it does; "
     "'kill -KILL 71' gives them to others;",
     NULL, 1, .stat = {.messages = 4, .leased = 3, .consumers = 1},
     .seat = {ALIVE, .seat = 2, .pid = 71, .leased = 3, .leased_ns = 120 * MINUTE}},
    /* Nobody is there. */
    {"warning  q: 2 messages wait, the oldest for 40 s, and no consumer is attached (start a consumer: "
     "'consumer -Q q')\n",
     NULL, 1, .stat = {.messages = 2, .oldest_ns = 40 * SECOND}},
    {"warning  q: 1 message waits, and no consumer is attached", NULL, 1,
     .stat = {.messages = 1, .oldest_ns = -1}},
    {"warning  q: 2 producers wait for room, and no consumer is attached (start a consumer)\n", "messages wait", 1,
     .stat = {.messages = 9, .producers = 2, .lanes = 4, .blocked = 2}},
    {"ok       q: 0 consumers alive\n", "messages wait", 0, .stat = {.messages = 9, .paused = true}},
    {"ok       q: 0 consumers alive\n", "messages wait", 0, .stat = {.messages = 9, .shut_down = SHMQ_DRAIN}},
    {"ok       q: 0 consumers alive\n", "no consumer", 0, .stat = {.messages = 0}},
    {"ok       q: 1 consumer alive\n", "no consumer", 0, .stat = {.messages = 9, .consumers = 1},
     .seat = {ALIVE, .waiting = true}},
};

static void examine(void *context)
{
    const size_t i = *(const size_t *)context;
    struct shmq_seat_stat seat = cases[i].seat;
    struct doctor doctor = {.fix = false};
    struct patient patient = {.name = "q", .snapshot = {.name = "q", .opened = true, .stat = cases[i].stat}};
    if (patient.snapshot.stat.lanes == 0)
        patient.snapshot.stat.lanes = 4;
    patient.snapshot.stat.seats = 4;
    patient.snapshot.seats = &seat;
    patient.snapshot.seat_count = seat.alive;
    doctor_producers(&doctor, &patient);
    doctor_consumers(&doctor, &patient);
    doctor_neglect(&doctor, &patient);
    (void)fflush(stdout);
    _exit((int)doctor.warnings);
}

START_TEST(consumers_and_their_absence_are_judged)
{
    static struct said said;
    size_t i = (size_t)_i;
    said_by(&said, examine, &i);
    said_has(said.out, cases[i].says);
    if (cases[i].never != NULL)
        ck_assert_ptr_null(strstr(said.out, cases[i].never));
    ck_assert_int_eq(said.status, (int)cases[i].warnings);
}
END_TEST

static const struct test tests[] = {
    TEST_GROUP("queue"),
    TEST_EACH(consumers_and_their_absence_are_judged, COUNT(cases)),
};

TEST_SUITE("doctor", tests, .seconds = 10);
