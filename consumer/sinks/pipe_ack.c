/* SPDX-License-Identifier: MIT */
#include "consumer/sinks/sink.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cli/say.h"
#include "common/cli/units.h"
#include "common/cli/wait_notice.h"
#include "consumer/answers.h"
#include "consumer/deadline.h"
#include "consumer/environment.h"
#include "consumer/feed.h"
#include "consumer/in_flight.h"
#include "consumer/job.h"
#include "consumer/responder.h"
#include "consumer/start_rate.h"

/* --pipe COMMAND --pipe-ack: one command that reads all messages and answers each. */

/* How long a command that has closed its stdin or stdout may take to exit, so that its status can be reported. */
#define EXIT_WAIT_NS INT64_C(1000000000)

/* Why the command is being ended. */
enum ending {
    ENDING_NOT,
    ENDING_CLOSED,  /* its stdin or stdout */
    ENDING_TIMEOUT, /* no answer within --exec-timeout */
    ENDING_STOP,    /* no answer within --grace */
};

struct pipe_ack_sink {
    struct sink base;
    struct environment environment;
    struct dead_letters dead_letters;

    /* The batch. */
    const struct shmq_message *messages;
    struct in_flight flight;
    struct job job; /* the oldest message held, once it has failed */
    bool job_begun;
    int64_t retry_ns; /* when the oldest message held is given again; 0: it does not wait */

    /* The command. */
    struct responder responder;
    struct feed feed;
    struct answers answers;
    enum ending ending;
    bool answered;      /* anything since it was started */
    bool input_broken;  /* it has closed its stdin */
    uint64_t not_taken; /* bytes of messages that it had not read by then */
    bool failed_idle;   /* it ended with an error when everything was answered, and was not started again */
    char failure[80];   /* that error */
    bool finishing;     /* it is given no more messages */
    int64_t since_ns;   /* when the oldest message that is out became that */
    int64_t start_ns;   /* not to be started again before that */
    int64_t start_pause_ns;
    struct wait_notice notice;
};

/* ------------------------------------------------------------------ the oldest messages held */

static void settle(struct pipe_ack_sink *sink, size_t count)
{
    in_flight_settle(&sink->flight, count);
    sink->job_begun = false;
    sink->retry_ns = 0;
}

static enum sink_result acknowledge(struct pipe_ack_sink *sink, size_t count)
{
    if (shmq_acknowledge(sink->base.handle, count) < 0)
        return SINK_DAMAGED;
    totals_add(sink->base.totals, sink->messages + sink->flight.oldest, count);
    settle(sink, count);
    return SINK_OK;
}

static void begin_job(struct pipe_ack_sink *sink)
{
    if (sink->job_begun)
        return;
    job_begin(&sink->job, &sink->messages[sink->flight.oldest], 1);
    sink->job_begun = true;
}

/* The oldest message held has failed. */
static enum sink_result conclude(struct pipe_ack_sink *sink, const struct slot *slot)
{
    enum sink_result result;
    int64_t pause_ns;
    bool done = false;

    begin_job(sink);
    result = job_conclude(&sink->job, slot->verdict, slot->why, &done);
    if (result == SINK_MOVED) {
        settle(sink, 1);
        return SINK_OK;
    }
    if (result != SINK_OK)
        return result;
    pause_ns = job_next_pause(&sink->job);
    if (job_put_aside(&sink->job) == SINK_ASIDE) { /* it was the only one held */
        settle(sink, 1);
        return SINK_OK;
    }
    in_flight_repeat(&sink->flight);
    sink->retry_ns = deadline_after(pause_ns);
    return SINK_OK;
}

static enum sink_result settle_judged(struct pipe_ack_sink *sink)
{
    enum sink_result result = SINK_OK;

    while (result == SINK_OK) {
        size_t done = in_flight_done(&sink->flight);
        const struct slot *slot = in_flight_verdict(&sink->flight);

        if (done > 0)
            result = acknowledge(sink, done);
        else if (slot)
            result = conclude(sink, slot);
        else
            return SINK_OK;
    }
    return result;
}

