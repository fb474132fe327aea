/* SPDX-License-Identifier: MIT */
#include "common/cli/stop.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "common/cli/options.h"
#include "common/cli/say.h"
#include "common/shmq.h"

#define NS_PER_SECOND INT64_C(1000000000)

volatile atomic_int stop_requested;

static _Atomic int64_t requested_ns; /* when; stored before the flag */

/* The queues whose waits are to be interrupted; an entry is NULL while it is free. W: who has queues_lock. */
static struct shmq *_Atomic queues[SHMQ_SEATS_MAX];
static atomic_size_t queues_end; /* no entry from here on was ever used */
static atomic_uint interrupting; /* callers that may be using an entry's queue */
static pthread_mutex_t queues_lock = PTHREAD_MUTEX_INITIALIZER;
static volatile atomic_int wake_fd = -1;
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

/* Ends all waits. Context: any thread, signal handlers. */
static void wake_all(void)
{
    const int before = errno;
    const uint64_t one = 1;
    atomic_fetch_add(&interrupting, 1);
    for (size_t i = 0; i < queues_end; i++) {
        struct shmq *queue = queues[i];
        if (queue != NULL)
            (void)shmq_interrupt(queue);
    }
    atomic_fetch_sub(&interrupting, 1);
    ssize_t ignored = wake_fd < 0 ? 0 : write(wake_fd, &one, sizeof(one));
    (void)ignored;
    errno = before;
}

static void on_stop(int number)
{
    const int before = stop_requested & ~STOP_BY_PROGRAM;
    if (before == 0) {
        requested_ns = stop_now_ns();
        stop_requested |= number;
        wake_all();
        return;
    }
    if (number == before && stop_now_ns() - requested_ns < STOP_REPEAT_NS)
        return;
    say_live_end_by_signal();
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
    say_live_end_by_signal();
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

void stop_admit(sigset_t *mask)
{
    sigdelset(mask, SIGINT);
    sigdelset(mask, SIGTERM);
    sigdelset(mask, SIGUSR1);
}

int64_t stop_requested_at_ns(void)
{
    return requested_ns;
}

void stop_request(void)
{
    if (stop_requested == 0)
        requested_ns = stop_now_ns();
    stop_requested |= STOP_BY_PROGRAM;
    wake_all();
}

void stop_attach(struct shmq *queue)
{
    size_t i = 0;
    pthread_mutex_lock(&queues_lock);
    while (i < SHMQ_SEATS_MAX - 1 && queues[i] != NULL)
        i++;
    queues[i] = queue;
    if (queues_end <= i)
        queues_end = i + 1;
    pthread_mutex_unlock(&queues_lock);
}

/* Whoever began to interrupt before the entry was cleared may still use the queue; others no longer find it. */
void stop_detach(struct shmq *queue)
{
    pthread_mutex_lock(&queues_lock);
    for (size_t i = 0; i < queues_end; i++) {
        if (queues[i] == queue)
            queues[i] = NULL;
    }
    pthread_mutex_unlock(&queues_lock);
    while (interrupting > 0)
        sched_yield();
}

int stop_prepare_threads(void)
{
    if (wake_fd < 0)
        wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (wake_fd < 0)
        return -errno;
    if (stop_requested != 0) /* the handler may have come before the descriptor */
        wake_all();
    return 0;
}

int stop_start_thread(pthread_t *thread, void *(*run)(void *context), void *context)
{
    sigset_t blocked;
    sigset_t before;
    fill_waking_signals(&blocked);
    pthread_sigmask(SIG_BLOCK, &blocked, &before);
    const int error = pthread_create(thread, NULL, run, context);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return -error;
}

int stop_descriptor(void)
{
    return wake_fd;
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
 * So the signals are blocked during the check, and ppoll unblocks them. A thread that takes no signals is woken
 * through the descriptor.
 */
static int wait_once(int fd, short events, int64_t deadline_ns)
{
    struct pollfd fds[] = {{.fd = fd, .events = events}, {.fd = wake_fd, .events = POLLIN}};
    sigset_t blocked;
    sigset_t before;
    fill_waking_signals(&blocked);
    pthread_sigmask(SIG_BLOCK, &blocked, &before);
    int result = -EINTR;
    if (stop_requested == 0 && !atomic_load(&statistics_wanted)) {
        int64_t left = deadline_ns < 0 ? 0 : deadline_ns - stop_now_ns();
        if (left < 0)
            left = 0;
        struct timespec timeout = {left / NS_PER_SECOND, left % NS_PER_SECOND};
        result = ppoll(fds, 2, deadline_ns < 0 ? NULL : &timeout, &before);
        if (result < 0)
            result = -errno;
        else if (result > 0)
            result = fds[0].revents != 0 ? 1 : -EINTR;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return result;
}

bool stop_sleep_until(int64_t deadline_ns)
{
    for (;;) {
        if (stop_requested != 0 || atomic_load(&statistics_wanted))
            return false;
        if (stop_now_ns() >= deadline_ns)
            return true;
        wait_once(-1, 0, deadline_ns < 0 ? 0 : deadline_ns);
    }
}

int stop_wait_fd(int fd, short events, int64_t deadline_ns)
{
    for (;;) {
        int result = wait_once(fd, events, deadline_ns);
        if (result != -EINTR || stop_requested != 0 || atomic_load(&statistics_wanted))
            return result;
    }
}
