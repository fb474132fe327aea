/* SPDX-License-Identifier: MIT */
#include "common/cli/stop.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/cli/options.h"
#include "common/cli/say.h"
#include "common/shmq.h"

#define NS_PER_SECOND INT64_C(1000000000)

volatile int stop_requested;

static _Atomic int64_t requested_ns; /* when; stored before the flag */

static struct shmq *volatile queue_in_use; /* like the flag, stored and loaded in one piece */
static atomic_bool statistics_wanted;
static char bus_message[384];
static size_t bus_message_length;

static const int handled[] = {SIGINT, SIGTERM, SIGUSR1, SIGPIPE, SIGXFSZ, SIGBUS};

enum { HANDLED = sizeof(handled) / sizeof(handled[0]) };

/* The actions that were set at program start; child processes get them back. */
static struct sigaction before_start[HANDLED];

static void fill_waking_signals(sigset_t *set)
{
    sigemptyset(set);
    sigaddset(set, SIGINT);
    sigaddset(set, SIGTERM);
    sigaddset(set, SIGUSR1);
}

static void on_stop(int number)
{
    if (stop_requested == 0) {
        atomic_store(&requested_ns, stop_now_ns());
        stop_requested = number;
        (void)shmq_interrupt(queue_in_use); /* without a queue this only returns an error */
        return;
    }
    if (number == stop_requested && stop_now_ns() - atomic_load(&requested_ns) < STOP_REPEAT_NS)
        return;
    /* The signal is delivered, and kills the process, as soon as this handler returns. */
    signal(number, SIG_DFL);
    raise(number);
}

static void on_statistics(int number)
{
    (void)number;
    atomic_store(&statistics_wanted, true);
}

static void on_bus_error(int number, siginfo_t *info, void *context)
{
    (void)context;
    if (info->si_code <= 0) { /* sent by a process */
        signal(number, SIG_DFL);
        raise(number);
        return;
    }
    ssize_t ignored = write(STDERR_FILENO, bus_message, bus_message_length);
    (void)ignored;
    _exit(EXIT_QUEUE);
}

static void prepare_bus_message(void)
{
    int length = snprintf(bus_message, sizeof(bus_message),
                          "%s: the queue's memory is gone: somebody truncated it, or /dev/shm ran out "
                          "(look with '%smonitor check', then remove the queue)\n",
                          say_program(), say_prefix());
    bus_message_length = length < 0                              ? 0
                         : (size_t)length >= sizeof(bus_message) ? sizeof(bus_message) - 1
                                                                 : (size_t)length;
}

static void handle(int number, void (*handler)(int))
{
    struct sigaction action;
    memset(&action, 0, sizeof(action));
    fill_waking_signals(&action.sa_mask);
    action.sa_handler = handler;
    sigaction(number, &action, NULL);
}

static void handle_bus_error(void)
{
    struct sigaction action;
    prepare_bus_message();
    memset(&action, 0, sizeof(action));
    action.sa_sigaction = on_bus_error;
    action.sa_flags = SA_SIGINFO;
    sigaction(SIGBUS, &action, NULL);
}

static void unblock_waking_signals(void)
{
    sigset_t signals;
    fill_waking_signals(&signals);
    sigprocmask(SIG_UNBLOCK, &signals, NULL);
}

void stop_init(void)
{
    for (size_t i = 0; i < HANDLED; i++) {
        int number = handled[i];
        sigaction(number, NULL, &before_start[i]);
        bool ignored = before_start[i].sa_handler == SIG_IGN;
        if (number == SIGBUS)
            handle_bus_error();
        else if (number == SIGPIPE || number == SIGXFSZ)
            handle(number, SIG_IGN);
        else if (number == SIGTERM || (number == SIGINT && !ignored))
            handle(number, on_stop);
        else if (number == SIGUSR1 && !ignored)
            handle(number, on_statistics);
        /* In a background job SIGINT is ignored at the start: it stays ignored, and only SIGTERM stops the job. */
    }
    unblock_waking_signals();
}

void stop_restore_for_child(void)
{
    for (size_t i = 0; i < HANDLED; i++) {
        bool ignored = before_start[i].sa_handler == SIG_IGN && handled[i] != SIGPIPE;
        signal(handled[i], ignored ? SIG_IGN : SIG_DFL);
    }
}

int64_t stop_requested_at_ns(void)
{
    return atomic_load(&requested_ns);
}

void stop_interrupts(struct shmq *queue)
{
    queue_in_use = queue;
}

bool stop_statistics_wanted(void)
{
    /* Without the plain load, every batch would pay for a locked exchange. */
    return atomic_load(&statistics_wanted) && atomic_exchange(&statistics_wanted, false);
}

int64_t stop_now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * NS_PER_SECOND + now.tv_nsec;
}

/*
 * Checking the flags and going to sleep must be one step: otherwise a signal in between would be slept through.
 * So the signals are blocked during the check, and ppoll unblocks them.
 */
static int wait_once(struct pollfd *fds, nfds_t count, int64_t deadline_ns)
{
    sigset_t blocked;
    sigset_t before;
    fill_waking_signals(&blocked);
    sigprocmask(SIG_BLOCK, &blocked, &before);
    int result = -EINTR;
    if (stop_requested == 0 && !atomic_load(&statistics_wanted)) {
        int64_t left = deadline_ns < 0 ? 0 : deadline_ns - stop_now_ns();
        if (left < 0)
            left = 0;
        struct timespec timeout = {left / NS_PER_SECOND, left % NS_PER_SECOND};
        result = ppoll(fds, count, deadline_ns < 0 ? NULL : &timeout, &before);
        if (result < 0)
            result = -errno;
    }
    sigprocmask(SIG_SETMASK, &before, NULL);
    return result;
}

bool stop_sleep_until(int64_t deadline_ns)
{
    for (;;) {
        if (stop_requested != 0 || atomic_load(&statistics_wanted))
            return false;
        if (stop_now_ns() >= deadline_ns)
            return true;
        wait_once(NULL, 0, deadline_ns < 0 ? 0 : deadline_ns);
    }
}

int stop_wait_fd(int fd, short events, int64_t deadline_ns)
{
    struct pollfd wanted = {.fd = fd, .events = events};
    for (;;) {
        int result = wait_once(&wanted, 1, deadline_ns);
        if (result != -EINTR || stop_requested != 0 || atomic_load(&statistics_wanted))
            return result;
    }
}
