/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/cli/say.h"
#include "common/cli/units.h"
#include "monitor/doctor/doctor.h"

static bool is_of_dead_letters(const char *name)
{
    static const char ending[] = ".dead";
    const size_t length = strlen(name);
    return length > sizeof(ending) - 1 && strcmp(name + length - (sizeof(ending) - 1), ending) == 0;
}

static void say_dead_letters(struct doctor *doctor, const struct patient *patient)
{
    const struct shmq_stat *stat = &patient->snapshot.stat;
    const char *name = patient->name;
    char age[UNITS_SIZE];
    char oldest[UNITS_SIZE + 32] = "";
    char remedy[2 * SHMQ_NAME_MAX + 96];
    (void)snprintf(remedy, sizeof(remedy), "look: '%smonitor peek %s'; try them again: '%smonitor kick %s'",
                   say_prefix(), name, say_prefix(), name);
    if (stat->oldest_ns > 0)
        (void)snprintf(oldest, sizeof(oldest), ", the oldest since %s", units_age(age, stat->oldest_ns));
    doctor_say(doctor, VERDICT_WARNING, name, "dead-letters", remedy,
               "%" PRIu64 " dead letter%s here%s, and no consumer looks at them", stat->messages,
               stat->messages == 1 ? " is" : "s are", oldest);
}

static void say_no_consumer(struct doctor *doctor, const struct patient *patient)
{
    const struct shmq_stat *stat = &patient->snapshot.stat;
    char age[UNITS_SIZE];
    char oldest[UNITS_SIZE + 32] = "";
    char remedy[SHMQ_NAME_MAX + 96];
    (void)snprintf(remedy, sizeof(remedy), "start a consumer: '%sconsumer -Q %s'", say_prefix(), patient->name);
    if (stat->oldest_ns >= 0)
        (void)snprintf(oldest, sizeof(oldest), ", the oldest for %s", units_age(age, stat->oldest_ns));
    doctor_say(doctor, VERDICT_WARNING, patient->name, "no-consumer", remedy,
               "%" PRIu64 " message%s%s, and no consumer is attached", stat->messages,
               stat->messages == 1 ? " waits" : "s wait", oldest);
}

/* That it is paused, shut down or full is told already, and what to do about it. */
static bool is_left_alone(const struct shmq_stat *stat)
{
    return stat->messages > 0 && stat->consumers == 0 && !stat->paused && stat->shut_down == 0 &&
           stat->blocked == 0;
}

/* The supervisor's record outlives it. */
static void say_run(struct doctor *doctor, const struct patient *patient)
{
    struct shmq_run run = SHMQ_RUN_INIT;
    if (shmq_get_run(patient->queue, &run) != 0 || run.state != SHMQ_RUN_WORKING || run.supervised)
        return;
    doctor_say(doctor, VERDICT_WARNING, patient->name, "run", "start the same command again",
               "the run of supervisor %jd was interrupted", (intmax_t)run.supervisor);
}

void doctor_neglect(struct doctor *doctor, const struct patient *patient)
{
    const struct shmq_stat *stat = &patient->snapshot.stat;
    if (is_of_dead_letters(patient->name) && stat->messages > 0 && stat->consumers == 0)
        say_dead_letters(doctor, patient);
    else if (is_left_alone(stat))
        say_no_consumer(doctor, patient);
    say_run(doctor, patient);
}
