/* SPDX-License-Identifier: MIT */
#include "consumer/sinks/sink.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/cli/open_error.h"
#include "common/cli/say.h"
#include "consumer/command.h"
#include "consumer/deadline.h"

/* --exec: runs a command for each message. */

#define STATUS_DONE 0
#define STATUS_GIVE_UP 65 /* EX_DATAERR */
#define STATUS_DEFER 75   /* EX_TEMPFAIL */
/* From SIGTERM to SIGKILL. */
#define KILL_DELAY_NS INT64_C(1000000000)

enum verdict {
    VERDICT_DONE,
    VERDICT_FAILED,
    VERDICT_DEFERRED,
    VERDICT_GIVE_UP,
};

struct exec_sink {
    struct sink base;
    struct process_group_watch watch;
    char id[SHMQ_ID_SIZE]; /* of the current message */
    uint32_t attempts;     /* failed attempts at it */
    bool run_before;       /* a command may have processed it already */
};

struct run {
    struct command command;
    const unsigned char *input; /* what is not yet written to its stdin */
    size_t input_length;
    int64_t deadline_ns; /* when to send next_signal */
    int next_signal;     /* 0: none */
    bool timed_out;
};

static int set_number(const char *name, uint64_t value)
{
    char text[24];

    snprintf(text, sizeof(text), "%llu", (unsigned long long)value);
    return setenv(name, text, 1);
}

static int set_environment(const struct exec_sink *sink, const struct shmq_message *message)
{
    if (setenv("SHMQ_QUEUE", sink->base.options->common.queue, 1) < 0 || setenv("SHMQ_ID", sink->id, 1) < 0 ||
        set_number("SHMQ_ATTEMPT", (uint64_t)sink->attempts + 1) < 0 ||
        set_number("SHMQ_REDELIVERED", sink->run_before) < 0 || set_number("SHMQ_LANE", message->lane) < 0)
        return -errno;
    return 0;
}

/* Writes as much as the pipe takes. A command may end or close its stdin before it has read everything. */
static void feed(struct run *run)
{
    while (run->command.input >= 0 && run->input_length > 0) {
        ssize_t bytes = write(run->command.input, run->input, run->input_length);

        if (bytes >= 0) {
            run->input += bytes;
            run->input_length -= (size_t)bytes;
        } else if (errno == EAGAIN) {
            return;
        } else if (errno != EINTR) {
            break;
        }
    }
    command_end_input(&run->command);
}

static int milliseconds_to_wait(const struct run *run)
{
    int64_t left = run->deadline_ns - stop_now_ns();
    int longest = run->command.pidfd >= 0 ? POLL_MS : POLL_WITHOUT_PIDFD_MS;

    if (left <= 0)
        return 0;
    left = left / 1000000 + 1;
    return left < longest ? (int)left : longest;
}

/* Sends SIGTERM at the deadline and SIGKILL KILL_DELAY_NS later. */
static void escalate(struct run *run)
{
    if (run->next_signal == 0 || stop_now_ns() < run->deadline_ns)
        return;
    run->timed_out = true;
    command_signal(&run->command, run->next_signal);
    run->next_signal = run->next_signal == SIGTERM ? SIGKILL : 0;
    run->deadline_ns = run->next_signal == 0 ? INT64_MAX : deadline_after(KILL_DELAY_NS);
}

static void feed_until_end(struct exec_sink *sink, struct run *run)
{
    do {
        struct pollfd events[] = {
            {.fd = run->command.pidfd, .events = POLLIN},
            {.fd = run->command.input, .events = POLLOUT},
        };

        feed(run);
        events[1].fd = run->command.input;
        poll(events, 2, milliseconds_to_wait(run));
        escalate(run);
        totals_tick(sink->base.totals);
    } while (!command_has_ended(&run->command));
}

/* Runs the command once. Returns 0 and its wait status, or a negative errno if it could not be started. */
static int run_command(struct exec_sink *sink, const struct shmq_message *message, struct run *run, int *status)
{
    int64_t timeout_ns = sink->base.options->exec_timeout_ns;
    int result = set_environment(sink, message);

    *run = (struct run){.input = message->data, .input_length = message->length};
    run->deadline_ns = timeout_ns > 0 ? deadline_after(timeout_ns) : INT64_MAX;
    run->next_signal = timeout_ns > 0 ? SIGTERM : 0;
    if (result == 0)
        result = command_start(&run->command, sink->base.options->target, &sink->watch);
    if (result < 0)
        return result;
    /* A write that blocks on a command that does not read would hide the command's end. */
    if (fcntl(run->command.input, F_SETFL, O_NONBLOCK) < 0)
        command_end_input(&run->command);
    feed_until_end(sink, run);
    if (run->timed_out)
        command_signal(&run->command, SIGKILL); /* the rest of its group, before the group number can be reused */
    *status = command_reap(&run->command);
    process_group_watch_set(&sink->watch, 0);
    return 0;
}

