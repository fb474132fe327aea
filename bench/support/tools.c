/* SPDX-License-Identifier: MIT */
#include "bench/support/tools.h"

#include <dirent.h>
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/shmq.h"

int64_t bench_now_ns(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

void bench_sleep_ns(int64_t ns)
{
    const struct timespec time = {.tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000};
    (void)clock_nanosleep(CLOCK_MONOTONIC, 0, &time, NULL);
}

int bench_pin(int cpu)
{
    cpu_set_t cpus;
    CPU_ZERO(&cpus);
    CPU_SET((size_t)cpu, &cpus);
    return sched_setaffinity(0, sizeof(cpus), &cpus) == 0 ? 0 : -errno;
}

int bench_failed(const char *what, int error)
{
    (void)fprintf(stderr, "%s: %s: %s\n", program_invocation_short_name, what, shmq_strerror(error));
    return 1;
}

int bench_cannot(const char *why)
{
    (void)fprintf(stderr, "%s: cannot: %s\n", program_invocation_short_name, why);
    return RUN_CANNOT;
}

/* ------------------------------------------------------------------ a folder */

static char folder[200];

const char *bench_folder(void)
{
    const char *where = getenv("TMPDIR");
    if (folder[0] != '\0')
        return folder;
    /* A socket path is limited to about a hundred characters. */
    if (where == NULL || where[0] != '/' || strlen(where) > 60)
        where = "/tmp";
    (void)snprintf(folder, sizeof(folder), "%s/shmq-bench.XXXXXX", where);
    if (mkdtemp(folder) == NULL)
        folder[0] = '\0';
    return folder[0] != '\0' ? folder : NULL;
}

void bench_folder_remove(void)
{
    DIR *files = folder[0] != '\0' ? opendir(folder) : NULL;
    if (files == NULL)
        return;
    for (const struct dirent *file = readdir(files); file != NULL; file = readdir(files))
        if (file->d_name[0] != '.')
            (void)unlinkat(dirfd(files), file->d_name, 0);
    (void)closedir(files);
    (void)rmdir(folder);
    folder[0] = '\0';
}
