/* SPDX-License-Identifier: MIT */
#include "supervisor/child.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/cli/options.h"
#include "supervisor/signals.h"

enum { STACK_BYTES = 65536 };

static void limit_descriptors(uint64_t soft)
{
    struct rlimit limit;
    if (soft == 0 || getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    limit.rlim_cur = soft;
    setrlimit(RLIMIT_NOFILE, &limit);
}

/*
 * Ctrl-C in the terminal must reach only the supervisor, so each child gets a process group of its own. A session
 * of its own would do that too, but the scheduler groups tasks by session (autogroup), and processes of different
 * sessions that work together take two or three times as long. Only a child that reads the terminal gets a
 * session, because it would otherwise be stopped as a background job.
 */
static void leave_group(const struct child_start *start)
{
    if (start->with_stdin && isatty(STDIN_FILENO) != 0)
        setsid();
    else
        setpgid(0, 0);
    /* Access to the terminal from the background now fails, instead of stopping the child. */
    signal(SIGTTIN, SIG_IGN);
    signal(SIGTTOU, SIG_IGN);
}

/* Runs on a stack of its own in the supervisor's memory; the supervisor is suspended until execv. */
static int exec_child(void *argument)
{
    const struct child_start *start = argument;
    char *const *words = start->command->words;
    leave_group(start);
    /* If the supervisor died before this call, nothing kills the child, so it has to end by itself. */
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != start->supervisor)
        _exit(EXIT_CANNOT_RUN);
    if (!start->with_stdin) {
        int null = open("/dev/null", O_RDONLY);
        if (null > 0) {
            dup2(null, STDIN_FILENO);
            close(null);
        }
    }
    dup2(start->stderr_fd, STDERR_FILENO);
    limit_descriptors(start->descriptors);
    signals_for_child();
    execv(words[0], words);
    int error = errno;
    dprintf(STDERR_FILENO, "%s: cannot be run: %s\n", words[0], strerrordesc_np(error));
    _exit(error == ENOENT ? EXIT_NOT_FOUND : EXIT_CANNOT_RUN);
}

int child_spawn(struct child *child, const struct child_start *start)
{
    static _Alignas(16) char stack[STACK_BYTES];
    struct child_start its = *start;
    /*
     * CLONE_VM copies nothing, and CLONE_VFORK waits for the exec, so that many children do not all start before
     * the first has something to do. The library's fork handler does not run, but exec closes what it would close.
     */
    int pid = clone(exec_child, stack + sizeof(stack), CLONE_VM | CLONE_VFORK | CLONE_PIDFD | SIGCHLD, &its,
                    &child->pidfd);
    if (pid < 0 && errno == EINVAL) { /* the kernel has no pidfds; SIGCHLD reports the end of the child */
        child->pidfd = -1;
        pid = clone(exec_child, stack + sizeof(stack), CLONE_VM | CLONE_VFORK | SIGCHLD, &its);
    }
    if (pid < 0)
        return -errno;
    child->pid = child->last_pid = pid;
    setpgid(pid, pid); /* the child does the same; either may come first */
    return 0;
}

void child_signal(const struct child *child, int number)
{
    if (child->pid == 0)
        return;
    /* The group includes the processes that the child has started, unless they have groups of their own. */
    if (number == SIGKILL || number == SIGSTOP || number == SIGCONT)
        kill(-child->pid, number);
    if (child->pidfd < 0 || syscall(SYS_pidfd_send_signal, child->pidfd, number, NULL, 0) != 0)
        kill(child->pid, number);
}

void child_forget(struct child *child)
{
    if (child->pidfd >= 0)
        close(child->pidfd);
    child->pidfd = -1;
    child->pid = 0;
}

void child_describe_end(const struct child *child, char *text, size_t size)
{
    const char *name = child->end.killed ? sigabbrev_np(child->end.status - 128) : NULL;
    if (child->end.killed)
        snprintf(text, size, "%s (pid %d) was killed by SIG%s, status %d", child->name, (int)child->last_pid,
                 name != NULL ? name : "?", child->end.status);
    else
        snprintf(text, size, "%s (pid %d) failed with status %d", child->name, (int)child->last_pid,
                 child->end.status);
}
