/* SPDX-License-Identifier: MIT */

/*
 * How long attaching and detaching take. Output: CSV with a header line and one line per case: median, minimum and
 * maximum over ROUNDS queues, in microseconds.
 *
 *   attach [ROUNDS]
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/support/harness.h"
#include "common/shmq.h"

#define ROUNDS_MAX 1000

enum step { CREATE, FIRST, FIRST_GO, USED, USED_GO, CONSUMER, CONSUMER_GO, OBSERVER, OBSERVER_GO, STEPS };

static const char *const step_names[STEPS] = {
    "create the queue",        "attach as producer to a new lane",
    "detach from a new lane",  "attach as producer to a used lane",
    "detach from a used lane", "attach as consumer",
    "detach as consumer",      "attach as observer",
    "detach as observer",
};

static int64_t times_ns[STEPS][ROUNDS_MAX];

/* Attaches, puts or gets one message so that no set-up is deferred, and detaches. */
static int come_and_go(const char *name, enum shmq_role role, enum step step, int round)
{
    struct shmq *queue;
    char text[] = "message";
    size_t length;
    const int64_t start = bench_now_ns();
    int error = shmq_open(&queue, name, role, NULL);
    times_ns[step][round] = bench_now_ns() - start;
    if (error != 0)
        return error;
    if (role == SHMQ_PRODUCER)
        error = shmq_put(queue, text, sizeof(text), 0);
    else if (role == SHMQ_CONSUMER)
        error = shmq_get(queue, text, sizeof(text), &length, 0);
    const int64_t end = bench_now_ns();
    const int closed = shmq_close(queue);
    times_ns[step + 1][round] = bench_now_ns() - end;
    return error != 0 ? error : closed;
}

static int one_round(const char *name, int round)
{
    const int64_t start = bench_now_ns();
    int error = shmq_create(name, NULL);
    times_ns[CREATE][round] = bench_now_ns() - start;
    if (error == 0)
        error = come_and_go(name, SHMQ_PRODUCER, FIRST, round);
    if (error == 0)
        error = come_and_go(name, SHMQ_PRODUCER, USED, round);
    if (error == 0)
        error = come_and_go(name, SHMQ_CONSUMER, CONSUMER, round);
    if (error == 0)
        error = come_and_go(name, SHMQ_OBSERVER, OBSERVER, round);
    const int removed = shmq_remove(name, true);
    return error != 0 ? error : removed;
}

static int compare(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static int report(int rounds)
{
    (void)puts("what,median_us,min_us,max_us");
    for (int step = 0; step < STEPS; step++) {
        int64_t *ns = times_ns[step];
        qsort(ns, (size_t)rounds, sizeof(*ns), compare);
        (void)printf("%s,%.1f,%.1f,%.1f\n", step_names[step], (double)ns[rounds / 2] / 1e3, (double)ns[0] / 1e3,
                     (double)ns[rounds - 1] / 1e3);
    }
    return fflush(stdout) == 0 ? 0 : bench_failed("writing to stdout", -errno);
}

int main(int argc, char **argv)
{
    const int rounds = argc > 1 ? atoi(argv[1]) : 50;
    char name[SHMQ_NAME_MAX + 1];
    if (argc > 2 || rounds < 1 || rounds > ROUNDS_MAX) {
        (void)fprintf(stderr, "usage: %s [ROUNDS] (1 to %d)\n", program_invocation_short_name, ROUNDS_MAX);
        return 2;
    }
    (void)snprintf(name, sizeof(name), "bench.%ld", (long)getpid());
    for (int round = 0; round < rounds; round++) {
        const int error = one_round(name, round);
        if (error != 0)
            return bench_failed("attaching and detaching", error);
    }
    return report(rounds);
}
