/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <semaphore.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "monitor/doctor/doctor.h"
#include "monitor/doctor/semaphore_file.h"

struct semaphores {
    struct doctor *doctor;
    const struct patient *patient;
    bool items; /* the one on which consumers sleep is there */
    unsigned wrong;
};

/* Why processes of the queue would not use it; NULL: they do. */
static const char *find_fault(const struct shmq_stat *queue, const struct stat *st)
{
    if (!S_ISREG(st->st_mode))
        return "is no plain file";
    if (st->st_size != (off_t)sizeof(sem_t))
        return "is no semaphore";
    const bool shared = (queue->mode & 0060) == 0060;
    if (st->st_uid != queue->owner && st->st_uid != 0 &&
        !(shared && st->st_gid == queue->group && (st->st_mode & 0002) == 0))
        return "belongs to another user";
    if ((st->st_mode & 0666 & ~(mode_t)queue->mode) != 0)
        return "may be written by more users than the queue";
    if ((queue->mode & ~st->st_mode & 0660) != 0)
        return "may not be written by all who may use the queue";
    return NULL;
}

/* A semaphore keeps nothing: whoever misses it makes it anew, and those who sleep on this one wake up at their
 * tick. */
static void look_at(void *context, const char *file)
{
    struct semaphores *all = context;
    const char *name = all->patient->name;
    char path[PATH_MAX];
    char remedy[PATH_MAX + 64];
    struct stat st;
    semaphore_file_path(path, file);
    if (lstat(path, &st) != 0)
        return;
    all->items = all->items || strcmp(file + strlen(file) - 6, ".items") == 0;
    const char *fault = find_fault(&all->patient->snapshot.stat, &st);
    if (fault == NULL)
        return;
    all->wrong++;
    if (all->doctor->fix && unlink(path) == 0) {
        doctor_say_fixed(all->doctor, name, "semaphore", "removed %s, which %s; the next who needs it makes it",
                         path, fault);
        return;
    }
    (void)snprintf(remedy, sizeof(remedy), "'rm %s'%s", path, all->doctor->fix ? ", as its owner or root" : "");
    doctor_say(all->doctor, VERDICT_WARNING, name, "semaphore", remedy, "the semaphore %s %s: sleeps last a tick",
               path, fault);
}

/* With the access that the queue has. Return: 0; negative errno. */
static int make_semaphore(const struct shmq_stat *queue, const char *name)
{
    char path[PATH_MAX];
    char semaphore_name[PATH_MAX];
    (void)snprintf(semaphore_name, sizeof(semaphore_name), "/shmq.%s.items", name);
    sem_t *semaphore = sem_open(semaphore_name, O_CREAT | O_EXCL, 0600, 0u);
    if (semaphore == SEM_FAILED)
        return -errno;
    (void)sem_close(semaphore);
    (void)snprintf(path, sizeof(path), "/dev/shm/sem.shmq.%s.items", name);
    if ((queue->owner != geteuid() || queue->group != getegid()) && chown(path, queue->owner, queue->group) != 0)
        return -errno;
    return chmod(path, queue->mode & 0666) == 0 ? 0 : -errno;
}

static void say_missing(const struct semaphores *all)
{
    const struct snapshot *snapshot = &all->patient->snapshot;
    const int error = all->doctor->fix ? make_semaphore(&snapshot->stat, all->patient->name) : -ENOENT;
    if (error == 0 || error == -EEXIST)
        doctor_say_fixed(all->doctor, all->patient->name, "semaphore",
                         "made the semaphore anew on which consumers sleep");
    else
        doctor_say(all->doctor, VERDICT_WARNING, all->patient->name, "semaphore",
                   "'monitor doctor --fix', or wait: the next who sleeps makes it",
                   "the semaphore on which %" PRIu32 " consumer%s asleep is missing: sleeps last a tick",
                   snapshot->stat.sleepers, snapshot->stat.sleepers == 1 ? " is" : "s are");
}

void doctor_semaphores(struct doctor *doctor, const struct patient *patient)
{
    struct semaphores all = {.doctor = doctor, .patient = patient};
    semaphore_files_visit(patient->name, look_at, &all);
    const bool missing = !all.items && patient->snapshot.stat.sleepers > 0 && patient->snapshot.stat.consumers > 0;
    if (missing)
        say_missing(&all);
    if (all.wrong == 0 && !missing)
        doctor_say(doctor, VERDICT_OK, patient->name, "semaphores", NULL, "its semaphores are right");
}
