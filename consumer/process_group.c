/* SPDX-License-Identifier: MIT */
#include "consumer/process_group.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
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

static void kill_groups(const struct process_group_watch *watch)
{
    for (uint32_t i = 0; i < watch->count; i++) {
        pid_t group = (pid_t)atomic_load(&watch->slots[i].group);

        if (group > 0)
            kill(-group, SIGKILL);
    }
}

static _Noreturn void run_watcher(int fd, const struct process_group_watch *watch)
{
    ssize_t got;
    char byte;

    ignore_signals();
    setpgid(0, 0);
    prctl(PR_SET_NAME, "consumer-watch");
    keep_only(fd);
    do {
        got = read(0, &byte, 1);
    } while (got > 0 || (got < 0 && errno == EINTR));
    kill_groups(watch);
    _exit(0);
}

static void forget(struct process_group_watch *watch)
{
    if (watch->slots)
        munmap(watch->slots, watch->count * sizeof(*watch->slots));
    if (watch->fd >= 0)
        close(watch->fd);
    *watch = (struct process_group_watch){.pid = -1, .fd = -1};
}

static int share_slots(struct process_group_watch *watch, uint32_t count)
{
    void *memory =
        mmap(NULL, count * sizeof(*watch->slots), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    if (memory == MAP_FAILED)
        return -errno;
    watch->slots = memory;
    watch->count = count;
    return 0;
}

int process_group_watch_start(struct process_group_watch *watch, uint32_t count)
{
    int ends[2] = {-1, -1};
    int error;

    *watch = (struct process_group_watch){.pid = -1, .fd = -1};
    error = share_slots(watch, count);
    if (error == 0 && pipe2(ends, O_CLOEXEC) < 0)
        error = -errno;
    if (error < 0) {
        forget(watch);
        return error;
    }
    watch->fd = ends[1];
    watch->pid = fork();
    error = -errno;
    if (watch->pid == 0) {
        close(ends[1]);
        run_watcher(ends[0], watch);
    }
    close(ends[0]);
    if (watch->pid > 0)
        return 0;
    forget(watch);
    return error;
}

void process_group_set(struct process_group_slot *slot, pid_t group)
{
    atomic_store(&slot->group, group);
}

void process_group_watch_stop(struct process_group_watch *watch)
{
    pid_t pid = watch->pid;

    if (pid < 0)
        return;
    forget(watch);
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR) {
    }
}
