/* SPDX-License-Identifier: MIT */
#include "consumer/sinks/sink.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/cli/say.h"
#include "consumer/batch_input.h"
#include "consumer/deadline.h"
#include "consumer/environment.h"
#include "consumer/execution.h"
#include "consumer/job.h"
#include "consumer/job_report.h"
#include "consumer/program.h"
#include "consumer/start_rate.h"

/* --exec and -- PROGRAM: runs a command for each message, or for each batch. */

/*
 * A batch whose messages are tried one by one, because a command failed for the whole, or a consumer died with it.
 * That counts as an attempt of each message. The queue counts attempts of the oldest message only, so each gets
 * its own when its turn comes.
 */
struct split {
    size_t left;       /* messages; 0: none is split; SIZE_MAX: to the end of what is leased */
    bool restarts;     /* this consumer has run its command for all of them */
    bool advances;     /* the oldest message is done or given up */
    uint32_t attempts; /* of the oldest message */
};

#define STATUS_CANNOT_RUN 126

struct exec_sink {
    struct sink base;
    struct program program;
    struct environment environment;
    struct dead_letters dead_letters;
    struct job_report report;
    struct batch_writer *batch_writer; /* NULL without --batch */
    struct split split;
    struct job job; /* the current message or batch */
};

/* How an attempt ended. */
struct outcome {
    struct attempt_times times;
    struct execution execution;
    enum verdict verdict;
    char why[128]; /* in words */
};

static int set_environment(struct exec_sink *sink)
{
    struct environment *environment = &sink->environment;
    const struct job *job = &sink->job;
    size_t bytes;
    const char *headers = shmq_message_headers(job->message, &bytes);

    environment_reset(environment);
    if (environment_add(environment, "SHMQ_QUEUE=%s", sink->base.options->common.queue) < 0 ||
        environment_add(environment, "SHMQ_ID=%s", job->id) < 0 ||
        environment_add(environment, "SHMQ_ATTEMPT=%llu", (unsigned long long)job->attempts + 1) < 0 ||
        environment_add(environment, "SHMQ_REDELIVERED=%d", job->run_before) < 0 ||
        environment_add(environment, "SHMQ_LANE=%u", job->message->lane) < 0)
        return -ENOMEM;
    if (sink->base.options->batch > 0 && environment_add(environment, "SHMQ_BATCH=%zu", job->count) < 0)
        return -ENOMEM;
    return environment_add_headers(environment, headers, bytes);
}

/* A single message is framed like a batch, too: the command sees no difference. Return: 0; negative errno. */
static int open_input(struct exec_sink *sink)
{
    int input = batch_input_open(sink->batch_writer, sink->job.message, sink->job.count);

    if (input < 0)
        return input;
    sink->program.call.input = input;
    return 0;
}

static void close_input(struct exec_sink *sink)
{
    if (sink->program.call.input > 0)
        close(sink->program.call.input);
    sink->program.call.input = 0;
}

/* Runs the command once. Returns 0 or a negative errno if it was not started. */
static int run_command(struct exec_sink *sink, struct execution *execution)
{
    const struct shmq_message *message = sink->job.message;
    const bool batch = sink->base.options->batch > 0;
    const struct execution_call call = {
        .command = &sink->program.call,
        .slot = sink->base.slot,
        .input = message->data,
        .input_length = batch ? 0 : message->length,
        .timeout_ns = sink->base.options->exec_timeout_ns,
        .grace_ns = sink->base.options->common.shmq.grace_ns,
        .kill_after_ns = sink->base.options->kill_after_ns,
        .totals = sink->base.totals,
        .output = sink->report.output,
    };
    int result = set_environment(sink);

    if (result == 0)
        result = program_prepare(&sink->program, message->data, message->length);
    if (result == 0 && batch)
        result = open_input(sink);
    sink->program.call.environment = sink->environment.entries;
    if (result == 0)
        result = execution_run(execution, &call);
    close_input(sink);
    return result;
}

/* Whether commands may still be started. */
static bool may_start(const struct exec_sink *sink)
{
    return !stop_requested && !totals_failures_reach(sink->base.totals, sink->base.options->max_failures);
}

static void pause_until(struct exec_sink *sink, int64_t deadline)
{
    while (stop_now_ns() < deadline && may_start(sink)) {
        int64_t poll = deadline_after(POLL_NS);

        stop_sleep_until(poll < deadline ? poll : deadline);
        totals_tick(sink->base.totals);
    }
}

