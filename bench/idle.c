/* SPDX-License-Identifier: MIT */

/*
 * What idle consumers cost that wait on an empty queue: total processor time and wake-ups per minute, as counted
 * by the kernel in /proc. Output: CSV.
 *
 *   idle [CONSUMERS [SECONDS]]
 */

#include <errno.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/types.h>
#include <unistd.h>

#include "bench/support/children.h"
#include "bench/support/harness.h"
#include "common/shmq.h"

#define CONSUMERS_MAX 1000
#define START_S 30
#define LOOK_NS 10000000

/* Totals of one or more processes. */
struct used {
    double busy_s;
    uint64_t sleeps;
};

struct hall {
    char name[SHMQ_NAME_MAX + 1];
    _Atomic unsigned ready;
    unsigned consumers;
};

static int wait_on_empty(void *context, unsigned number)
{
    struct hall *hall = context;
    struct shmq *consumer;
    char byte;
    size_t length;
    (void)number;
    int error = shmq_open(&consumer, hall->name, SHMQ_CONSUMER, NULL);
    if (error == 0) {
        atomic_fetch_add(&hall->ready, 1);
        error = shmq_get(consumer, &byte, 1, &length, SHMQ_FOREVER);
    }
    return bench_failed("waiting", error);
}

/* The first number of /proc/PID/schedstat is the time on a processor, in nanoseconds. */
static int read_busy(pid_t pid, struct used *used)
{
    char path[64];
    uint64_t ns = 0;
    (void)snprintf(path, sizeof(path), "/proc/%ld/schedstat", (long)pid);
    FILE *file = fopen(path, "r");
    if (file == NULL)
        return -errno;
    const int fields = fscanf(file, "%" SCNu64, &ns);
    (void)fclose(file);
    used->busy_s += (double)ns / 1e9;
    return fields == 1 ? 0 : -EIO;
}

static int read_sleeps(pid_t pid, struct used *used)
{
    static const char wanted[] = "voluntary_ctxt_switches:";
    char line[256];
    int error = -EIO;
    (void)snprintf(line, sizeof(line), "/proc/%ld/status", (long)pid);
    FILE *file = fopen(line, "r");
    if (file == NULL)
        return -errno;
    while (fgets(line, sizeof(line), file) != NULL)
        if (strncmp(line, wanted, strlen(wanted)) == 0) {
            used->sleeps += strtoull(line + strlen(wanted), NULL, 10);
            error = 0;
        }
    (void)fclose(file);
    return error;
}

static int add_up(const struct children *children, struct used *used)
{
    int error = 0;
    *used = (struct used){.sleeps = 0};
    for (unsigned i = 0; error == 0 && i < children->count; i++) {
        error = read_busy(children->pids[i], used);
        if (error == 0)
            error = read_sleeps(children->pids[i], used);
    }
    return error;
}

static int watch_for(struct children *children, double seconds)
{
    const int64_t end = bench_now_ns() + (int64_t)(seconds * 1e9);
    int failed = 0;
    for (int64_t now = bench_now_ns(); failed == 0 && now < end; now = bench_now_ns())
        failed = children_watch(children, end - now);
    return failed;
}

static int start_all(struct children *children, struct hall *hall)
{
    const int64_t end = bench_now_ns() + START_S * INT64_C(1000000000);
    int error = 0;
    for (unsigned i = 0; error == 0 && i < hall->consumers; i++)
        error = children_start(children, -1, wait_on_empty, hall);
    if (error != 0)
        return bench_failed("forking", error);
    int failed = 0;
    while (failed == 0 && atomic_load(&hall->ready) < hall->consumers) {
        failed = children_watch(children, LOOK_NS);
        if (bench_now_ns() > end)
            return bench_failed("attaching", -ETIMEDOUT);
    }
    /* Wait until the last one is asleep. */
    return failed != 0 ? failed : watch_for(children, 1);
}

static int measure(struct children *children, struct hall *hall, double seconds)
{
    struct used before, after;
    int failed = start_all(children, hall);
    if (failed != 0)
        return failed;
    const int64_t start = bench_now_ns();
    int error = add_up(children, &before);
    failed = watch_for(children, seconds);
    if (failed != 0)
        return failed;
    if (error == 0)
        error = add_up(children, &after);
    if (error != 0)
        return bench_failed("reading /proc", error);
    const double took = (double)(bench_now_ns() - start) / 1e9;
    const double busy_s = after.busy_s - before.busy_s;
    (void)printf("consumers,seconds,cpu_s_per_minute,wakeups_per_minute,processor_percent\n"
                 "%u,%.1f,%.5f,%.0f,%.4f\n",
                 hall->consumers, took, busy_s / took * 60, (double)(after.sleeps - before.sleeps) / took * 60,
                 busy_s / took * 100);
    return fflush(stdout) == 0 ? 0 : bench_failed("writing to stdout", -errno);
}

/* Keeps a live producer attached, so that the stream does not end. */
static int run(struct hall *hall, double seconds)
{
    static struct children children;
    const struct shmq_options options = {SHMQ_OPTIONS_DEFAULTS,
                                         .seats = hall->consumers < 64 ? 64 : hall->consumers};
    struct shmq *producer = NULL;
    children_begin();
    int error = shmq_create(hall->name, &options);
    if (error == 0)
        error = shmq_open(&producer, hall->name, SHMQ_PRODUCER, NULL);
    const int failed = error != 0 ? bench_failed("preparing", error) : measure(&children, hall, seconds);
    children_kill(&children);
    (void)shmq_close(producer);
    (void)shmq_remove(hall->name, true);
    return failed;
}

int main(int argc, char **argv)
{
    const int consumers = argc > 1 ? atoi(argv[1]) : 1;
    const double seconds = argc > 2 ? atof(argv[2]) : 10;
    if (argc > 3 || consumers < 1 || consumers > CONSUMERS_MAX || !(seconds > 0) || seconds > 3600) {
        (void)fprintf(stderr, "usage: %s [CONSUMERS [SECONDS]] (up to %d, up to 3600)\n",
                      program_invocation_short_name, CONSUMERS_MAX);
        return 2;
    }
    struct hall *hall = mmap(NULL, sizeof(*hall), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (hall == MAP_FAILED)
        return bench_failed("memory", -errno);
    hall->consumers = (unsigned)consumers;
    (void)snprintf(hall->name, sizeof(hall->name), "bench.%ld", (long)getpid());
    return run(hall, seconds);
}