/* ------------------------------------------------------------------ giving messages to the command */

/* Whether no more messages are given to the command. */
static bool is_stopping(const struct pipe_ack_sink *sink)
{
    return stop_requested || totals_failures_reach(sink->base.totals, sink->base.options->max_failures);
}

/* A message that has failed may have been moved. */
static const struct shmq_message *message_at(const struct pipe_ack_sink *sink, size_t index)
{
    return sink->job_begun && index == sink->flight.oldest ? sink->job.message : &sink->messages[index];
}

/* While the oldest message held waits for its retry, no other is given: its answer could not be acknowledged. */
static bool may_give(struct pipe_ack_sink *sink, size_t *index)
{
    if (is_stopping(sink) || !in_flight_peek(&sink->flight, index))
        return false;
    return sink->retry_ns == 0 || (*index == sink->flight.oldest && stop_now_ns() >= sink->retry_ns);
}

/* Whether --rate allows a retry; if not, it waits on. What is given for the first time was leased in its turn. */
static bool may_retry(struct pipe_ack_sink *sink)
{
    struct start_rate *rate = sink->base.rate;

    return sink->retry_ns == 0 || !rate || !start_rate_is_set(rate) || start_rate_try(rate, &sink->retry_ns);
}

static void compose(struct pipe_ack_sink *sink)
{
    size_t index;

    while (may_give(sink, &index) && may_retry(sink)) {
        const struct shmq_message *message = message_at(sink, index);
        const char *objection = feed_objection(&sink->feed, message);

        if (objection) {
            in_flight_refuse(&sink->flight, objection);
            continue;
        }
        if (!feed_add(&sink->feed, message))
            return;
        in_flight_take(&sink->flight);
        if (sink->flight.out == 1)
            sink->since_ns = stop_now_ns();
        if (index == sink->flight.oldest)
            sink->retry_ns = 0;
    }
}

/* Writes what the pipe takes. After a stop request, only what has been begun: half a message might be taken for
 * one.
 */
static void give(struct pipe_ack_sink *sink)
{
    int result = 0;
    size_t sent;

    while (result == 0 && sink->responder.command.input >= 0) {
        compose(sink);
        if (feed_is_empty(&sink->feed))
            break;
        result = feed_write(&sink->feed, sink->responder.command.input, &sent);
        in_flight_sent(&sink->flight, sent);
    }
    if (result < 0 && result != -EAGAIN) {
        sink->input_broken = true;
        sink->not_taken = responder_unread(&sink->responder) + feed_unwritten(&sink->feed);
        feed_reset(&sink->feed);
        command_end_input(&sink->responder.command);
    }
    if (is_stopping(sink) && feed_is_empty(&sink->feed))
        command_end_input(&sink->responder.command);
}

/* ------------------------------------------------------------------ its answers */

static enum sink_result refuse(const struct pipe_ack_sink *sink, const char *what, const char *text)
{
    size_t left = sink->flight.count - sink->flight.oldest - in_flight_done(&sink->flight);

    char stays[80] = "";

    if (left > 0)
        snprintf(stays, sizeof(stays), "; %zu message%s without an answer stay%s in the queue", left,
                 units_plural(left), left == 1 ? "s" : "");
    say_error(
        "--pipe-ack: the command %s: '%s' (it has to answer each message with one line: ok, retry or dead%s)",
        what, text, stays);
    return SINK_FAILED;
}

static enum sink_result judge(struct pipe_ack_sink *sink, const struct answer *answer)
{
    enum verdict verdict = VERDICT_DONE;
    const char *why = answer->text;