/* Waits before the command is started again: for the pause, and then for --rate. */
static enum sink_result pause_for(struct exec_sink *sink, int64_t pause_ns)
{
    struct start_rate *rate = sink->base.rate;
    int64_t due_ns;

    pause_until(sink, deadline_after(pause_ns));
    while (rate && start_rate_is_set(rate) && may_start(sink) && !start_rate_try(rate, &due_ns))
        pause_until(sink, due_ns);
    return may_start(sink) ? SINK_OK : SINK_STOPPED;
}

/* Puts the message aside until it is tried again, or else waits with it: SINK_OK. */
static enum sink_result put_off(struct exec_sink *sink)
{
    int64_t pause_ns = job_next_pause(&sink->job);
    enum sink_result result = job_put_aside(&sink->job);

    return result == SINK_OK ? pause_for(sink, pause_ns) : result;
}

/* Why no command can be given this message. */
static const char *describe_unfit(const struct exec_sink *sink, int error)
{
    if (error == -EILSEQ)
        return "it has a NUL byte and cannot be an argument (leave out {}: it comes on stdin then)";
    if (sink->program.substitutes)
        return "it is too long for an argument (leave out {}: it comes on stdin then)";
    return "the command's arguments and environment are too long";
}

static void judge(struct outcome *outcome)
{
    const struct execution *execution = &outcome->execution;

    outcome->verdict = policy_judge(execution->status, execution->ended_by);
    switch (execution->ended_by) {
    case ENDED_BY_ITSELF:
        command_describe(execution->status, outcome->why, sizeof(outcome->why));
        break;
    case ENDED_BY_TIMEOUT:
        snprintf(outcome->why, sizeof(outcome->why), "ended by --exec-timeout");
        break;
    case ENDED_BY_STOP:
        snprintf(outcome->why, sizeof(outcome->why), "ended after --grace");
        break;
    case ENDED_BY_OUTPUT:
        snprintf(outcome->why, sizeof(outcome->why), "ended because its output was lost");
        break;
    }
}

/* Makes an attempt. Returns 0 or a negative errno if the command could not be started. */
static int attempt(struct exec_sink *sink, struct outcome *outcome)
{
    int result;

    if (sink->report.output)
        command_output_begin(sink->report.output, sink->base.handle, sink->job.message, sink->job.id);
    attempt_times_begin(&outcome->times);
    result = run_command(sink, &outcome->execution);
    attempt_times_end(&outcome->times);
    if (result == -EILSEQ || result == -E2BIG) {
        outcome->execution = (struct execution){.status = STATUS_CANNOT_RUN << 8}; /* the log shows a failure */
        outcome->verdict = VERDICT_FAILED;
        snprintf(outcome->why, sizeof(outcome->why), "%s", describe_unfit(sink, result));
    } else if (result < 0) {
        return result;
    } else {
        judge(outcome);
    }
    sink->job.run_before = true;
    return 0;
}

/* Runs the command once, unless no more is to be started. Returns SINK_OK if the message is done or can be
 * retried. */
static enum sink_result try_once(struct exec_sink *sink, bool *done)
{
    enum sink_result reported;
    struct outcome outcome;
    int result;

    if (!may_start(sink))
        return SINK_STOPPED;
    result = attempt(sink, &outcome);
    if (result < 0) {
        say_error("%s: cannot start the command: %s (the message stays in the queue)", sink->job.command,
                  strerror(-result));
        return SINK_FAILED;
    }
    reported = job_report_attempt(&sink->report, &sink->job, &sink->program, &outcome.execution, &outcome.times);
    return reported == SINK_OK ? job_conclude(&sink->job, outcome.verdict, outcome.why, done) : reported;
}

/* Runs the command for the job until it is done, given up, or split. */
static enum sink_result do_job(struct exec_sink *sink)
{
    enum sink_result result;
    bool done = false;

    if (job_is_spent(&sink->job))
        return job_give_up_unseen(&sink->job);
    for (;;) {
        result = try_once(sink, &done);
        if (result != SINK_OK || done)
            return result;
        result = put_off(sink);
        if (result != SINK_OK)
            return result;
    }
}

/* Pauses before the messages of a batch that failed are tried one by one, as before any second attempt. */
static enum sink_result begin_split(struct exec_sink *sink, size_t count)
{
    sink->split = (struct split){.left = count, .restarts = true, .attempts = sink->job.attempts};
    pause_until(sink, deadline_after(sink->base.options->backoff_min_ns));
    return may_start(sink) ? SINK_SPLIT : SINK_STOPPED;
}

