/* SPDX-License-Identifier: MIT */
#include "monitor/top/terminal.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "common/cli/stop.h"

enum { RESTORING_BYTES = 256, PATIENCE_S = 2 };

#define REPEAT_NS INT64_C(100000000) /* timeout(1) sends the same signal to the process and to its group */

static const int ending[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM};
static const int crashes[] = {SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL};
static const int harmless[] = {SIGCHLD, SIGCONT, SIGURG, SIGWINCH, SIGTSTP, SIGTTIN, SIGTTOU}; /* by default */

static int wake_fd = -1;
static volatile sig_atomic_t end_signal;
static int64_t end_ns; /* W: the handler of the first such signal, before end_signal */
static volatile sig_atomic_t resized;
static volatile sig_atomic_t suspend;
static volatile sig_atomic_t continued;

static struct termios before;
static char restoring[RESTORING_BYTES];
static size_t restoring_bytes;
static volatile sig_atomic_t changed;

static int64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

/* Only what a handler may call. A terminal that takes no output now (^S) gets none. */
static void restore(void)
{
    struct pollfd output = {.fd = STDOUT_FILENO, .events = POLLOUT};
    if (!changed)
        return;
    changed = 0;
    if (poll(&output, 1, 0) == 1 && (output.revents & POLLOUT) != 0) {
        ssize_t ignored = write(STDOUT_FILENO, restoring, restoring_bytes);
        (void)ignored;
    }
    (void)tcsetattr(STDIN_FILENO, TCSANOW, &before);
}

static void wake(void)
{
    const uint64_t one = 1;
    ssize_t ignored = write(wake_fd, &one, sizeof(one));
    (void)ignored;
}

/* Pending until the handler returns, as the signal is blocked in it. */
static void die_after_return(int number)
{
    signal(number, SIG_DFL);
    raise(number);
}

static void on_crash(int number, siginfo_t *info, void *context)
{
    (void)info;
    (void)context;
    restore();
    die_after_return(number);
}

static void on_end(int number)
{
    const int saved = errno;
    if (end_signal == 0) {
        end_ns = now_ns();
        end_signal = number;
        alarm(PATIENCE_S);
        wake();
    } else if (number != end_signal || now_ns() - end_ns >= REPEAT_NS) {
        restore();
        die_after_return(number);
    }
    errno = saved;
}

/* The end took too long: the terminal may be stuck. Or somebody else has sent it. */
static void on_alarm(int number)
{
    restore();
    die_after_return(end_signal != 0 ? end_signal : number);
}

static void on_note(int number)
{
    const int saved = errno;
    if (number == SIGWINCH)
        resized = 1;
    else if (number == SIGTSTP)
        suspend = 1;
    else
        continued = 1;
    wake();
    errno = saved;
}

/* @spare: leave a signal ignored that is ignored, as a shell or nohup may have wanted. */
static void handle(int number, void (*handler)(int), bool spare)
{
    struct sigaction action;
    memset(&action, 0, sizeof(action));
    sigaction(number, NULL, &action);
    if (spare && action.sa_handler == SIG_IGN)
        return;
    action = (struct sigaction){.sa_handler = handler};
    sigemptyset(&action.sa_mask);
    sigaction(number, &action, NULL);
}

static bool is_among(int number, const int *numbers, size_t count)
{
    size_t i = 0;
    while (i < count && numbers[i] != number)
        i++;
    return i < count;
}

/* Whatever would kill, also signals that nobody is likely to send, puts the terminal back before. */
static void handle_killing(void)
{
    const struct sigaction crash = {.sa_sigaction = on_crash, .sa_flags = SA_SIGINFO};
    for (int number = 1; number <= SIGRTMAX; number++) {
        struct sigaction now = {.sa_handler = SIG_IGN};
        const bool crashing = is_among(number, crashes, sizeof(crashes) / sizeof(crashes[0]));
        if (is_among(number, harmless, sizeof(harmless) / sizeof(harmless[0])) ||
            sigaction(number, NULL, &now) != 0)
            continue;
        if (crashing || ((now.sa_flags & SA_SIGINFO) == 0 && now.sa_handler == SIG_DFL))
            (void)sigaction(number, &crash, NULL); /* fails for SIGKILL and SIGSTOP */
    }
}

static void admit(void)
{
    sigset_t signals;
    sigemptyset(&signals);
    for (size_t i = 0; i < sizeof(ending) / sizeof(ending[0]); i++)
        sigaddset(&signals, ending[i]);
    sigaddset(&signals, SIGWINCH);
    sigaddset(&signals, SIGTSTP);
    sigaddset(&signals, SIGCONT);
    sigaddset(&signals, SIGALRM);
    sigprocmask(SIG_UNBLOCK, &signals, NULL);
}

int terminal_init(void)
{
    if (tcgetattr(STDIN_FILENO, &before) != 0)
        return -errno;
    wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (wake_fd < 0)
        return -errno;
    for (size_t i = 0; i < sizeof(ending) / sizeof(ending[0]); i++)
        handle(ending[i], on_end, true);
    handle_killing();
    handle(SIGALRM, on_alarm, false);
    handle(SIGWINCH, on_note, false);
    handle(SIGTSTP, on_note, true);
    handle(SIGCONT, on_note, false);
    admit();
    /* One that came since the program's start, when it still had the handlers of all programs. */
    if (stop_was_signalled())
        on_end(stop_requested & ~STOP_BY_PROGRAM);
    return wake_fd;
}

void terminal_is_changed(const char *text, size_t bytes)
{
    if (bytes > 0 && bytes <= sizeof(restoring)) {
        memcpy(restoring, text, bytes);
        restoring_bytes = bytes;
    }
    changed = 1;
}

void terminal_is_restored(void)
{
    changed = 0;
    alarm(0);
}

void terminal_take(struct terminal_signals *signals)
{
    uint64_t ignored;
    ssize_t bytes = read(wake_fd, &ignored, sizeof(ignored));
    (void)bytes;
    signals->end = end_signal;
    signals->resized = resized != 0;
    resized = 0;
    signals->suspend = suspend != 0;
    suspend = 0;
    signals->continued = continued != 0;
    continued = 0;
}

void terminal_stop(void)
{
    signal(SIGTSTP, SIG_DFL);
    raise(SIGTSTP);
    handle(SIGTSTP, on_note, false);
}

void terminal_die(int number)
{
    signal(number, SIG_DFL);
    raise(number);
}

bool terminal_is_lost(void)
{
    int bytes = 0;
    struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
    if (poll(&input, 1, 0) < 1)
        return false;
    return (input.revents & (POLLERR | POLLHUP | POLLNVAL)) != 0 || ioctl(STDIN_FILENO, FIONREAD, &bytes) != 0 ||
           bytes == 0;
}
