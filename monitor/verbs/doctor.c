/* SPDX-License-Identifier: MIT */
#include "monitor/doctor/doctor.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "common/cli/bus_guard.h"
#include "common/cli/say.h"
#include "common/cli/units.h"
#include "monitor/verbs/verbs.h"

/* Each says something about a queue that could be opened. */
static void (*const queue_checks[])(struct doctor *doctor, const struct patient *patient) = {
    doctor_flags, doctor_producers, doctor_consumers, doctor_semaphores, doctor_neglect};

static uid_t owner_of(const char *name)
{
    char path[sizeof("/dev/shm/shmq.") + SHMQ_NAME_MAX];
    struct stat st;
    (void)snprintf(path, sizeof(path), "/dev/shm/shmq.%s", name);
    return lstat(path, &st) == 0 ? st.st_uid : (uid_t)-1;
}

struct visit {
    struct doctor *doctor;
    struct patient patient;
};

static int examine(void *context)
{
    struct visit *visit = context;
    struct patient *patient = &visit->patient;
    if (patient->queue != NULL)
        (void)snapshot_of(&patient->snapshot, patient->queue, patient->name, true);
    if (!doctor_content(visit->doctor, patient))
        return 0;
    for (size_t i = 0; i < sizeof(queue_checks) / sizeof(queue_checks[0]); i++)
        queue_checks[i](visit->doctor, patient);
    return 0;
}

/* A queue that somebody truncates meanwhile is one more finding. */
static void look_at_queue(struct doctor *doctor, const char *name)
{
    struct visit visit = {.doctor = doctor, .patient = {.name = name, .owner = owner_of(name)}};
    struct patient *patient = &visit.patient;
    patient->snapshot.error = shmq_open(&patient->queue, name, SHMQ_OBSERVER, NULL);
    if (bus_guard_call(examine, &visit) == -EBADMSG)
        doctor_say(doctor, VERDICT_FAILURE, name, "content", NULL, "was cut off while it was looked at");
    snapshot_free(&patient->snapshot);
    (void)shmq_close(patient->queue);
}

static void look_at_machine(struct doctor *doctor, const struct snapshots *queues)
{
    doctor_system(doctor);
    doctor_limits(doctor);
    doctor_shm(doctor, queues);
    doctor_logind(doctor, queues);
    doctor_leftovers(doctor);
}

static int conclude(const struct doctor *doctor)
{
    if (doctor->json)
        printf("%s], \"warnings\": %u, \"failures\": %u, \"fixed\": %u}\n", doctor->findings > 0 ? "\n" : "",
               doctor->warnings, doctor->failures, doctor->fixed);
    if (doctor->warnings + doctor->failures > 0)
        say_status("%u warning%s, %u failure%s", doctor->warnings, units_plural(doctor->warnings),
                   doctor->failures, units_plural(doctor->failures));
    if (doctor->failures > 0)
        return EXIT_QUEUE;
    return doctor->warnings > 0 ? EXIT_FAILED : EXIT_DONE;
}

static int refuse_missing(const struct options *options)
{
    struct shmq *queue;
    const int error = shmq_open(&queue, options->queue, SHMQ_OBSERVER, NULL);
    (void)shmq_close(queue);
    return error == -ENOENT && owner_of(options->queue) == (uid_t)-1 ? error : 0;
}

int verb_doctor(const struct options *options)
{
    struct doctor doctor = {.fix = options->fix,
                            .named = options->queue != NULL,
                            .json = options->format == FORMAT_JSON,
                            .quiet = say_get_level() < SAY_STATUS};
    struct snapshots queues = {0};
    if (options->queue != NULL && refuse_missing(options) != 0)
        return verb_fail(options, "cannot be examined", -ENOENT);
    (void)snapshots_take(&queues);
    if (doctor.json)
        fputs("{\"findings\": [", stdout);
    if (options->queue == NULL)
        look_at_machine(&doctor, &queues);
    for (size_t i = 0; i < queues.count; i++)
        if (options->queue == NULL || strcmp(options->queue, queues.items[i].name) == 0)
            look_at_queue(&doctor, queues.items[i].name);
    snapshots_free(&queues);
    return conclude(&doctor);
}
