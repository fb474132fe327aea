/* SPDX-License-Identifier: MIT */
#ifndef SUPERVISOR_SUPERVISOR_H
#define SUPERVISOR_SUPERVISOR_H

#include "supervisor/child.h"
#include "supervisor/command.h"
#include "supervisor/options.h"
#include "supervisor/queue.h"
#include "supervisor/relay.h"
#include "supervisor/signals.h"

enum phase {
    PHASE_WORKING,
    PHASE_DRAINING,    /* producers were told to end, consumers drain */
    PHASE_TERMINATING, /* all were told to end */
    PHASE_KILLING,
};

struct supervisor {
    const struct options *options;
    struct programs programs;
    struct queue queue;
    struct relay relay;
    struct child *children; /* producers first */
    size_t count;
    uint64_t descriptors; /* soft limit that children get; 0: ours */
    pid_t pid;

    enum phase phase;
    int64_t now_ns;
    int64_t started_ns;
    struct stop_signal stop; /* that asked for the end; .number 0: none has */
    int64_t deadline_ns;     /* when the next, harsher step is due */
    int64_t next_check_ns;   /* when to look next whether the queue is drained; 0: not now */
    int64_t map_ns;          /* when to look next which lanes producers have; 0: not again */
    bool consumers_told;     /* to end, as there is nothing left for them */
    bool suspended;          /* by SIGTSTP, and the children with it */
    bool idle_expired;       /* a consumer waited for its --idle, and nothing had come */
    int cut_short;           /* the second signal */
    int failure;             /* status of the first failure for good */
    char failure_text[160];
    uint64_t restarts;
};

/* The first failure is the one that counts. */
void supervisor_fail(struct supervisor *supervisor, int status, const char *text);
/* Whether a producer runs, or will be started again. */
bool supervisor_has_producers(const struct supervisor *supervisor);
/* Whether a consumer still has something to do. */
bool supervisor_has_work(struct supervisor *supervisor);
/* Whether any child runs, or will. */
bool supervisor_is_busy(const struct supervisor *supervisor);

#endif
