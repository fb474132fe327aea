/* SPDX-License-Identifier: MIT */
#include "consumer/process_group.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static void ignore_signals(void)
{
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGTSTP};

    for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
        signal(signals[i], SIG_IGN);
}

/* Closes all descriptors but the pipe: a reader of the consumer's stdout may be waiting for end-of-file. */
static void keep_only(int fd)
{
    if (fd != 0)
        dup2(fd, 0);
    if (close_range(1, ~0U, 0) == 0)
        return;
    for (int other = 1; other < 1024; other++)
        close(other);
}

static _Noreturn void run_watcher(int fd)
{
    pid_t group = 0;
    pid_t received;
    ssize_t got;

    ignore_signals();
    setpgid(0, 0);
    prctl(PR_SET_NAME, "consumer-watch");
    keep_only(fd);
    while ((got = read(0, &received, sizeof(received))) != 0) {
        if (got == (ssize_t)sizeof(received))
            group = received;
        else if (got < 0 && errno != EINTR)
            break;
    }
    if (group > 0)
        kill(-group, SIGKILL);
    _exit(0);
}

int process_group_watch_start(struct process_group_watch *watch)
{
    int ends[2];

    watch->pid = -1;
    watch->fd = -1;
    if (pipe2(ends, O_CLOEXEC) < 0)
        return -errno;
    watch->pid = fork();
    if (watch->pid == 0) {
        close(ends[1]);
        run_watcher(ends[0]);
    }
    close(ends[0]);
    if (watch->pid < 0) {
        int error = errno;

        close(ends[1]);
        return -error;
    }
    watch->fd = ends[1];
    return 0;
}

void process_group_watch_set(const struct process_group_watch *watch, pid_t group)
{
    ssize_t written;

    /* If the watcher is gone, the parent-death signal still reaches the shell. */
    do {
        written = write(watch->fd, &group, sizeof(group));
    } while (written < 0 && errno == EINTR);
}

void process_group_watch_stop(struct process_group_watch *watch)
{
    if (watch->pid < 0)
        return;
    close(watch->fd);
    while (waitpid(watch->pid, NULL, 0) < 0 && errno == EINTR) {
    }
    watch->pid = -1;
    watch->fd = -1;
}
