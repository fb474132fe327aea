/* SPDX-License-Identifier: MIT */
#include "supervisor/bus_guard.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>

static sigjmp_buf before_call;
static volatile sig_atomic_t guarded;

static void on_bus_error(int number, siginfo_t *info, void *context)
{
    (void)context;
    if (info->si_code > 0 && guarded)
        siglongjmp(before_call, 1);
    signal(number, SIG_DFL);
    raise(number);
}

void bus_guard_init(void)
{
    struct sigaction action = {.sa_sigaction = on_bus_error, .sa_flags = SA_SIGINFO};
    sigaction(SIGBUS, &action, NULL);
}

int bus_guard_call(int (*call)(void *context), void *context)
{
    if (sigsetjmp(before_call, 1) != 0) {
        guarded = 0;
        return -EBADMSG;
    }
    guarded = 1;
    int result = call(context);
    guarded = 0;
    return result;
}
