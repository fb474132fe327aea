/* SPDX-License-Identifier: MIT */
#ifndef SUPERVISOR_CHILD_H
#define SUPERVISOR_CHILD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/cli/options.h"
#include "supervisor/arguments.h"
#include "supervisor/label.h"
#include "supervisor/relay.h"

/* states.c has the table of transitions. */
enum child_state {
    CHILD_STARTING,    /* to be started as soon as possible */
    CHILD_RUNNING,     /* not yet told to end */
    CHILD_STOPPING,    /* told to end */
    CHILD_BACKING_OFF, /* ended; to be restarted at .due_ns */
    CHILD_DONE,
    CHILD_FAILED, /* will not be restarted */
    CHILD_STATES,
};

/* How a process ended. */
struct child_end {
    int status;   /* exit status as a shell reports it: 128 + signal number if a signal killed it */
    bool killed;  /* a signal killed it */
    bool halted;  /* a consumer gave up --max-failures messages */
    bool lasting; /* it reported that a restart would fail again */
};

/* Restarts and failures of a child; restart_policy.c uses it. */
struct child_history {
    int64_t *restarts_ns; /* times of the restarts in the last minute that count */
    size_t restarts;
    size_t room;
    int failure; /* status of its last failure, not counting signals; 0: none */
    char failure_text[64];
    uint64_t done_before; /* messages that all children of its role had done at that failure */
    bool done_known;
    unsigned fruitless;      /* consecutive such failures without progress */
    unsigned deaths_at_work; /* consecutive deaths with a message, while no message was done */
    uint64_t done_at_death;  /* messages done, without those that were given up, at the last of them */
};

struct child {
    enum role role;
    unsigned number;
    char name[NAME_BYTES];
    enum child_state state;
    pid_t pid;      /* 0: no process */
    pid_t last_pid; /* of the current or last process */
    int pidfd;      /* -1: no process, or the kernel has no pidfds */
    int64_t due_ns;
    struct child_end end; /* of its last process */
    struct relay_source *stderr_source;
    struct relay_source *previous_stderr; /* of its last process, if other processes still hold the pipe open */
    struct child_history history;
    bool unread;       /* a producer that stopped before the end of its input */
    char progress[48]; /* how far that producer came, for the summary */
};

/* Parameters of a new process. */
struct child_start {
    const struct arguments *command;
    bool with_stdin; /* false: stdin is /dev/null */
    int stderr_fd;
    pid_t supervisor;
    uint64_t descriptors; /* soft limit of open files; 0: the supervisor's */
};

/* Whether it has done all that it could: some of it may have ended as dead letters, which the summary counts. */
static inline bool child_succeeded(const struct child *child)
{
    return child->end.status == EXIT_DONE ||
           (child->role == ROLE_CONSUMER && child->end.status == EXIT_DEAD_LETTERS);
}

/*
 * Starts the process in a process group of its own, so that Ctrl-C in the terminal reaches only the supervisor.
 * The process dies with the supervisor. Returns 0 or a negative errno.
 */
int child_spawn(struct child *child, const struct child_start *start);
/*
 * Sends a signal to the process; SIGKILL, SIGSTOP and SIGCONT go to its whole group. Does nothing if it has ended.
 */
void child_signal(const struct child *child, int number);
/* Forgets the process; call it once the process has been reaped. */
void child_forget(struct child *child);
/* Writes how the process ended to @text, such as "consumer.2 (pid 17) was killed by SIGKILL, status 137". */
void child_describe_end(const struct child *child, char *text, size_t size);

#endif