    switch (answer->kind) {
    case ANSWER_UNKNOWN:
        return refuse(sink, "gave an unknown answer", answer->text);
    case ANSWER_ENDLESS:
        return refuse(sink, "gave an answer without an end", answer->text);
    case ANSWER_RETRY:
        verdict = VERDICT_FAILED;
        why = *why ? why : "it was answered with retry";
        break;
    case ANSWER_DEAD:
        verdict = VERDICT_REJECTED;
        why = *why ? why : "it was answered with dead";
        break;
    case ANSWER_OK:
    case ANSWER_NONE:
        break;
    }
    if (!in_flight_judge(&sink->flight, verdict, why))
        return refuse(sink, "answered more often than it was given messages",
                      answer->kind == ANSWER_OK      ? "ok"
                      : answer->kind == ANSWER_RETRY ? "retry"
                                                     : "dead");
    return SINK_OK;
}

static enum sink_result take_answers(struct pipe_ack_sink *sink)
{
    enum sink_result result = SINK_OK;
    bool some = false;

    while (result == SINK_OK) {
        struct answer answer = answers_next(&sink->answers);

        if (answer.kind == ANSWER_NONE)
            break;
        result = judge(sink, &answer);
        some = true;
    }
    if (some) {
        sink->answered = true;
        sink->start_pause_ns = sink->base.options->backoff_min_ns;
        sink->since_ns = stop_now_ns();
        wait_notice_end(&sink->notice);
    }
    return result;
}

/* @to_the_end: reads until there is nothing more, because the command has ended. */
static enum sink_result read_answers(struct pipe_ack_sink *sink, bool to_the_end)
{
    enum sink_result result = SINK_OK;
    ssize_t bytes;
    size_t room;

    do {
        char *to = answers_room(&sink->answers, &room);

        bytes = responder_read(&sink->responder, to, room);
        if (bytes > 0)
            answers_add(&sink->answers, (size_t)bytes);
        else if (bytes != -EAGAIN || to_the_end)
            answers_end(&sink->answers);
        result = take_answers(sink);
    } while (result == SINK_OK && bytes > 0 && (to_the_end || (size_t)bytes == room));
    return result;
}

/* ------------------------------------------------------------------ the command's life */

static enum sink_result start(struct pipe_ack_sink *sink)
{
    const char *words[COMMAND_SHELL_WORDS];
    struct command_call call = command_shell(sink->base.options->target, words);
    int result;

    call.environment = sink->environment.entries;
    result = responder_start(&sink->responder, call, sink->base.slot);
    if (result < 0) {
        say_error("--pipe-ack: cannot start the command: %s (messages without an answer stay in the queue)",
                  strerror(-result));
        return SINK_FAILED;
    }
    answers_reset(&sink->answers);
    feed_reset(&sink->feed);
    sink->ending = ENDING_NOT;
    sink->answered = false;
    sink->input_broken = false;
    sink->failed_idle = false;
    sink->not_taken = 0;
    return SINK_OK;
}

static void end_because(struct pipe_ack_sink *sink, enum ending ending, int64_t delay_ns)
{
    if (ending > sink->ending)
        sink->ending = ending;
    responder_end(&sink->responder, delay_ns);
}

/* When it is ended because of a stop request. */
static int64_t stop_deadline(const struct pipe_ack_sink *sink)
{
    return stop_requested ? time_after(stop_requested_at_ns(), sink->base.options->common.shmq.grace_ns)
                          : INT64_MAX;
}

/* It has closed its stdin or stdout, so that no answer can come. Once we have closed its stdin, it may. */
static bool has_closed(const struct pipe_ack_sink *sink)
{
    if (sink->input_broken)
        return sink->flight.sent == 0 || sink->responder.output < 0;
    return sink->responder.output < 0 && sink->responder.command.input >= 0;
}

