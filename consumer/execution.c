/* SPDX-License-Identifier: MIT */
#include "consumer/execution.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include "consumer/deadline.h"
#include "consumer/group_members.h"

#define GROUP_POLL_NS 5000000 /* between two looks at a process group whose leader has ended */

/* Writes as much as the pipe takes. A command may end or close its stdin before it has read everything. */
static void feed(struct execution *execution)
{
    while (execution->command.input >= 0 && execution->input_length > 0) {
        ssize_t bytes = write(execution->command.input, execution->input, execution->input_length);

        if (bytes >= 0) {
            execution->input += bytes;
            execution->input_length -= (size_t)bytes;
        } else if (errno == EAGAIN) {
            return;
        } else if (errno != EINTR) {
            break;
        }
    }
    command_end_input(&execution->command);
}

static int milliseconds_to_wait(const struct execution *execution)
{
    int64_t left = execution->deadline_ns - stop_now_ns();
    int longest = execution->command.pidfd >= 0 ? POLL_MS : POLL_WITHOUT_PIDFD_MS;

    if (left <= 0)
        return 0;
    left = left / 1000000 + 1;
    return left < longest ? (int)left : longest;
}

/*
 * A signal that requests a stop leaves the command the grace, unless it is being ended already or its timeout is
 * earlier. When the consumer ends for another reason, its commands take as long as they need.
 */
static void heed_stop(struct execution *execution, int64_t grace_ns)
{
    int64_t deadline_ns;

    if (!stop_was_signalled() || execution->ended_by != ENDED_BY_ITSELF || execution->due_to == ENDED_BY_STOP)
        return;
    deadline_ns = time_after(stop_requested_at_ns(), grace_ns);
    if (execution->deadline_ns <= deadline_ns)
        return;
    execution->deadline_ns = deadline_ns;
    execution->next_signal = SIGTERM;
    execution->due_to = ENDED_BY_STOP;
}

/* Sends SIGTERM at the deadline, and SIGKILL later. */
static void escalate(struct execution *execution, int64_t kill_after_ns)
{
    if (execution->next_signal == 0 || stop_now_ns() < execution->deadline_ns)
        return;
    execution->ended_by = execution->due_to;
    command_signal(&execution->command, execution->next_signal);
    execution->next_signal = execution->next_signal == SIGTERM ? SIGKILL : 0;
    execution->deadline_ns = execution->next_signal == 0 ? INT64_MAX : deadline_after(kill_after_ns);
}

/* There is no use in a command whose output goes nowhere: its message will be executed again. */
static void heed_output(struct execution *execution, const struct command_output *output)
{
    if (!output->is_broken || execution->ended_by != ENDED_BY_ITSELF)
        return;
    execution->deadline_ns = stop_now_ns();
    execution->next_signal = SIGTERM;
    execution->due_to = ENDED_BY_OUTPUT;
}

/* Sleeps until the command has ended, takes more input or has printed something, or until the next deadline. */
static void wait_for_event(struct execution *execution, struct command_output *output)
{
    enum { OWN = 3 };
    struct pollfd events[OWN + COMMAND_STREAMS] = {
        {.fd = execution->command.pidfd, .events = POLLIN},
        {.fd = execution->command.input, .events = POLLOUT},
        {.fd = stop_requested ? -1 : stop_descriptor(), .events = POLLIN},
    };

    if (!output) {
        poll(events, OWN, milliseconds_to_wait(execution));
        return;
    }
    command_output_poll(output, events + OWN);
    if (poll(events, OWN + COMMAND_STREAMS, milliseconds_to_wait(execution)) > 0)
        command_output_read(output, events + OWN);
    heed_output(execution, output);
}

static void feed_until_end(struct execution *execution, const struct execution_call *call)
{
    bool ended;

    do {
        feed(execution);
        heed_stop(execution, call->grace_ns);
        wait_for_event(execution, call->output);
        ended = command_has_ended(&execution->command);
        if (!ended) /* it may have ended in time while this consumer was stopped */
            escalate(execution, call->kill_after_ns);
        totals_tick(call->totals);
    } while (!ended);
}

/*
 * Ends the rest of its process group, before the group's number can be reused. A shell ends at SIGTERM at once;
 * what it has started has as long as a command without a shell.
 */
static void end_group(const struct execution *execution, struct totals *totals)
{
    const struct timespec pause = {.tv_nsec = GROUP_POLL_NS};

    while (execution->next_signal == SIGKILL && stop_now_ns() < execution->deadline_ns &&
           group_has_members(execution->command.pid)) {
        nanosleep(&pause, NULL);
        totals_tick(totals);
    }
    command_signal(&execution->command, SIGKILL);
}

static int start(struct execution *execution, const struct execution_call *call)
{
    struct command_call command = *call->command;
    int result;

    if (call->output) {
        result = command_output_open(call->output);
        if (result < 0)
            return result;
        command.output = call->output->streams[0].pipe[1];
        command.errors = call->output->streams[1].pipe[1];
    }
    result = command_start(&execution->command, &command, call->slot);
    if (call->output)
        command_output_started(call->output);
    if (call->output && result < 0)
        command_output_close(call->output);
    return result;
}

int execution_run(struct execution *execution, const struct execution_call *call)
{
    int result;

    *execution = (struct execution){.input = call->input, .input_length = call->input_length};
    execution->deadline_ns = call->timeout_ns > 0 ? deadline_after(call->timeout_ns) : INT64_MAX;
    execution->next_signal = call->timeout_ns > 0 ? SIGTERM : 0;
    execution->due_to = call->timeout_ns > 0 ? ENDED_BY_TIMEOUT : ENDED_BY_ITSELF;
    result = start(execution, call);
    if (result < 0)
        return result;
    /* A write that blocks on a command that does not read would hide the command's end. */
    if (fcntl(execution->command.input, F_SETFL, O_NONBLOCK) < 0)
        command_end_input(&execution->command);
    feed_until_end(execution, call);
    if (execution->ended_by != ENDED_BY_ITSELF)
        end_group(execution, call->totals);
    if (call->output)
        command_output_close(call->output);
    execution->status = command_reap(&execution->command);
    if (call->slot)
        process_group_set(call->slot, 0);
    return 0;
}
