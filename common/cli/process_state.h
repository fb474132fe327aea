/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_CLI_PROCESS_STATE_H
#define SHMQ_CLI_PROCESS_STATE_H

#include <sys/types.h>

/* What the kernel says of a process of this host. It is for display only, never for a decision. */
enum process_state {
    PROCESS_UNKNOWN, /* it cannot be told: the pid means another process here, or /proc does not show it */
    PROCESS_RUNS,    /* it runs, or sleeps in a system call */
    PROCESS_STOPPED, /* by SIGSTOP or another stopping signal */
    PROCESS_TRACED,  /* a tracer, such as a debugger, has stopped it */
    PROCESS_GONE,    /* there is no such process here, or only its exit status is left of it */
};

/*
 * Reads /proc/PID/stat.
 *
 * @program  the name that it recorded. It has to match the name that the kernel knows, because the pid may mean
 *           another process here: in another pid namespace, or after it was used anew.
 */
enum process_state process_state_of(pid_t pid, const char *program);

#endif
