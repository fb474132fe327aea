/* SPDX-License-Identifier: MIT */

/*
 * What a consumer costs that waits on an empty queue: processor time and wake-ups. Output: CSV.
 *
 *   idle [SECONDS]
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <unistd.h>

#include "bench/support/harness.h"
#include "common/shmq.h"

static double seconds_of(struct timeval time)
{
    return (double)time.tv_sec + (double)time.tv_usec / 1e6;
}

/* Waits with a live producer attached, so that there is no end of stream to be found. */
static int wait_on_empty(const char *name, double seconds, struct rusage used[2])
{
    struct shmq *producer, *consumer;
    char byte;
    size_t length;
    int error = shmq_open(&producer, name, SHMQ_PRODUCER, NULL);
    if (error != 0)
        return error;
    error = shmq_open(&consumer, name, SHMQ_CONSUMER, NULL);
    if (error == 0) {
        (void)getrusage(RUSAGE_SELF, &used[0]);
        error = shmq_get(consumer, &byte, 1, &length, (int64_t)(seconds * 1e9));
        (void)getrusage(RUSAGE_SELF, &used[1]);
        error = error == -ETIMEDOUT ? 0 : error != 0 ? error : -EBADMSG;
        (void)shmq_close(consumer);
    }
    (void)shmq_close(producer);
    return error;
}

int main(int argc, char **argv)
{
    const double seconds = argc > 1 ? atof(argv[1]) : 10;
    struct rusage used[2];
    char name[SHMQ_NAME_MAX + 1];
    if (argc > 2 || !(seconds > 0) || seconds > 3600) {
        (void)fprintf(stderr, "usage: %s [SECONDS] (up to 3600)\n", program_invocation_short_name);
        return 2;
    }
    (void)snprintf(name, sizeof(name), "bench.%ld", (long)getpid());
    int error = shmq_create(name, NULL);
    if (error == 0)
        error = wait_on_empty(name, seconds, used);
    (void)shmq_remove(name, true);
    if (error != 0)
        return bench_failed("waiting", error);
    const double busy = seconds_of(used[1].ru_utime) + seconds_of(used[1].ru_stime) -
                        seconds_of(used[0].ru_utime) - seconds_of(used[0].ru_stime);
    (void)printf("seconds,processor_percent,sleeps_per_s\n%.1f,%.4f,%.1f\n", seconds, busy / seconds * 100,
                 (double)(used[1].ru_nvcsw - used[0].ru_nvcsw) / seconds);
    return fflush(stdout) == 0 ? 0 : bench_failed("writing to stdout", -errno);
}
