/* SPDX-License-Identifier: MIT */

/*
 * How long redelivery takes: from the kill -9 of the consumer that holds a message until another consumer has it.
 * The other consumer either sleeps on the empty queue or is started after the death is noticed, as by a
 * supervisor. Output: CSV, in milliseconds.
 *
 *   redelivery [ROUNDS]
 */

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/support/harness.h"
#include "common/shmq.h"

#define ROUNDS_MAX 1000
#define DEADLINE_S 10
#define PHASE_NS 7300000 /* not a fraction of the tick, so that deaths are spread over it */

enum heir { WAITING, NEWCOMER, HEIRS };
static const char *const heir_names[HEIRS] = {"asleep in a get", "started after the death"};

/* Shared by all processes. */
struct scene {
    char name[SHMQ_NAME_MAX + 1];
    _Atomic bool holding; /* the consumer to be killed has the message */
    _Atomic bool ready;   /* the heir is about to wait */
    int64_t taken_ns;     /* when the heir got it */
};

static int64_t times_ns[HEIRS][ROUNDS_MAX];

/* Returns 0, or 1 after reporting the reason. */
static int lease_one(struct shmq *queue, struct shmq_message *message)
{
    const int error = shmq_lease(queue, message, DEADLINE_S * INT64_C(1000000000));
    return error != 0 ? bench_failed("leasing", error) : 0;
}

static int hold(struct scene *scene)
{
    struct shmq *queue;
    struct shmq_message message;
    const int error = shmq_open(&queue, scene->name, SHMQ_CONSUMER, NULL);
    if (error != 0)
        return bench_failed("attaching", error);
    if (lease_one(queue, &message) != 0)
        return 1;
    atomic_store(&scene->holding, true);
    for (;;)
        (void)pause();
}

static int inherit(struct scene *scene)
{
    struct shmq *queue;
    struct shmq_message message;
    const int error = shmq_open(&queue, scene->name, SHMQ_CONSUMER, NULL);
    if (error != 0)
        return bench_failed("attaching", error);
    atomic_store(&scene->ready, true);
    if (lease_one(queue, &message) != 0)
        return 1;
    scene->taken_ns = bench_now_ns();
    if (!message.redelivered)
        return bench_failed("the message was not delivered before", -EBADMSG);
    (void)shmq_acknowledge(queue, 1);
    return shmq_close(queue) == 0 ? 0 : 1;
}

static pid_t start(int (*body)(struct scene *), struct scene *scene)
{
    const pid_t pid = fork();
    if (pid != 0)
        return pid;
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    _exit(body(scene));
}

static bool await(_Atomic bool *flag)
{
    const int64_t end = bench_now_ns() + DEADLINE_S * INT64_C(1000000000);
    while (!atomic_load(flag) && bench_now_ns() < end)
        bench_sleep_ns(100000);
    return atomic_load(flag);
}

/* Kills @holder and provides an heir. Returns 0, or 1 after reporting the reason. */
static int kill_and_time(struct scene *scene, pid_t holder, enum heir how, int round)
{
    pid_t heir = 0;
    int status;
    if (how == WAITING) {
        heir = start(inherit, scene);
        if (heir < 0 || !await(&scene->ready))
            return bench_failed("starting a consumer", -ETIMEDOUT);
        bench_sleep_ns(20000000 + (int64_t)round * PHASE_NS % 50000000);
    }
    const int64_t killed_ns = bench_now_ns();
    (void)kill(holder, SIGKILL);
    (void)waitpid(holder, NULL, 0);
    if (how == NEWCOMER)
        heir = start(inherit, scene);
    if (heir < 0 || waitpid(heir, &status, 0) != heir || status != 0)
        return 1;
    times_ns[how][round] = scene->taken_ns - killed_ns;
    return 0;
}

static int one_round(struct scene *scene, enum heir how, int round)
{
    struct shmq *producer;
    char text[64] = "message";
    atomic_store(&scene->holding, false);
    atomic_store(&scene->ready, false);
    int error = shmq_create(scene->name, NULL);
    if (error == 0)
        error = shmq_open(&producer, scene->name, SHMQ_PRODUCER, NULL);
    if (error != 0)
        return bench_failed("preparing", error);
    error = shmq_put(producer, text, sizeof(text), 0);
    const pid_t holder = error == 0 ? start(hold, scene) : -1;
    int failed = holder > 0 && await(&scene->holding) ? kill_and_time(scene, holder, how, round)
                                                      : bench_failed("starting a consumer", -ECHILD);
    (void)shmq_close(producer);
    (void)shmq_remove(scene->name, true);
    return failed;
}

static int compare(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static int report(int rounds)
{
    (void)puts("heir,deaths,median_ms,min_ms,max_ms");
    for (int how = 0; how < HEIRS; how++) {
        int64_t *ns = times_ns[how];
        qsort(ns, (size_t)rounds, sizeof(*ns), compare);
        (void)printf("%s,%d,%.2f,%.2f,%.2f\n", heir_names[how], rounds, (double)ns[rounds / 2] / 1e6,
                     (double)ns[0] / 1e6, (double)ns[rounds - 1] / 1e6);
    }
    return fflush(stdout) == 0 ? 0 : bench_failed("writing to stdout", -errno);
}

int main(int argc, char **argv)
{
    const int rounds = argc > 1 ? atoi(argv[1]) : 20;
    if (argc > 2 || rounds < 1 || rounds > ROUNDS_MAX) {
        (void)fprintf(stderr, "usage: %s [ROUNDS] (1 to %d)\n", program_invocation_short_name, ROUNDS_MAX);
        return 2;
    }
    struct scene *scene = mmap(NULL, sizeof(*scene), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (scene == MAP_FAILED)
        return bench_failed("memory", -errno);
    (void)snprintf(scene->name, sizeof(scene->name), "bench.%ld", (long)getpid());
    int failed = 0;
    for (int round = 0; failed == 0 && round < rounds; round++)
        for (enum heir how = WAITING; failed == 0 && how < HEIRS; how++)
            failed = one_round(scene, how, round);
    return failed != 0 ? failed : report(rounds);
}
