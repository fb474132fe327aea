/* SPDX-License-Identifier: MIT */
#include "consumer/command.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/cli/stop.h"

#define STATUS_NOT_STARTED 126
#define STATUS_NOT_FOUND 127
/* Enough for exec to search PATH. */
#define STACK_BYTES ((size_t)64 * 1024)
#define STACK_ALIGNMENT ((size_t)64)

/* What the child needs, and what it leaves for its parent. */
struct birth {
    const struct command_call *call;
    struct process_group_slot *slot;
    pid_t parent;
    int input;
    sigset_t signals;   /* to block in it */
    volatile int error; /* of an exec that failed */
};

struct command_call command_shell(const char *text, const char *words[static COMMAND_SHELL_WORDS])
{
    const char *const shell[COMMAND_SHELL_WORDS] = {"sh", "-c", "--", text, NULL};

    memcpy(words, shell, sizeof(shell));
    /* exec only reads them, so casting away const is safe. */
    return (struct command_call){.file = "/bin/sh", .arguments = (char *const *)(uintptr_t)words};
}

/* As the shells have it. */
static int status_of_error(int error)
{
    return error == ENOENT || error == ENOTDIR || error == ENAMETOOLONG || error == ELOOP ? STATUS_NOT_FOUND
                                                                                          : STATUS_NOT_STARTED;
}

static bool take_input(const struct birth *birth)
{
    int input = birth->input;

    if (birth->call->input > 0)
        input = birth->call->input;
    else if (birth->call->without_input)
        input = open("/dev/null", O_RDONLY | O_CLOEXEC);
    return input >= 0 && dup2(input, STDIN_FILENO) >= 0;
}

static bool take_output(const struct command_call *call)
{
    return (call->output == 0 || dup2(call->output, STDOUT_FILENO) >= 0) &&
           (call->errors == 0 || dup2(call->errors, STDERR_FILENO) >= 0);
}

/*
 * Runs on a stack of its own in the consumer's memory; the consumer is suspended until exec. AddressSanitizer
 * would complain at _exit that it does not know this stack.
 */
__attribute__((no_sanitize_address)) static int become(void *argument)
{
    struct birth *birth = argument;
    const struct command_call *call = birth->call;

    setpgid(0, 0);
    if (birth->slot) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != birth->parent)
            _exit(STATUS_NOT_STARTED);
        process_group_set(birth->slot, getpid());
    }
    if (!take_input(birth) || !take_output(call))
        _exit(STATUS_NOT_STARTED);
    stop_restore_for_child();
    signal(SIGXFSZ, SIG_DFL);
    pthread_sigmask(SIG_SETMASK, &birth->signals, NULL);
    execvpe(call->file, call->arguments, call->environment ? call->environment : environ);
    birth->error = errno;
    _exit(status_of_error(birth->error));
}

/* glibc copies the arguments to the stack when it hands a script without #! to the shell. */
static size_t stack_bytes(char *const *arguments)
{
    size_t count = 0;

    while (arguments[count])
        count++;
    return (STACK_BYTES + count * sizeof(*arguments)) / STACK_ALIGNMENT * STACK_ALIGNMENT;
}

/* ThreadSanitizer takes a child that borrows memory for a thread that it does not know. */
#if defined(__SANITIZE_THREAD__)
#define BORROWS_MEMORY 0
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define BORROWS_MEMORY 0
#endif
#endif
#ifndef BORROWS_MEMORY
#define BORROWS_MEMORY 1
#endif

static pid_t clone_child(struct birth *birth, char *stack_end)
{
    pid_t pid;

    if (BORROWS_MEMORY)
        return clone(become, stack_end, CLONE_VM | CLONE_VFORK | SIGCHLD, birth);
    pid = fork();
    if (pid == 0)
        _exit(become(birth));
    return pid;
}

/*
 * Returns the child's pid or a negative errno. Nothing of the consumer's memory is copied, which with a large
 * queue would cost more than the rest. No handler of the consumer may run in the child, which would change the
 * consumer's variables. Other threads go on meanwhile: the child uses no memory of theirs.
 */
static pid_t give_birth(struct birth *birth)
{
    size_t bytes = stack_bytes(birth->call->arguments);
    char *stack = aligned_alloc(STACK_ALIGNMENT, bytes);
    sigset_t all;
    sigset_t before;
    pid_t pid;

    if (!stack)
        return -ENOMEM;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    birth->signals = before;
    stop_admit(&birth->signals);
    pid = clone_child(birth, stack + bytes);
    if (pid < 0)
        pid = -errno;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    free(stack);
    return pid;
}

int command_start(struct command *command, const struct command_call *call, struct process_group_slot *slot)
{
    struct birth birth = {.call = call, .slot = slot, .parent = getpid(), .input = -1};
    int ends[2] = {-1, -1};

    if (!call->without_input && call->input == 0 && pipe2(ends, O_CLOEXEC) < 0)
        return -errno;
    birth.input = ends[0];
    *command = (struct command){.pid = give_birth(&birth), .pidfd = -1, .input = ends[1]};
    if (ends[0] >= 0)
        close(ends[0]);
    if (command->pid < 0) {
        command_end_input(command);
        return command->pid;
    }
    if (birth.error == E2BIG) {
        command_reap(command);
        if (slot)
            process_group_set(slot, 0);
        return -E2BIG;
    }
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
