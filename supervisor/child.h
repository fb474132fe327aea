/* SPDX-License-Identifier: MIT */
#ifndef SUPERVISOR_CHILD_H
#define SUPERVISOR_CHILD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "supervisor/arguments.h"
#include "supervisor/label.h"
#include "supervisor/relay.h"

/* What becomes of a child is in states.c. */
enum child_state {
    CHILD_STARTING,    /* is to be started as soon as may be */
    CHILD_RUNNING,     /* has not been told to end */
    CHILD_STOPPING,    /* has */
    CHILD_BACKING_OFF, /* has ended, and is to be started again at .due_ns */
    CHILD_DONE,
    CHILD_FAILED, /* for good */
    CHILD_STATES,
};

/* How a process ended. */
struct child_end {
    int status;   /* as a shell has it: 128 + the signal's number */
    bool killed;  /* by a signal */
    bool lasting; /* it failed and says that it would fail again */
};

/* What the failures of a child have been like: see restart_policy.h. */
struct child_history {
    int64_t *restarts_ns; /* when, in the last minute */
    size_t restarts;
    size_t room;
    int failure; /* status of its last failure that was no signal's; 0: none */
    char failure_text[64];
    uint64_t done_before; /* how much all had done when it last failed so */
    bool done_known;
    unsigned fruitless; /* how often it has failed so since more was done */
};

struct child {
    enum role role;
    unsigned number;
    char name[NAME_BYTES];
    enum child_state state;
    pid_t pid;      /* of the process; 0: none */
    pid_t last_pid; /* likewise, also after its end */
    int pidfd;      /* -1: none, or the kernel has none */
    int64_t due_ns;
    struct child_end end; /* of its last process */
    struct relay_source *stderr_source;
    struct relay_source *previous_stderr; /* of its last process, where somebody else holds the pipe */
    struct child_history history;
    bool unread; /* stopped before the end of its input */
    char progress[48];
};

/* What a new process is to begin with. */
struct child_start {
    const struct arguments *command;
    bool with_stdin; /* else it gets /dev/null */
    int stderr_fd;
    pid_t supervisor;
    uint64_t descriptors; /* its soft limit; 0: ours */
};

/*
 * Starts the process, in a process group of its own: a Ctrl-C in the terminal is for the supervisor alone. It dies
 * with the supervisor. Return: 0; negative errno.
 */
int child_spawn(struct child *child, const struct child_start *start);
/* Sends a signal to the process, and with SIGKILL, SIGSTOP and SIGCONT to its whole group; does nothing if it has
 * ended. */
void child_signal(const struct child *child, int number);
/* The process has been reaped. */
void child_forget(struct child *child);
/* "consumer.2 (pid 17) was killed by SIGKILL, status 137" */
void child_describe_end(const struct child *child, char *text, size_t size);

#endif
