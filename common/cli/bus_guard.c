/* SPDX-License-Identifier: MIT */
#include "common/cli/bus_guard.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>

/* Of this thread: SIGBUS is delivered to the thread that touched the memory. */
static _Thread_local sigjmp_buf before_call;
static _Thread_local volatile sig_atomic_t guarded;
static struct sigaction beneath;

static void pass_on(int number, siginfo_t *info, void *context)
{
    if ((beneath.sa_flags & SA_SIGINFO) != 0) {
        beneath.sa_sigaction(number, info, context);
        return;
    }
    signal(number, SIG_DFL);
    raise(number);
}

static void on_bus_error(int number, siginfo_t *info, void *context)
{
    if (info->si_code > 0 && guarded)
        siglongjmp(before_call, 1);
    pass_on(number, info, context);
}

void bus_guard_init(void)
{
    struct sigaction action = {.sa_sigaction = on_bus_error, .sa_flags = SA_SIGINFO};
    struct sigaction before;
    sigaction(SIGBUS, &action, &before);
    if ((before.sa_flags & SA_SIGINFO) == 0 || before.sa_sigaction != on_bus_error)
        beneath = before;
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
