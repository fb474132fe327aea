/* SPDX-License-Identifier: MIT */
#include "consumer/execution.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include "consumer/deadline.h"

/* From SIGTERM to SIGKILL. */
#define KILL_DELAY_NS INT64_C(1000000000)

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

/* Sends SIGTERM at the deadline and SIGKILL KILL_DELAY_NS later. */
static void escalate(struct execution *execution)
{
    if (execution->next_signal == 0 || stop_now_ns() < execution->deadline_ns)
        return;
    execution->timed_out = true;
    command_signal(&execution->command, execution->next_signal);
    execution->next_signal = execution->next_signal == SIGTERM ? SIGKILL : 0;
    execution->deadline_ns = execution->next_signal == 0 ? INT64_MAX : deadline_after(KILL_DELAY_NS);
}

static void feed_until_end(struct execution *execution, struct totals *totals)
{
    bool ended;

    do {
        struct pollfd events[] = {
            {.fd = execution->command.pidfd, .events = POLLIN},
            {.fd = execution->command.input, .events = POLLOUT},
        };

        feed(execution);
        events[1].fd = execution->command.input;
        poll(events, 2, milliseconds_to_wait(execution));
        ended = command_has_ended(&execution->command);
        if (!ended) /* it may have ended in time while this consumer was stopped */
            escalate(execution);
        totals_tick(totals);
    } while (!ended);
}

int execution_run(struct execution *execution, const struct execution_call *call)
{
    int result;

    *execution = (struct execution){.input = call->input, .input_length = call->input_length};
    execution->deadline_ns = call->timeout_ns > 0 ? deadline_after(call->timeout_ns) : INT64_MAX;
    execution->next_signal = call->timeout_ns > 0 ? SIGTERM : 0;
    result = command_start(&execution->command, call->command, call->watch);
    if (result < 0)
        return result;
    /* A write that blocks on a command that does not read would hide the command's end. */
    if (fcntl(execution->command.input, F_SETFL, O_NONBLOCK) < 0)
        command_end_input(&execution->command);
    feed_until_end(execution, call->totals);
    if (execution->timed_out) /* the rest of its group, before the group number can be reused */
        command_signal(&execution->command, SIGKILL);
    execution->status = command_reap(&execution->command);
    process_group_watch_set(call->watch, 0);
    return 0;
}