/* The command runs: ends it if it is time to. */
static void look_after(struct pipe_ack_sink *sink)
{
    const struct consumer_options *options = sink->base.options;
    int64_t now_ns = stop_now_ns();

    if (now_ns >= stop_deadline(sink))
        end_because(sink, ENDING_STOP, 0);
    else if (sink->flight.out > 0 && options->exec_timeout_ns > 0 &&
             now_ns - sink->since_ns >= options->exec_timeout_ns)
        end_because(sink, ENDING_TIMEOUT, 0);
    else if (sink->ending == ENDING_NOT && has_closed(sink))
        end_because(sink, ENDING_CLOSED, EXIT_WAIT_NS);
    responder_escalate(&sink->responder, sink->base.options->kill_after_ns);
    if (sink->flight.out > 0 && wait_notice_is_due(&sink->notice, sink->since_ns))
        say_status("--pipe-ack: waiting for the command to answer (it has to answer each message at once: "
                   "does it wait for more input, or keep its output in a buffer?)");
}

/* What the death of the command means to a message that it has not answered. */
static void describe(const struct pipe_ack_sink *sink, int status, char *text, size_t size)
{
    char end[80];

    command_describe(status, end, sizeof(end));
    if (sink->ending == ENDING_TIMEOUT)
        snprintf(text, size, "ended by --exec-timeout");
    else if (responder_was_ended(&sink->responder))
        snprintf(text, size, "the command closed its %s and did not end", sink->input_broken ? "stdin" : "stdout");
    else
        snprintf(text, size, "the command ended without an answer: %s", end);
}

/* Whether it has read nothing of the messages that are out. */
static bool is_untouched(const struct pipe_ack_sink *sink)
{
    const struct in_flight *flight = &sink->flight;
    uint64_t not_taken = sink->not_taken;
    uint64_t bytes = 0;

    if (sink->responder.command.input >= 0)
        not_taken = responder_unread(&sink->responder) + feed_unwritten(&sink->feed);
    for (size_t i = 0; i < flight->out; i++)
        bytes +=
            framing_size(&sink->feed.framing, message_at(sink, flight->order[(flight->first + i) % flight->room]));
    return bytes <= not_taken;
}

/*
 * The command has ended. The message that it was working on has failed. So has the next one if it was started in
 * vain: otherwise a command that ends at once would be started again for ever.
 */
static enum sink_result bury(struct pipe_ack_sink *sink)
{
    const bool orderly = sink->flight.out == 0 && !responder_was_ended(&sink->responder);
    enum sink_result result = SINK_OK;
    char why[IN_FLIGHT_WHY_BYTES];
    int status;

    if (!orderly)
        responder_kill(&sink->responder); /* the rest of its group may work on the messages yet */
    result = read_answers(sink, true);
    const bool failed = !stop_requested && (!sink->answered || (sink->flight.out > 0 && !is_untouched(sink)));
    status = responder_reap(&sink->responder);
    describe(sink, status, why, sizeof(why));
    sink->failed_idle = status != 0 && sink->flight.out == 0 && !responder_was_ended(&sink->responder);
    if (sink->failed_idle)
        command_describe(status, sink->failure, sizeof(sink->failure));
    if (sink->ending == ENDING_STOP && sink->flight.out > 0)
        totals_add_cut_short(sink->base.totals);
    in_flight_lost(&sink->flight, failed ? why : NULL);
    feed_reset(&sink->feed);
    sink->start_ns = deadline_after(sink->start_pause_ns);
    sink->start_pause_ns = policy_longer_pause(sink->start_pause_ns, sink->base.options->backoff_max_ns);
    if (!failed && !stop_requested && !sink->finishing)
        say_detail("--pipe-ack: the command ended when it had answered what it had read (it is started again for "
                   "the next message)");
    if (sink->ending == ENDING_STOP)
        say_status("--pipe-ack: the command was ended: it had not ended within --grace");
    return result;
}

/* Ends the command at once, whatever it answers. */
static void abandon(struct pipe_ack_sink *sink)
{
    struct responder *responder = &sink->responder;
    int events = 0;
    size_t room;

    if (!responder->running)
        return;
    responder_end(responder, 0);
    while ((events & RESPONDER_ENDED) == 0) {
        responder_escalate(responder, sink->base.options->kill_after_ns);
        events = responder_wait(responder, false, responder->due_ns);
        answers_reset(&sink->answers);
        if ((events & RESPONDER_READABLE) != 0)
            (void)responder_read(responder, answers_room(&sink->answers, &room), ANSWER_LINE_MAX);
    }
    responder_kill(responder);
    (void)responder_reap(responder);
}

