/* SPDX-License-Identifier: MIT */
#include "consumer/command.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/cli/stop.h"

#define STATUS_NOT_STARTED 126
#define STATUS_NOT_FOUND 127

static _Noreturn void become_shell(const char *text, char *const *environment, int input,
                                   const struct process_group_watch *watch, pid_t parent)
{
    setpgid(0, 0);
    if (watch) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent)
            _exit(STATUS_NOT_STARTED);
        process_group_watch_set(watch, getpid());
    }
    if (dup2(input, STDIN_FILENO) < 0)
        _exit(STATUS_NOT_STARTED);
    stop_restore_for_child();
    signal(SIGXFSZ, SIG_DFL);
    execle("/bin/sh", "sh", "-c", "--", text, (char *)NULL, environment ? environment : environ);
    _exit(STATUS_NOT_FOUND);
}

int command_start(struct command *command, const char *text, char *const *environment,
                  const struct process_group_watch *watch)
{
    pid_t parent = getpid();
    int ends[2];
    int error;

    if (pipe2(ends, O_CLOEXEC) < 0)
        return -errno;
    command->pid = fork();
    error = errno;
    if (command->pid == 0)
        become_shell(text, environment, ends[0], watch, parent);
    close(ends[0]);
    if (command->pid < 0) {
        close(ends[1]);
        return -error;
    }
    /* Also in the parent: a signal to the group may be sent before the child has called setpgid. */
    setpgid(command->pid, command->pid);
    command->input = ends[1];
    command->pidfd = (int)syscall(SYS_pidfd_open, command->pid, 0);
    return 0;
}

void command_end_input(struct command *command)
{
    if (command->input >= 0)
        close(command->input);
    command->input = -1;
}

bool command_has_ended(const struct command *command)
{
    siginfo_t info = {0};

    if (waitid(P_PID, (id_t)command->pid, &info, WEXITED | WNOHANG | WNOWAIT) < 0)
        return errno != EINTR;
    return info.si_pid != 0;
}

void command_signal(const struct command *command, int number)
{
    kill(-command->pid, number);
}

int command_reap(struct command *command)
{
    int status = 0;

    command_end_input(command);
    while (waitpid(command->pid, &status, 0) < 0 && errno == EINTR) {
    }
    if (command->pidfd >= 0)
        close(command->pidfd);
    command->pidfd = -1;
    command->pid = -1;
    return status;
}

void command_describe(int status, char *text, size_t size)
{
    if (WIFSIGNALED(status))
        snprintf(text, size, "killed by signal %d (%s)", WTERMSIG(status), strsignal(WTERMSIG(status)));
    else if (WEXITSTATUS(status) == STATUS_NOT_STARTED || WEXITSTATUS(status) == STATUS_NOT_FOUND)
        snprintf(text, size, "exit status %d (a command %s)", WEXITSTATUS(status),
                 WEXITSTATUS(status) == STATUS_NOT_FOUND ? "not found" : "that cannot be executed");
    else
        snprintf(text, size, "exit status %d", WEXITSTATUS(status));
}
