/* SPDX-License-Identifier: MIT */
#include "supervisor/signals.h"

#include <string.h>
#include <time.h>

#include "common/cli/stop.h"

#define NS_PER_SECOND INT64_C(1000000000)

static const int handled[] = {SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGTSTP, SIGCONT, SIGCHLD};

enum { HANDLED = sizeof(handled) / sizeof(handled[0]) };

static volatile sig_atomic_t pending[64];
static volatile struct stop_signal stops[2]; /* the first two stop requests */
static sigset_t before_start;

static void on_stop(int number)
{
    volatile struct stop_signal *stop = &stops[stops[0].number != 0];
    stop->number = number;
    stop->at_ns = stop_now_ns();
}

static void on_signal(int number)
{
    pending[number] = 1;
}

static void ignore_nothing(int number)
{
    (void)number;
}

static bool asks_for_end(int number)
{
    return number == SIGINT || number == SIGTERM || number == SIGHUP;
}

void signals_init(void)
{
    sigset_t all;
    sigemptyset(&all);
    for (size_t i = 0; i < HANDLED; i++)
        sigaddset(&all, handled[i]);
    sigprocmask(SIG_BLOCK, &all, &before_start);
    for (size_t i = 0; i < HANDLED; i++) {
        struct sigaction before;
        struct sigaction action = {.sa_handler = asks_for_end(handled[i]) ? on_stop : on_signal};
        action.sa_mask = all;
        sigdelset(&before_start, handled[i]); /* ppoll unblocks them even if they were blocked at the start */
        sigaction(handled[i], NULL, &before);
        if (before.sa_handler == SIG_IGN && handled[i] != SIGTERM && handled[i] != SIGCHLD)
            continue;
        sigaction(handled[i], &action, NULL);
    }
    /* A closed stderr must not end the supervisor. */
    signal(SIGPIPE, SIG_IGN);
    struct sigaction alarm = {
        .sa_handler = ignore_nothing}; /* without SA_RESTART, so that the signal ends a blocking write */
    sigaction(SIGALRM, &alarm, NULL);
    sigemptyset(&all);
    sigaddset(&all, SIGALRM);
    sigprocmask(SIG_UNBLOCK, &all, NULL);
}

int signals_poll(struct pollfd *fds, nfds_t count, int64_t deadline_ns)
{
    int64_t left = deadline_ns < 0 ? 0 : deadline_ns - stop_now_ns();
    if (left < 0)
        left = 0;
    struct timespec timeout = {left / NS_PER_SECOND, left % NS_PER_SECOND};
    return ppoll(fds, count, deadline_ns < 0 ? NULL : &timeout, &before_start);
}

bool signals_take_stop(struct stop_signal *stop)
{
    *stop = stops[0];
    stops[0] = stops[1];
    stops[1].number = 0;
    return stop->number != 0;
}

bool signals_take(int number)
{
    bool was = pending[number] != 0;
    pending[number] = 0;
    return was;
}

void signals_for_child(void)
{
    static const int waiting[] = {SIGINT, SIGTERM, SIGUSR1};
    sigset_t mask = before_start;
    for (size_t i = 0; i < sizeof(waiting) / sizeof(waiting[0]); i++)
        sigaddset(&mask, waiting[i]);
    /* Resets the handlers before any signal is unblocked: they would write to the supervisor's memory. */
    for (size_t i = 0; i < HANDLED; i++) {
        struct sigaction now;
        sigaction(handled[i], NULL, &now);
        if (now.sa_handler != SIG_IGN || handled[i] == SIGINT)
            signal(handled[i], SIG_DFL);
    }
    signal(SIGALRM, SIG_DFL);
    signal(SIGQUIT, SIG_DFL);
    signal(SIGPIPE, SIG_DFL);
    sigprocmask(SIG_SETMASK, &mask, NULL);
}

void signals_suspend(void)
{
    raise(SIGSTOP);
}
