/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>

#include "common/cli/open_error.h"
#include "common/cli/say.h"
#include "common/cli/units.h"
#include "monitor/doctor/doctor.h"

#define LONG_PAUSE_NS INT64_C(600000000000)

struct problems {
    char first[256];
    unsigned count;
};

static void note_problem(void *context, const char *problem)
{
    struct problems *problems = context;
    if (problems->count++ == 0)
        (void)snprintf(problems->first, sizeof(problems->first), "%s", problem);
}

static void say_damage(struct doctor *doctor, const struct patient *patient, const struct problems *problems)
{
    const char *name = patient->name;
    char remedy[2 * SHMQ_NAME_MAX + 128];
    (void)snprintf(remedy, sizeof(remedy), "'%smonitor save %s FILE' keeps it, then '%smonitor remove %s --force'",
                   say_prefix(), name, say_prefix(), name);
    if (problems->count > 1)
        doctor_say(doctor, VERDICT_FAILURE, name, "content", remedy, "damaged: %s; and %u more", problems->first,
                   problems->count - 1);
    else
        doctor_say(doctor, VERDICT_FAILURE, name, "content", remedy, "damaged: %s", problems->first);
}

/* Whoever made or removed it was killed in between; what it had is not there yet, or no longer. */
static void say_incomplete(struct doctor *doctor, const char *name)
{
    char remedy[SHMQ_NAME_MAX + 64];
    const int error = doctor->fix ? shmq_remove(name, false) : -ENOENT;
    if (error == 0) {
        doctor_say_fixed(doctor, name, "incomplete", "removed what an interrupted creation or removal had left");
        return;
    }
    (void)snprintf(remedy, sizeof(remedy), "'%smonitor remove %s'", say_prefix(), name);
    doctor_say(doctor, VERDICT_WARNING, name, "incomplete", remedy,
               "its creation or removal was interrupted, so there is no queue%s%s",
               doctor->fix ? "; not removed: " : "", doctor->fix ? open_error_brief(name, error) : "");
}

/* What cannot be opened. Whatever is left of a queue is worth a copy first, and a folder takes more to delete. */
static void say_unreadable(struct doctor *doctor, const char *name, int error)
{
    char path[sizeof("/dev/shm/shmq.") + SHMQ_NAME_MAX];
    char remedy[3 * SHMQ_NAME_MAX + 128];
    struct stat st = {0};
    (void)snprintf(path, sizeof(path), "/dev/shm/shmq.%s", name);
    (void)lstat(path, &st);
    if (S_ISDIR(st.st_mode))
        (void)snprintf(remedy, sizeof(remedy), "'rm -r %s' deletes it", path);
    else if (error == -EBADMSG)
        (void)snprintf(remedy, sizeof(remedy),
                       "'cp %s FILE' keeps what is left, then '%smonitor remove %s --force'", path, say_prefix(),
                       name);
    else
        (void)snprintf(remedy, sizeof(remedy), "'%smonitor remove %s --force' deletes it", say_prefix(), name);
    doctor_say(doctor, error == -EPROTO ? VERDICT_WARNING : VERDICT_FAILURE, name, "content", remedy,
               "cannot be read: %s", open_error_brief(name, error));
}

/* Another user's queue is not ours to look at, unless it was asked about; all else that cannot be opened is told.
 */
static bool say_closed(struct doctor *doctor, const struct patient *patient)
{
    const char *name = patient->name;
    const int error = patient->snapshot.error;
    char remedy[SHMQ_NAME_MAX + 128];
    if (error == -ENOENT) {
        say_incomplete(doctor, name);
    } else if (error == -EACCES) {
        const struct passwd *owner = getpwuid(patient->owner);
        (void)snprintf(remedy, sizeof(remedy), "run this as its owner or root");
        doctor_say(doctor, doctor->named ? VERDICT_WARNING : VERDICT_OK, name, "content", remedy,
                   "belongs to %s, and was not looked at", owner != NULL ? owner->pw_name : "another user");
    } else {
        say_unreadable(doctor, name, error);
    }
    return false;
}

static void say_mode(struct doctor *doctor, const struct patient *patient)
{
    char remedy[SHMQ_NAME_MAX + 64];
    (void)snprintf(remedy, sizeof(remedy), "'chmod o-rwx /dev/shm/shmq.%s'", patient->name);
    doctor_say(doctor, VERDICT_FAILURE, patient->name, "mode", remedy,
               "anybody may write it, so producers and consumers refuse it");
}