static enum sink_result deliver_split(struct exec_sink *sink, const struct shmq_message *message)
{
    enum sink_result result;

    job_begin_split(&sink->job, message, sink->split.attempts);
    if (sink->split.restarts && pause_for(sink, 0) != SINK_OK) /* for --rate */
        return SINK_STOPPED;
    result = do_job(sink);
    sink->split.advances = result == SINK_OK || result == SINK_MOVED || result == SINK_ASIDE;
    return result;
}

/* A consumer died with the batch, or split it. What of it was tried as a whole is not known. */
static enum sink_result take_over_split(struct exec_sink *sink, const struct shmq_message *messages, size_t count)
{
    sink->split = (struct split){.left = SIZE_MAX, .attempts = messages->attempts};
    sink->job.batch_failure_ns = 0;
    return count > 1 ? SINK_SPLIT : deliver_split(sink, messages);
}

static enum sink_result deliver_batch(struct exec_sink *sink, const struct shmq_message *messages, size_t count)
{
    enum sink_result result;

    if (sink->split.left > 0)
        return count > 1 ? SINK_SPLIT : deliver_split(sink, messages);
    if (messages->attempts > 0 && !sink->base.options->batch_whole)
        return take_over_split(sink, messages, count);
    job_begin(&sink->job, messages, count);
    result = do_job(sink);
    return result == SINK_SPLIT ? begin_split(sink, count) : result;
}

static enum sink_result exec_begin(struct sink *base)
{
    struct exec_sink *sink = (struct exec_sink *)base;

    if (base->options->batch_ids)
        batch_writer_add_ids(sink->batch_writer, base->handle);
    return dead_letters_begin(&sink->dead_letters, base->options, base->totals, base->handle);
}

static enum sink_result exec_deliver(struct sink *base, const struct shmq_message *messages, size_t count,
                                     size_t *done)
{
    struct exec_sink *sink = (struct exec_sink *)base;
    enum sink_result result = SINK_OK;

    *done = 0;
    if (base->options->batch > 0) {
        result = deliver_batch(sink, messages, count);
        *done = result == SINK_OK ? count : 0;
        return result;
    }
    for (; *done < count && result == SINK_OK; *done += result == SINK_OK) {
        job_begin(&sink->job, &messages[*done], 1);
        result = do_job(sink);
    }
    return result;
}

/* The next message of a batch that was split is now the oldest: counts the attempt as part of the batch. */
static void exec_acknowledged(struct sink *base)
{
    struct split *split = &((struct exec_sink *)base)->split;

    if (split->left == 0 || !split->advances)
        return;
    split->advances = false;
    split->left--;
    if (split->left > 0 && shmq_fail(base->handle, &split->attempts) < 0)
        split->left = 0; /* that was the last one leased */
}

static void exec_end(struct sink *base)
{
    dead_letters_end(&((struct exec_sink *)base)->dead_letters);
}

static enum sink_result exec_close(struct sink *base)
{
    struct exec_sink *sink = (struct exec_sink *)base;

    job_report_close(&sink->report);
    environment_free(&sink->environment);
    batch_writer_destroy(sink->batch_writer);
    program_free(&sink->program);
    free(sink);
    return SINK_OK;
}

static const struct sink_operations exec_operations = {
    .begin = exec_begin,
    .deliver = exec_deliver,
    .acknowledged = exec_acknowledged,
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
    if (result == 0 && options->batch > 0) {
        sink->batch_writer = batch_writer_create(-1, &options->framing);
        result = sink->batch_writer ? 0 : -ENOMEM;
    }
    if (result < 0) {
        say_error("--exec: cannot prepare to start commands: %s", strerror(-result));
        if (sink) {
            environment_free(&sink->environment);
            batch_writer_destroy(sink->batch_writer);
            program_free(&sink->program);
        }
        free(sink);
        return NULL;
    }
    sink->base = (struct sink){.operations = &exec_operations, .options = options, .totals = totals};
    sink->job = (struct job){.sink = &sink->base,
                             .dead_letters = &sink->dead_letters,
                             .command = options->program ? options->program[0] : "--exec"};
    if (job_report_open(&sink->report, options))
        return &sink->base;
    exec_close(&sink->base);
    return NULL;
}