/* ------------------------------------------------------------------ delivery */

static int64_t earlier(int64_t one_ns, int64_t other_ns)
{
    return one_ns < other_ns ? one_ns : other_ns;
}

/* When to look again, even if nothing happens. */
static int64_t next_look(const struct pipe_ack_sink *sink)
{
    const int64_t timeout_ns = sink->base.options->exec_timeout_ns;
    int64_t until_ns = INT64_MAX;

    if (in_flight_verdict(&sink->flight))
        return 0;
    if (!sink->responder.running)
        return sink->retry_ns > sink->start_ns ? sink->retry_ns : sink->start_ns;
    if (sink->retry_ns > stop_now_ns())
        until_ns = sink->retry_ns;
    if (sink->flight.out > 0 && timeout_ns > 0 && sink->ending < ENDING_TIMEOUT)
        until_ns = earlier(until_ns, time_after(sink->since_ns, timeout_ns));
    if (sink->ending < ENDING_STOP)
        until_ns = earlier(until_ns, stop_deadline(sink));
    return earlier(until_ns, sink->responder.due_ns);
}

static enum sink_result attend(struct pipe_ack_sink *sink)
{
    int events = responder_wait(&sink->responder, !feed_is_empty(&sink->feed), next_look(sink));
    enum sink_result result = SINK_OK;

    totals_tick(sink->base.totals);
    if (!sink->responder.running)
        return SINK_OK;
    if ((events & RESPONDER_ENDED) != 0)
        return bury(sink);
    if ((events & RESPONDER_READABLE) != 0)
        result = read_answers(sink, false);
    if (result == SINK_OK)
        look_after(sink);
    return result;
}

static enum sink_result turn(struct pipe_ack_sink *sink)
{
    enum sink_result result = settle_judged(sink);
    size_t index;

    if (result != SINK_OK || in_flight_is_over(&sink->flight))
        return result;
    if (is_stopping(sink) && sink->flight.out == 0)
        return SINK_STOPPED;
    if (!sink->responder.running && stop_now_ns() >= sink->start_ns && may_give(sink, &index))
        result = start(sink);
    if (result != SINK_OK)
        return result;
    if (sink->responder.running)
        give(sink);
    return attend(sink);
}

/* The consumers of all its attempts died. */
static enum sink_result give_up_spent(struct pipe_ack_sink *sink)
{
    enum sink_result result;

    if (!policy_is_spent(sink->messages[0].attempts, sink->base.options->retries))
        return SINK_OK;
    begin_job(sink);
    result = job_give_up_unseen(&sink->job);
    if (result != SINK_MOVED)
        return result;
    settle(sink, 1);
    return SINK_OK;
}

/* Acknowledges by itself, as answers come. */
static enum sink_result pipe_ack_deliver(struct sink *base, const struct shmq_message *messages, size_t count,
                                         size_t *done)
{
    struct pipe_ack_sink *sink = (struct pipe_ack_sink *)base;
    enum sink_result result;

    *done = 0;
    sink->messages = messages;
    sink->job_begun = false;
    sink->retry_ns = 0;
    in_flight_begin(&sink->flight, count);
    result = give_up_spent(sink);
    while (result == SINK_OK && !in_flight_is_over(&sink->flight))
        result = turn(sink);
    if (result == SINK_FAILED && in_flight_done(&sink->flight) > 0) /* they came before what was refused */
        (void)acknowledge(sink, in_flight_done(&sink->flight));
    if (result != SINK_OK && (result != SINK_STOPPED || sink->flight.out > 0))
        abandon(sink);
    return result;
}

static enum sink_result pipe_ack_begin(struct sink *base)
{
    return dead_letters_begin(&((struct pipe_ack_sink *)base)->dead_letters, base->options, base->totals,
                              base->handle);
}

