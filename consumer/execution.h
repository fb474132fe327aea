/* SPDX-License-Identifier: MIT */
#ifndef CONSUMER_EXECUTION_H
#define CONSUMER_EXECUTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "consumer/command.h"
#include "consumer/command_output.h"
#include "consumer/totals.h"

/*
 * One run of a command: starts it, feeds its stdin, and waits for its end. Ends it at its timeout, and when a
 * grace has passed since this program was told to stop. Reads its output on the way.
 */

struct execution {
    struct command command;
    const unsigned char *input; /* what is not yet written to its stdin */
    size_t input_length;
    int64_t deadline_ns;  /* when to send next_signal */
    int next_signal;      /* 0: none */
    enum ended_by due_to; /* what the deadline is for */
    enum ended_by ended_by;
    int status; /* of waitpid */
};

struct execution_call {
    const struct command_call *command;
    struct process_group_slot *slot; /* as for command_start */
    const void *input;               /* for its stdin */
    size_t input_length;
    int64_t timeout_ns;    /* 0: none */
    int64_t grace_ns;      /* from a request to stop to SIGTERM */
    int64_t kill_after_ns; /* from SIGTERM to SIGKILL */
    struct totals *totals;
    struct command_output *output; /* open; NULL: the command writes to this process's own stdout and stderr */
};

/*
 * Runs a command once.
 *
 * @execution  receives how it ended
 *
 * Return: 0; -E2BIG: the arguments and the environment are too long; another negative errno: it was not started.
 */
int execution_run(struct execution *execution, const struct execution_call *call);

#endif