static enum verdict judge(int status, bool timed_out)
{
    if (timed_out || !WIFEXITED(status))
        return VERDICT_FAILED;
    switch (WEXITSTATUS(status)) {
    case STATUS_DONE:
        return VERDICT_DONE;
    case STATUS_GIVE_UP:
        return VERDICT_GIVE_UP;
    case STATUS_DEFER:
        return VERDICT_DEFERRED;
    default:
        return VERDICT_FAILED;
    }
}

static const char *times(uint32_t number)
{
    return number == 1 ? "time" : "times";
}

static enum sink_result give_up(const struct exec_sink *sink, const char *why)
{
    say_error("--exec: message %s failed %u %s: %s (it stays in the queue, and the consumer stops)", sink->id,
              sink->attempts, times(sink->attempts), why);
    return SINK_FAILED;
}

static enum sink_result pause_for(struct exec_sink *sink, int64_t pause_ns)
{
    int64_t deadline = deadline_after(pause_ns);

    while (stop_now_ns() < deadline && !stop_requested) {
        int64_t poll = deadline_after(POLL_NS);

        stop_sleep_until(poll < deadline ? poll : deadline);
        totals_tick(sink->base.totals);
    }
    return stop_requested ? SINK_STOPPED : SINK_OK;
}

static int64_t longer_pause(const struct consumer_options *options, int64_t pause_ns)
{
    return pause_ns > options->backoff_max_ns / 2 ? options->backoff_max_ns : pause_ns * 2;
}

static void describe(const struct run *run, int status, char *text, size_t size)
{
    if (run->timed_out)
        snprintf(text, size, "ended by --exec-timeout");
    else
        command_describe(status, text, size);
}

/* Runs the command once and counts a failed attempt. Returns SINK_OK if the message is done or can be retried. */
static enum sink_result try_once(struct exec_sink *sink, const struct shmq_message *message, bool *finished)
{
    char why[80];
    struct run run;
    enum verdict verdict;
    int status = 0;
    int result = run_command(sink, message, &run, &status);

    if (result < 0) {
        say_error("--exec: cannot start the command: %s (the message stays in the queue)", strerror(-result));
        return SINK_FAILED;
    }
    sink->run_before = true;
    verdict = judge(status, run.timed_out);
    *finished = verdict == VERDICT_DONE;
    if (verdict == VERDICT_DONE)
        return SINK_OK;
    describe(&run, status, why, sizeof(why));
    if (verdict != VERDICT_DEFERRED) {
        result = shmq_fail(sink->base.handle, &sink->attempts);
        if (result < 0) {
            say_error("queue: cannot count a failed attempt: %s",
                      open_error_text(sink->base.options->common.queue, result));
            return SINK_FAILED;
        }
    }
    if (verdict == VERDICT_GIVE_UP || (verdict == VERDICT_FAILED && sink->attempts > sink->base.options->retries))
        return give_up(sink, why);
    say_status("--exec: message %s: %s: %s", sink->id, verdict == VERDICT_DEFERRED ? "deferred" : "failed", why);
    return SINK_OK;
}

static enum sink_result deliver_one(struct exec_sink *sink, const struct shmq_message *message)
{
    const struct consumer_options *options = sink->base.options;
    int64_t pause_ns = options->backoff_min_ns;
    enum sink_result result;
    bool finished = false;

    shmq_message_id(sink->base.handle, message, sink->id);
    sink->attempts = message->attempts;
    sink->run_before = message->redelivered || message->attempts > 0;
    for (;;) {
        result = try_once(sink, message, &finished);
        if (result != SINK_OK || finished)
            return result;
        result = pause_for(sink, pause_ns);
        if (result != SINK_OK)
            return result;
        pause_ns = longer_pause(options, pause_ns);
    }
}

static enum sink_result exec_deliver(struct sink *base, const struct shmq_message *messages, size_t count,
                                     size_t *done)
{
    for (*done = 0; *done < count; ++*done) {
        enum sink_result result = deliver_one((struct exec_sink *)base, &messages[*done]);

        if (result != SINK_OK)
            return result;
    }
    return SINK_OK;
}

static enum sink_result exec_close(struct sink *base)
{
    struct exec_sink *sink = (struct exec_sink *)base;

    process_group_watch_stop(&sink->watch);
    free(sink);
    return SINK_OK;
}

static const struct sink_operations exec_operations = {
    .deliver = exec_deliver,
    .close = exec_close,
};

struct sink *sink_exec_open(const struct consumer_options *options, struct totals *totals)
{
    struct exec_sink *sink = calloc(1, sizeof(*sink));
    int result = sink ? process_group_watch_start(&sink->watch) : -ENOMEM;

    if (result < 0) {
        say_error("--exec: cannot prepare to start commands: %s", strerror(-result));
        free(sink);
        return NULL;
    }
    sink->base = (struct sink){.operations = &exec_operations, .options = options, .totals = totals};
    return &sink->base;
}
