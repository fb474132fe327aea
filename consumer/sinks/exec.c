/* SPDX-License-Identifier: MIT */
#include "consumer/sinks/sink.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/cli/open_error.h"
#include "common/cli/say.h"
#include "common/cli/units.h"
#include "consumer/command.h"
#include "consumer/dead_letters.h"
#include "consumer/deadline.h"
#include "consumer/environment.h"
#include "consumer/policy.h"
#include "consumer/program.h"

/* --exec and -- PROGRAM: runs a command for each message. */

#define STATUS_CANNOT_RUN 126
/* From SIGTERM to SIGKILL. */
#define KILL_DELAY_NS INT64_C(1000000000)

struct exec_sink {
    struct sink base;
    struct process_group_watch watch;
    struct program program;
    const char *name; /* of the command in messages */
    struct environment environment;
    struct dead_letters dead_letters;
    char id[SHMQ_ID_SIZE];    /* of the current message */
    uint32_t attempts;        /* failed attempts at it */
    bool run_before;          /* a command may have processed it already */
    int64_t first_failure_ns; /* known to this consumer, since 1970; 0: none */
    int64_t last_failure_ns;
};

struct run {
    struct command command;
    const unsigned char *input; /* what is not yet written to its stdin */
    size_t input_length;
    int64_t deadline_ns; /* when to send next_signal */
    int next_signal;     /* 0: none */
    bool timed_out;
    int unfit; /* why no command can be given this message, a negative errno; 0: one was */
};

static int set_environment(struct exec_sink *sink, const struct shmq_message *message)
{
    struct environment *environment = &sink->environment;
    size_t bytes;
    const char *headers = shmq_message_headers(message, &bytes);

    environment_reset(environment);
    if (environment_add(environment, "SHMQ_QUEUE=%s", sink->base.options->common.queue) < 0 ||
        environment_add(environment, "SHMQ_ID=%s", sink->id) < 0 ||
        environment_add(environment, "SHMQ_ATTEMPT=%llu", (unsigned long long)sink->attempts + 1) < 0 ||
        environment_add(environment, "SHMQ_REDELIVERED=%d", sink->run_before) < 0 ||
        environment_add(environment, "SHMQ_LANE=%u", message->lane) < 0)
        return -ENOMEM;
    return environment_add_headers(environment, headers, bytes);
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
    bool ended;

    do {
        struct pollfd events[] = {
            {.fd = run->command.pidfd, .events = POLLIN},
            {.fd = run->command.input, .events = POLLOUT},
        };

        feed(run);
        events[1].fd = run->command.input;
        poll(events, 2, milliseconds_to_wait(run));
        ended = command_has_ended(&run->command);
        if (!ended) /* it may have ended in time while this consumer was stopped */
            escalate(run);
        totals_tick(sink->base.totals);
    } while (!ended);
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
        result = program_prepare(&sink->program, message->data, message->length);
    sink->program.call.environment = sink->environment.entries;
    if (result == 0)
        result = command_start(&run->command, &sink->program.call, &sink->watch);
    run->unfit = result == -EILSEQ || result == -E2BIG ? result : 0;
    *status = STATUS_CANNOT_RUN << 8;
    if (result < 0)
        return run->unfit ? 0 : result;
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

static void record_failure(struct exec_sink *sink)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    sink->last_failure_ns = now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
    if (sink->first_failure_ns == 0)
        sink->first_failure_ns = sink->last_failure_ns;
}

/*
 * Uses up the attempts that are left: if this consumer dies during the move, whoever gets the message completes
 * the move and does not run the command again.
 */
static int use_up_attempts(const struct exec_sink *sink)
{
    uint32_t attempts = sink->attempts;
    int result = 0;

    while (result == 0 && !policy_is_spent(attempts, sink->base.options->retries))
        result = shmq_fail(sink->base.handle, &attempts);
    return result;
}

static enum sink_result fail_to_count(const struct exec_sink *sink, int error)
{
    say_error("queue: cannot count a failed attempt: %s",
              open_error_text(sink->base.options->common.queue, error));
    return SINK_FAILED;
}

static enum sink_result give_up(struct exec_sink *sink, const struct shmq_message *message, const char *why)
{
    const struct consumer_options *options = sink->base.options;
    const struct history history = {
        .id = sink->id,
        .queue = options->common.queue,
        .reason = why,
        .attempts = sink->attempts,
        .first_ns = sink->first_failure_ns,
        .last_ns = sink->last_failure_ns,
    };
    enum sink_result result;
    int error;

    if (!dead_letters_are_kept(&sink->dead_letters)) {
        say_error("%s: message %s failed %u time%s: %s (it stays in the queue, and the consumer stops)",
                  sink->name, sink->id, sink->attempts, units_plural(sink->attempts), why);
        return SINK_FAILED;
    }
    error = use_up_attempts(sink);
    if (error < 0)
        return fail_to_count(sink, error);
    result = dead_letters_move(&sink->dead_letters, message, &history);
    if (result == SINK_MOVED)
        say_status("%s: message %s failed %u time%s: %s (moved to queue '%s')", sink->name, sink->id,
                   sink->attempts, units_plural(sink->attempts), why, options->dead_letter);
    return result;
}

