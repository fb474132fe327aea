/* SPDX-License-Identifier: MIT */
#include "tests/support/traced.h"

#include <check.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#define NOT_PERMITTED 96

static int nothing(void *context)
{
    (void)context;
    return 0;
}

static void run_child(int (*run)(void *context), void *context)
{
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0)
        _exit(NOT_PERMITTED);
    (void)kill(getpid(), SIGSTOP);
    _exit(run(context));
}

/* Return: false if it ended. */
static bool wait_for_stop(struct traced *traced)
{
    ck_assert_int_eq(waitpid(traced->pid, &traced->status, 0), traced->pid);
    if (WIFSTOPPED(traced->status))
        return true;
    traced->pid = 0;
    return false;
}

/* On to the next stop of a system call; other signals are passed on. Return: false if it ended. */
static bool next_stop(struct traced *traced)
{
    int signal = 0;
    for (;;) {
        ck_assert_int_eq(ptrace(PTRACE_SYSCALL, traced->pid, NULL, signal), 0);
        if (!wait_for_stop(traced))
            return false;
        if (WSTOPSIG(traced->status) == (SIGTRAP | 0x80))
            return true;
        signal = WSTOPSIG(traced->status);
    }
}

static void fork_traced(struct traced *traced, int (*run)(void *context), void *context)
{
    (void)fflush(NULL);
    traced->pid = fork();
    ck_assert_msg(traced->pid >= 0, "fork: %s", strerror(errno));
    if (traced->pid == 0)
        run_child(run, context);
}

bool traced_start(struct traced *traced, int (*run)(void *context), void *context, unsigned stop)
{
    fork_traced(traced, run, context);
    ck_assert(wait_for_stop(traced));
    ck_assert_int_eq(ptrace(PTRACE_SETOPTIONS, traced->pid, NULL, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL), 0);
    /* The first stop is the exit of the kill that stopped it. */
    for (unsigned i = 0; i <= stop; i++)
        if (!next_stop(traced))
            return false;
    return true;
}

bool traced_possible(void)
{
    struct traced traced;
    fork_traced(&traced, nothing, NULL);
    if (!wait_for_stop(&traced))
        return false;
    traced_kill(&traced);
    return true;
}

void traced_kill(struct traced *traced)
{
    ck_assert_int_eq(kill(traced->pid, SIGKILL), 0);
    while (wait_for_stop(traced))
        ;
    ck_assert(WIFSIGNALED(traced->status) && WTERMSIG(traced->status) == SIGKILL);
}

void traced_let_go(struct traced *traced)
{
    ck_assert_int_eq(ptrace(PTRACE_DETACH, traced->pid, NULL, 0), 0);
}

int traced_collect(struct traced *traced)
{
    if (traced->pid != 0)
        ck_assert_int_eq(waitpid(traced->pid, &traced->status, 0), traced->pid);
    traced->pid = 0;
    ck_assert_msg(WIFEXITED(traced->status), "the traced process ended by signal %d", WTERMSIG(traced->status));
    return WEXITSTATUS(traced->status);
}
