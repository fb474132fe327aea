/* SPDX-License-Identifier: MIT */
#include "bench/support/children.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bench/support/tools.h"

static sigset_t awaited;
static sigset_t before;

void children_begin(void)
{
    (void)sigemptyset(&awaited);
    (void)sigaddset(&awaited, SIGCHLD);
    (void)sigaddset(&awaited, SIGINT);
    (void)sigaddset(&awaited, SIGTERM);
    (void)sigprocmask(SIG_BLOCK, &awaited, &before);
}

int children_start(struct children *children, int cpu, int (*body)(void *context, unsigned number), void *context)
{
    if (children->count == CHILDREN_MAX)
        return -E2BIG;
    const pid_t parent = getpid();
    const pid_t pid = fork();
    if (pid < 0)
        return -errno;
    if (pid > 0) {
        children->pids[children->count++] = pid;
        return 0;
    }
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    (void)sigprocmask(SIG_SETMASK, &before, NULL);
    if (getppid() != parent)
        _exit(1);
    const int error = cpu < 0 ? 0 : bench_pin(cpu);
    _exit(error != 0 ? bench_failed("pinning to a processor (see --cpus)", error)
                     : body(context, children->count));
}

void children_kill(struct children *children)
{
    for (unsigned i = 0; i < children->count; i++)
        if (children->pids[i] != 0)
            (void)kill(children->pids[i], SIGKILL);
    for (unsigned i = 0; i < children->count; i++)
        if (children->pids[i] != 0)
            (void)waitpid(children->pids[i], NULL, 0);
    children->count = 0;
}

/* Reaps the children that have ended. Returns 0 or an exit status. */
static int collect(struct children *children, unsigned *left)
{
    int failed = 0;
    *left = 0;
    for (unsigned i = 0; i < children->count; i++) {
        int status;
        if (children->pids[i] == 0)
            continue;
        if (waitpid(children->pids[i], &status, WNOHANG) == 0) {
            ++*left;
            continue;
        }
        children->pids[i] = 0;
        if (status != 0 && failed == 0)
            failed = WIFEXITED(status) ? WEXITSTATUS(status) : 1;
        if (WIFSIGNALED(status))
            (void)fprintf(stderr, "%s: a process was ended by signal %d\n", program_invocation_short_name,
                          WTERMSIG(status));
    }
    return failed;
}

/* Returns 0 when the time has passed or a child has ended; otherwise an exit status. */
static int wait_for_signal(int64_t ns)
{
    const struct timespec limit = {.tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000};
    const int signal_number = sigtimedwait(&awaited, NULL, &limit);
    return signal_number == SIGINT || signal_number == SIGTERM ? 128 + signal_number : 0;
}

int children_await(struct children *children, double seconds)
{
    const int64_t end = bench_now_ns() + (int64_t)(seconds * 1e9);
    for (;;) {
        unsigned left;
        int failed = collect(children, &left);
        if (failed == 0 && left == 0)
            return 0;
        const int64_t remaining = end - bench_now_ns();
        if (failed == 0 && remaining <= 0) {
            (void)fprintf(stderr, "%s: not done after %.0f s\n", program_invocation_short_name, seconds);
            failed = 1;
        }
        if (failed == 0)
            failed = wait_for_signal(remaining);
        if (failed != 0) {
            children_kill(children);
            return failed;
        }
    }
}

int children_watch(struct children *children, long ns)
{
    unsigned left;
    int failed = collect(children, &left);
    if (failed == 0 && left < children->count) {
        (void)fprintf(stderr, "%s: a process ended before its time\n", program_invocation_short_name);
        failed = 1;
    }
    return failed != 0 ? failed : wait_for_signal(ns);
}