bool doctor_content(struct doctor *doctor, const struct patient *patient)
{
    struct problems problems = {.count = 0};
    const char *name = patient->name;
    if (patient->queue == NULL)
        return say_closed(doctor, patient);
    if ((patient->snapshot.stat.mode & 0002) != 0)
        say_mode(doctor, patient);
    const int error = shmq_check(patient->queue, note_problem, &problems);
    if (problems.count > 0)
        say_damage(doctor, patient, &problems);
    else if (error != 0)
        doctor_say(doctor, VERDICT_WARNING, name, "content", NULL, "could not be checked: %s",
                   shmq_strerror(error));
    else
        doctor_say(doctor, VERDICT_OK, name, "content", NULL, "all invariants hold, %" PRIu64 " message%s in it",
                   patient->snapshot.stat.messages, units_plural(patient->snapshot.stat.messages));
    return true;
}

/* ------------------------------------------------------------------ flags */

struct last_pause {
    int64_t monotonic_ns; /* 0: not recorded */
};

static int note_pause(void *context, const struct shmq_event *event)
{
    struct last_pause *last = context;
    if (event->kind == SHMQ_EVENT_PAUSED)
        last->monotonic_ns = event->monotonic_ns;
    return 0;
}

static int64_t paused_for_ns(const struct patient *patient)
{
    struct last_pause last = {0};
    struct timespec now;
    (void)shmq_events(patient->queue, 0, note_pause, &last);
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    const int64_t now_ns = (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
    return last.monotonic_ns > 0 && last.monotonic_ns <= now_ns ? now_ns - last.monotonic_ns : -1;
}

static void say_paused(struct doctor *doctor, const struct patient *patient)
{
    const struct shmq_stat *stat = &patient->snapshot.stat;
    const char *name = patient->name;
    const int64_t since_ns = paused_for_ns(patient);
    char age[UNITS_SIZE];
    char since[UNITS_SIZE + 8] = "";
    char remedy[SHMQ_NAME_MAX + 64];
    (void)snprintf(remedy, sizeof(remedy), "'%smonitor resume %s'", say_prefix(), name);
    if (since_ns >= 0)
        (void)snprintf(since, sizeof(since), " for %s", units_age(age, since_ns));
    /* A short pause is somebody's at work. */
    const bool harmless = since_ns >= 0 && since_ns < LONG_PAUSE_NS && stat->messages == 0;
    doctor_say(doctor, harmless ? VERDICT_OK : VERDICT_WARNING, name, "paused", remedy,
               "paused%s: %" PRIu64 " message%s, and %s not handed out", since, stat->messages,
               stat->messages == 1 ? " waits" : "s wait", stat->messages == 1 ? "is" : "are");
}

static void say_shut_down(struct doctor *doctor, const struct patient *patient)
{
    const struct shmq_stat *stat = &patient->snapshot.stat;
    const char *name = patient->name;
    char remedy[SHMQ_NAME_MAX + 96];
    const bool drains = stat->shut_down == SHMQ_DRAIN && stat->consumers > 0;
    (void)snprintf(remedy, sizeof(remedy), "'%smonitor remove %s --force' deletes them with it", say_prefix(),
                   name);
    if (stat->messages > 0 && !drains)
        doctor_say(doctor, VERDICT_WARNING, name, "shut-down",
                   stat->shut_down == SHMQ_DRAIN ? "start a consumer" : remedy,
                   "shut down with %" PRIu64 " message%s in it, and nobody takes them", stat->messages,
                   units_plural(stat->messages));
    else if (stat->messages > 0)
        doctor_say(doctor, VERDICT_OK, name, "shut-down", NULL,
                   "shut down, the last %" PRIu64 " message%s handed out", stat->messages,
                   stat->messages == 1 ? " is" : "s are");
    else
        doctor_say(doctor, VERDICT_OK, name, "shut-down", NULL, "shut down");
}

void doctor_flags(struct doctor *doctor, const struct patient *patient)
{
    const struct shmq_stat *stat = &patient->snapshot.stat;
    const char *name = patient->name;
    char remedy[SHMQ_NAME_MAX + 128];
    if (stat->paused)
        say_paused(doctor, patient);
    if (stat->shut_down != 0)
        say_shut_down(doctor, patient);
    (void)snprintf(remedy, sizeof(remedy), "see what is missing in the outputs, then '%smonitor remove %s'",
                   say_prefix(), name);
    if (stat->lost)
        doctor_say(doctor, VERDICT_FAILURE, name, "lost", remedy,
                   "acknowledged data is no longer where a consumer wrote it");
    if (stat->full_fences)
        doctor_say(doctor, VERDICT_WARNING, name, "fences",
                   "make the queue anew where membarrier is available to all",
                   "each put costs a full fence, because some process was refused membarrier");
    if (!stat->paused && stat->shut_down == 0 && !stat->lost && !stat->full_fences)
        doctor_say(doctor, VERDICT_OK, name, "flags", NULL, "open");
}
