/* SPDX-License-Identifier: MIT */
#ifndef SUPERVISOR_SUPERVISOR_H
#define SUPERVISOR_SUPERVISOR_H

#include "supervisor/child.h"
#include "supervisor/command.h"
#include "supervisor/dead_letters.h"
#include "supervisor/options.h"
#include "supervisor/queue.h"
#include "supervisor/relay.h"
#include "supervisor/signals.h"

enum phase {
    PHASE_WORKING,
    PHASE_DRAINING,    /* producers are told to end, consumers drain the queue */
    PHASE_TERMINATING, /* all children are told to end */
    PHASE_KILLING,
};

struct supervisor {
    const struct options *options;
    struct programs programs;
    struct queue queue;
    struct dead_letters dead_letters;
    struct relay relay;
    struct child *children; /* producers first */
    size_t count;
    uint64_t descriptors; /* soft limit of open files for children; 0: the supervisor's */
    pid_t pid;

    enum phase phase;
    int64_t now_ns;
    int64_t started_ns;
    struct stop_signal stop; /* the first stop request; .number 0: none */
    int64_t deadline_ns;     /* when the next step is due: EVENT_TERMINATE or EVENT_KILL */
    int64_t next_check_ns;   /* when to check next whether the queue is drained; 0: no check is due */
    int64_t map_ns;          /* when to check next which lanes the producers have; 0: never again */
    bool consumers_told; /* consumers were told to end: the queue is drained, or no more commands are started */
    bool suspended;      /* by SIGTSTP, together with the children */
    bool idle_expired;   /* a consumer ended because no message arrived within --idle */
    bool halted;         /* a consumer gave up --max-failures messages, and more are left */
    bool gave_up;        /* a consumer moved messages to the dead-letter queue */
    int cut_short;       /* number of the second signal; 0: none */
    int failure;         /* exit status of the first child that failed for good; 0: none */
    char failure_text[160];
    uint64_t restarts;
    uint64_t deaths_explained; /* deaths of consumers that are taken for the last attempt of a dead letter */
};

/* Sets the failure; only the first one counts. */
void supervisor_fail(struct supervisor *supervisor, int status, const char *text);
/* Whether a producer is running or will be started. */
bool supervisor_has_producers(const struct supervisor *supervisor);
/* Whether messages are left or may still be put. */
bool supervisor_has_work(struct supervisor *supervisor);
/* Whether no more commands are started: what is left stays in the queue. */
static inline bool supervisor_ends_commands(const struct supervisor *supervisor)
{
    return supervisor->halted || (supervisor->stop.number != 0 && options_run_commands(supervisor->options));
}
/* Whether any child is running or will be started. */
bool supervisor_is_busy(const struct supervisor *supervisor);

#endif