/* The consumers of all its attempts died, or were stopped before they could give it up. */
static enum sink_result give_up_unseen(struct exec_sink *sink, const struct shmq_message *message)
{
    static const char why[] = "its consumer died or was stopped";

    record_failure(sink);
    if (dead_letters_are_kept(&sink->dead_letters))
        return give_up(sink, message, why);
    say_error("%s: message %s has failed %u time%s: %s (it stays in the queue, and the consumer stops; a larger "
              "--retries runs it again)",
              sink->name, sink->id, sink->attempts, units_plural(sink->attempts), why);
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

static void describe(const struct exec_sink *sink, const struct run *run, int status, char *text, size_t size)
{
    if (run->unfit == -EILSEQ)
        snprintf(text, size, "it has a NUL byte and cannot be an argument (leave out {}: it comes on stdin then)");
    else if (run->unfit && sink->program.substitutes)
        snprintf(text, size, "it is too long for an argument (leave out {}: it comes on stdin then)");
    else if (run->unfit)
        snprintf(text, size, "the command's arguments and environment are too long");
    else if (run->timed_out)
        snprintf(text, size, "ended by --exec-timeout");
    else
        command_describe(status, text, size);
}

/* Counts the attempt if it failed, and decides what becomes of the message. */
static enum sink_result conclude(struct exec_sink *sink, const struct shmq_message *message, enum verdict verdict,
                                 const char *why, bool *finished)
{
    const bool deferred = verdict == VERDICT_DEFERRED;
    enum decision decision;
    int result = 0;

    if (verdict != VERDICT_DONE && !deferred) {
        record_failure(sink);
        result = shmq_fail(sink->base.handle, &sink->attempts);
    }
    if (result < 0)
        return fail_to_count(sink, result);
    decision = policy_decide(verdict, sink->attempts, sink->base.options->retries);
    *finished = decision == DECISION_ACKNOWLEDGE;
    if (decision == DECISION_GIVE_UP)
        return give_up(sink, message, why);
    if (decision == DECISION_RETRY)
        say_status("%s: message %s: %s: %s", sink->name, sink->id, deferred ? "deferred" : "failed", why);
    return SINK_OK;
}

/* Runs the command once. Returns SINK_OK if the message is done or can be retried. */
static enum sink_result try_once(struct exec_sink *sink, const struct shmq_message *message, bool *finished)
{
    char why[128];
    struct run run;
    int status = 0;
    int result = run_command(sink, message, &run, &status);

    if (result < 0) {
        say_error("%s: cannot start the command: %s (the message stays in the queue)", sink->name,
                  strerror(-result));
        return SINK_FAILED;
    }
    sink->run_before = true;
    describe(sink, &run, status, why, sizeof(why));
    return conclude(sink, message, policy_judge(status, run.timed_out), why, finished);
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
    sink->first_failure_ns = 0;
    if (policy_is_spent(sink->attempts, options->retries))
        return give_up_unseen(sink, message);
    for (;;) {
        result = try_once(sink, message, &finished);
        if (result != SINK_OK || finished)
            return result;
        result = pause_for(sink, pause_ns);
        if (result != SINK_OK)
            return result;
        pause_ns = policy_longer_pause(pause_ns, options->backoff_max_ns);
    }
}

static enum sink_result exec_begin(struct sink *base)
{
    struct exec_sink *sink = (struct exec_sink *)base;

    return dead_letters_begin(&sink->dead_letters, base->options, base->totals, base->handle);
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

static void exec_end(struct sink *base)
{
    dead_letters_end(&((struct exec_sink *)base)->dead_letters);
}

static enum sink_result exec_close(struct sink *base)
{
    struct exec_sink *sink = (struct exec_sink *)base;

    process_group_watch_stop(&sink->watch);
    environment_free(&sink->environment);
    program_free(&sink->program);
    free(sink);
    return SINK_OK;
}

static const struct sink_operations exec_operations = {
    .begin = exec_begin,
    .deliver = exec_deliver,
    .end = exec_end,
    .close = exec_close,
};

static int init_program(struct program *program, const struct consumer_options *options)
{
    if (options->program)
        return program_of_words(program, options->program);
    if (options->direct)
        return program_of_text(program, options->target);
    program_of_shell(program, options->target);
    return 0;
}

struct sink *sink_exec_open(const struct consumer_options *options, struct totals *totals)
{
    struct exec_sink *sink = calloc(1, sizeof(*sink));
    int result = sink ? init_program(&sink->program, options) : -ENOMEM;

    if (result == 0)
        result = environment_init(&sink->environment);
    if (result == 0)
        result = process_group_watch_start(&sink->watch);
    if (result < 0) {
        say_error("--exec: cannot prepare to start commands: %s", strerror(-result));
        if (sink) {
            environment_free(&sink->environment);
            program_free(&sink->program);
        }
        free(sink);
        return NULL;
    }
    sink->name = options->program ? options->program[0] : "--exec";
    sink->base = (struct sink){.operations = &exec_operations, .options = options, .totals = totals};
    return &sink->base;
}