/* The queue is empty, and all messages are answered. */
static enum sink_result pipe_ack_check(struct sink *base)
{
    struct pipe_ack_sink *sink = (struct pipe_ack_sink *)base;
    enum sink_result result = SINK_OK;
    int64_t until_ns = 0;

    do {
        int events = sink->responder.running ? responder_wait(&sink->responder, false, until_ns) : 0;

        if ((events & RESPONDER_ENDED) != 0)
            result = bury(sink);
        else if ((events & RESPONDER_READABLE) != 0)
            result = read_answers(sink, false);
        if (sink->responder.running)
            look_after(sink);
        until_ns = next_look(sink);
    } while (result == SINK_OK && sink->responder.running && sink->responder.output < 0); /* it is ending */
    if (result != SINK_OK)
        abandon(sink);
    return result;
}

static void pipe_ack_end(struct sink *base)
{
    dead_letters_end(&((struct pipe_ack_sink *)base)->dead_letters);
}

/* ------------------------------------------------------------------ the end */

/* Everything that it was given is answered. Waits for its end, which may take long (it may be committing). */
static enum sink_result finish(struct pipe_ack_sink *sink)
{
    enum sink_result result = SINK_OK;

    sink->finishing = true;
    in_flight_begin(&sink->flight, 0);
    command_end_input(&sink->responder.command);
    while (result == SINK_OK && sink->responder.running) {
        int events = responder_wait(&sink->responder, false, next_look(sink));

        totals_tick(sink->base.totals);
        if ((events & RESPONDER_ENDED) != 0)
            return bury(sink);
        if ((events & RESPONDER_READABLE) != 0)
            result = read_answers(sink, false);
        look_after(sink);
    }
    abandon(sink);
    return result;
}

static void release(struct pipe_ack_sink *sink)
{
    environment_free(&sink->environment);
    answers_free(&sink->answers);
    in_flight_free(&sink->flight);
    free(sink);
}

static enum sink_result pipe_ack_close(struct sink *base)
{
    struct pipe_ack_sink *sink = (struct pipe_ack_sink *)base;
    enum sink_result result = sink->responder.running ? finish(sink) : SINK_OK;

    if (result == SINK_OK && sink->failed_idle) {
        say_error("--pipe-ack: the command failed at its end: %s (nothing is lost: what it has not answered stays "
                  "in the queue)",
                  sink->failure);
        result = SINK_FAILED;
    }
    release(sink);
    return result;
}

static const struct sink_operations pipe_ack_operations = {
    .begin = pipe_ack_begin,
    .deliver = pipe_ack_deliver,
    .check = pipe_ack_check,
    .end = pipe_ack_end,
    .close = pipe_ack_close,
};

static int init(struct pipe_ack_sink *sink, const struct consumer_options *options)
{
    int result;

    responder_init(&sink->responder);
    feed_init(&sink->feed, &options->framing);
    wait_notice_init(&sink->notice);
    sink->start_pause_ns = options->backoff_min_ns;
    result = environment_init(&sink->environment);
    if (result == 0)
        result = environment_add(&sink->environment, "SHMQ_QUEUE=%s", options->common.queue);
    if (result == 0)
        result = answers_init(&sink->answers);
    if (result == 0)
        result = in_flight_init(&sink->flight, options->common.shmq.prefetch);
    return result;
}

struct sink *sink_pipe_ack_open(const struct consumer_options *options, struct totals *totals)
{
    struct pipe_ack_sink *sink = calloc(1, sizeof(*sink));
    int result = sink ? init(sink, options) : -ENOMEM;

    if (result < 0) {
        say_error("--pipe-ack: cannot prepare to start the command: %s", strerror(-result));
        if (sink)
            release(sink);
        return NULL;
    }
    sink->base = (struct sink){.operations = &pipe_ack_operations, .options = options, .totals = totals};
    sink->job = (struct job){.sink = &sink->base, .dead_letters = &sink->dead_letters, .command = "--pipe-ack"};
    return &sink->base;
}
