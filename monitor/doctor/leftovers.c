/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "monitor/doctor/doctor.h"
#include "monitor/doctor/semaphore_file.h"

struct leftovers {
    struct doctor *doctor;
    unsigned found;
};

static bool has_object(const char *queue)
{
    char path[PATH_MAX];
    struct stat st;
    (void)snprintf(path, sizeof(path), "/dev/shm/shmq.%s", queue);
    return lstat(path, &st) == 0 || errno != ENOENT;
}

/* Nothing is lost with it: a queue of that name works without, and makes it anew. */
static void look_at_semaphore(void *context, const char *file)
{
    struct leftovers *leftovers = context;
    char queue[SHMQ_NAME_MAX + 1];
    char path[PATH_MAX];
    char remedy[PATH_MAX + 32];
    if (!semaphore_file_of(file, queue) || has_object(queue))
        return;
    leftovers->found++;
    semaphore_file_path(path, file);
    if (leftovers->doctor->fix && unlink(path) == 0) {
        doctor_say_fixed(leftovers->doctor, queue, "leftover", "removed %s, a semaphore without a queue", path);
        return;
    }
    (void)snprintf(remedy, sizeof(remedy), "'rm %s'%s", path,
                   leftovers->doctor->fix ? ", as its owner or root" : "");
    doctor_say(leftovers->doctor, VERDICT_WARNING, queue, "leftover", remedy,
               "a semaphore is left, and the queue is not there");
}

void doctor_leftovers(struct doctor *doctor)
{
    struct leftovers leftovers = {.doctor = doctor};
    semaphore_files_visit(NULL, look_at_semaphore, &leftovers);
    if (leftovers.found == 0)
        doctor_say(doctor, VERDICT_OK, "machine", "leftovers", NULL,
                   "no semaphore is left in /dev/shm without its queue");
}
