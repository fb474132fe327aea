/* SPDX-License-Identifier: MIT */
#include "consumer/sinks/sink.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/cli/say.h"
#include "common/cli/units.h"
#include "common/nats/answer.h"
#include "common/nats/stream.h"
#include "consumer/dead_letters.h"
#include "consumer/deadline.h"
#include "consumer/nats/publication.h"
#include "consumer/nats/reply.h"
#include "consumer/nats/window.h"

/* --to: messages are published to a stream of NATS JetStream, and acknowledged once it has them. */

#define NS_PER_MS INT64_C(1000000)
#define TICK_NS (200 * NS_PER_MS)
#define DRAIN_NS (1000 * NS_PER_MS)
#define GATHER_NS (NS_PER_MS / 4)
#define TRY_NS (2000 * NS_PER_MS)

enum {
    WAIT_MS = 50,         /* longest wait in libnats, which no signal ends */
    MANY_OUT = 64,        /* answers, that may gather for a moment */
    CHUNK = 128,          /* messages that are published before answers are looked at */
    SILENT_ROUNDS = 2,    /* without any answer, before the connection is given up */
    SAMPLE_MASK = 15,     /* the time of one message of 16 is measured */
    HEADERS_SPARE = 1024, /* more than what we add to a message's own headers */
};

/* JetStream's codes. */
enum {
    CODE_NO_RESPONDERS = 503,
    CODE_WRONG_LAST_ID = 10070,
    CODE_MESSAGE_TOO_LONG = 10054,
    CODE_HEADERS_TOO_LONG = 10097,
};

/* Why a round goes on no longer. */
enum breach {
    BREACH_NONE,
    BREACH_ORDER,   /* another message is the stream's last: publish again, at once if this round got on */
    BREACH_FAILURE, /* it may pass: publish again after a pause */
    BREACH_MESSAGE, /* the oldest message is not accepted, ever */
};

struct nats_sink {
    struct sink base;
    struct connection connection;
    struct counters counters;
    struct stream_traits traits;
    struct dead_letters dead_letters;
    struct publication publication;
    natsSubscription *answers;
    struct reply reply;
    char wildcard[PUBLICATION_SUBJECT_BYTES];
    bool begun;

    /* The batch. */
    const struct shmq_message *messages;
    struct window window;
    bool look_up; /* the stream may have some of it */

    /* The round. */
    enum breach breach;
    char why[CONNECTION_PROBLEM_BYTES]; /* of BREACH_MESSAGE */
    size_t first;                       /* its first message */
    uint64_t answered;                  /* answers in it */
    unsigned silent_rounds;             /* in turn that had none */
    int64_t drain_ns;                   /* once it is broken: when to go on without the answers that are out */
    bool alone;                         /* its first message has to be stored before any other is sent */
    char last_id[SHMQ_ID_SIZE];         /* of the message sent last */
    bool order_told;
    bool overtaken_told;

    int64_t tick_ns; /* next */
    int64_t try_ns;  /* next attempt to connect while the queue is empty */
};

/* For the line, and for the observers of the queue. */
static void show_counters(struct nats_sink *sink, bool connected)
{
    uint64_t words[SHMQ_BRIDGE_WORDS];
    char text[COUNTERS_BYTES];
    struct progress_counts *counts = &sink->base.totals->progress.counts;
    const bool away = sink->begun && !connection_is_up(&sink->connection);

    sink->counters.in_flight = sink->window.out;
    counters_show(&sink->counters, connected, words);
    (void)shmq_set_bridge(sink->base.handle, words);
    counters_describe(&sink->counters, text);
    snprintf(counts->extra, sizeof(counts->extra), "%s%s%s", away ? "no connection" : "",
             away && text[0] != '\0' ? ", " : "", text);
}

static void tick(void *context)
{
    struct nats_sink *sink = context;

    sink->tick_ns = deadline_after(TICK_NS);
    show_counters(sink, connection_is_up(&sink->connection));
    totals_tick(sink->base.totals);
}

static enum sink_result sink_result_of(enum bridge_result result)
{
    switch (result) {
    case BRIDGE_OK:
    case BRIDGE_AGAIN:
        return SINK_OK;
    case BRIDGE_STOPPED:
        return SINK_STOPPED;
    case BRIDGE_GAVE_UP:
        return SINK_GAVE_UP;
    case BRIDGE_REFUSED:
        return SINK_REFUSED;
    case BRIDGE_FAILED:
        break;
    }
    return SINK_FAILED;
}

static bool is_strict(const struct nats_sink *sink)
{
    return sink->base.options->nats_order == NATS_ORDER_STRICT;
}

/* ------------------------------------------------------------------ rounds */

/* The first message of a round says nothing of the one before it: nobody knows which one the stream has. */
static void begin_round(struct nats_sink *sink)
{
    window_rewind(&sink->window);
    sink->breach = BREACH_NONE;
    sink->first = sink->window.oldest;
    sink->answered = 0;
    sink->alone = is_strict(sink);
    sink->last_id[0] = '\0';
}

static void break_round(struct nats_sink *sink, enum breach breach)
{
    if (sink->breach == BREACH_NONE)
        sink->drain_ns = deadline_after(DRAIN_NS);
    if (breach > sink->breach)
        sink->breach = breach;
}

/* ------------------------------------------------------------------ the connection */

static void forget_connection(struct nats_sink *sink)
{
    natsSubscription_Destroy(sink->answers);
    sink->answers = NULL;
    connection_drop(&sink->connection);
}

static enum bridge_result subscribe(struct nats_sink *sink)
{
    struct connection_signals signals;
    char subject[REPLY_BYTES];
    natsInbox *inbox = NULL;
    natsStatus status = natsInbox_Create(&inbox);

    if (status == NATS_OK && !reply_init(&sink->reply, inbox))
        status = NATS_ERR;
    if (status == NATS_OK) {
        snprintf(subject, sizeof(subject), "%s.*.*", inbox);
        connection_block_signals(&signals);
        status = natsConnection_SubscribeSync(&sink->answers, sink->connection.nats, subject);
        connection_restore_signals(&signals);
    }
    if (status == NATS_OK)
        status = natsSubscription_SetPendingLimits(sink->answers, -1, -1);
    natsInbox_Destroy(inbox);
    if (status == NATS_OK)
        return BRIDGE_OK;
    connection_set_problem(&sink->connection, "answers cannot be received", status);
    return BRIDGE_AGAIN;
}

/* Connects, anew if need be. What was sent on an earlier connection may be stored or not. */
static enum sink_result connect_again(struct nats_sink *sink)
{
    enum bridge_result result;

    do {
        if (sink->answers || !connection_is_up(&sink->connection))
            forget_connection(sink);
        result = stream_open(&sink->connection, sink->wildcard, &sink->traits);
        if (result == BRIDGE_OK)
            result = subscribe(sink);
    } while (result == BRIDGE_AGAIN && (result = connection_pause(&sink->connection)) == BRIDGE_OK);
    begin_round(sink);
    sink->look_up = true;
    sink->silent_rounds = 0;
    return sink_result_of(result);
}

/* What is forbidden is never answered, only reported. */
static enum sink_result check_refusal(struct nats_sink *sink)
{
    char text[CONNECTION_PROBLEM_BYTES];

    if (!connection_refusal(&sink->connection, text, sizeof(text)))
        return SINK_OK;
    say_error(
        "--to %s: %s (check the user's permissions: to publish to %s and $JS.API.>, to subscribe to _INBOX.>)",
        connection_servers(&sink->connection), text, sink->wildcard);
    return SINK_FAILED;
}

/* ------------------------------------------------------------------ what the stream has already */

/* The index of the message with an id of this queue; count if there is none. */
static size_t find(const struct nats_sink *sink, const char *id)
{
    char own[SHMQ_ID_SIZE];
    size_t index = sink->window.oldest;

    for (; index < sink->window.count; index++) {
        shmq_message_id(sink->base.handle, &sink->messages[index], own);
        if (strcmp(own, id) == 0)
            break;
    }
    return index;
}

/* Whether an id is that of a message behind this batch in its lane. */
static bool is_later(const struct nats_sink *sink, const char *id)
{
    char own[SHMQ_ID_SIZE];
    const struct shmq_message *last = &sink->messages[sink->window.count - 1];

    shmq_message_id(sink->base.handle, last, own);
    const char *dash = strrchr(own, '-');
    size_t length = dash ? (size_t)(dash + 1 - own) : 0;

    return length > 0 && strncmp(own, id, length) == 0 && strtoull(id + length, NULL, 10) > last->position;
}

/*
 * The last message of the lane's subject tells how far an earlier consumer, or connection, came: in strict order,
 * all before it in the batch is stored. If it is not of this batch, nothing of the batch is stored, or another
 * consumer got ahead with the lane, and then it tells nothing.
 */
static enum sink_result look_up(struct nats_sink *sink)
{
    char id[STREAM_ID_BYTES];
    bool in_order;
    int64_t sent_ns;
    size_t found;
    const char *subject = publication_subject(&sink->publication, sink->messages[sink->window.oldest].lane);
    enum bridge_result result = stream_last_id(&sink->connection, subject, id, &in_order);

    if (result == BRIDGE_AGAIN)
        return sink_result_of(connection_pause(&sink->connection));
    if (result != BRIDGE_OK)
        return sink_result_of(result);
    sink->look_up = false;
    found = find(sink, id);
    if (found == sink->window.count && is_later(sink, id) && !sink->overtaken_told) {
        say_status("--to: another consumer publishes messages of lane %u, too (the order is not kept)",
                   sink->messages[sink->window.oldest].lane);
        sink->overtaken_told = true;
    }
    if (found == sink->window.count || !in_order || !is_strict(sink))
        return SINK_OK;
    for (size_t i = sink->window.oldest; i <= found; i++)
        sink->counters.skipped += window_store(&sink->window, i, &sent_ns);
    connection_progress(&sink->connection);
    return SINK_OK;
}

/* ------------------------------------------------------------------ publishing */

/* The largest message that may be sent; negative: any. */
static int64_t limit(const struct nats_sink *sink)
{
    int64_t server = natsConnection_GetMaxPayload(sink->connection.nats);
    int64_t stream = sink->traits.message_max;

    if (stream < 0)
        return server > 0 ? server : -1;
    return server > 0 && server < stream ? server : stream;
}

static bool is_too_long(struct nats_sink *sink, const struct shmq_message *message, int64_t most, const char *id)
{
    size_t length;

    if (most < 0 || (int64_t)(message->length + message->headers_length + HEADERS_SPARE) < most)
        return false;
    /* Whether it is the first of a round makes no difference: else it would be refused only sometimes. */
    length = publication_length(message, id, is_strict(sink) ? id : NULL);
    if ((int64_t)length <= most)
        return false;
    snprintf(sink->why, sizeof(sink->why),
             "its %zu bytes with headers are more than the %" PRId64 " that %s takes", length, most,
             sink->traits.message_max == most ? "the stream" : "the server");
    return true;
}

/* Publishes the message. Return: whether another may follow. */
static bool publish(struct nats_sink *sink, size_t index, int64_t most, int64_t now_ns)
{
    const struct shmq_message *message = &sink->messages[index];
    const char *expected = is_strict(sink) ? sink->last_id : NULL;
    char id[SHMQ_ID_SIZE];
    natsStatus status;

    shmq_message_id(sink->base.handle, message, id);
    if (is_too_long(sink, message, most, id)) {
        if (index == sink->window.oldest)
            break_round(sink, BREACH_MESSAGE);
        return false; /* once those before it are done, its turn comes */
    }
    status = publication_send(&sink->publication, sink->connection.nats, message,
                              reply_compose(&sink->reply, sink->window.batch, index), id, expected);
    if (status != NATS_OK) {
        connection_set_problem(&sink->connection, "cannot publish", status);
        break_round(sink, BREACH_FAILURE);
        return false;
    }
    sink->counters.published++;
    sink->counters.resent += window_sent(&sink->window, index, now_ns);
    memcpy(sink->last_id, id, sizeof(id));
    return true;
}

static void publish_some(struct nats_sink *sink)
{
    int64_t now_ns = stop_now_ns();
    int64_t most = limit(sink);
    size_t index;

    for (int i = 0; i < CHUNK && window_next(&sink->window, &index); i++) {
        if (sink->alone && index != sink->first)
            return;
        if (!publish(sink, index, most, now_ns))
            return;
    }
}

/* ------------------------------------------------------------------ answers */

static void take_stored(struct nats_sink *sink, size_t index, const struct answer *answer, int64_t now_ns)
{
    int64_t sent_ns;

    if (!window_store(&sink->window, index, &sent_ns))
        return;
    sink->counters.acknowledged++;
    sink->counters.duplicates += answer->duplicate;
    if ((index & SAMPLE_MASK) == 0 && sent_ns != 0)
        counters_time(&sink->counters, now_ns - sent_ns);
    if (index == sink->first)
        sink->alone = false;
}

static void tell_order(struct nats_sink *sink)
{
    if (sink->order_told)
        return;
    sink->order_told = true;
    say_status("--to: another message came between two of ours in stream '%s' (somebody else writes to it: that "
               "costs time; or the server was started anew)",
               sink->base.options->nats.stream);
}

static enum sink_result take_refusal(struct nats_sink *sink, size_t index, const struct answer *answer)
{
    unsigned code = answer->err_code ? answer->err_code : answer->code;
    char id[SHMQ_ID_SIZE];

    counters_refuse(&sink->counters, code);
    if (!window_refuse(&sink->window, index))
        return SINK_OK;
    if (code == CODE_WRONG_LAST_ID) {
        if (sink->breach == BREACH_NONE && window_done(&sink->window) == index - sink->window.oldest)
            tell_order(sink);
        break_round(sink, BREACH_ORDER);
        return SINK_OK;
    }
    if (code == CODE_MESSAGE_TOO_LONG || code == CODE_HEADERS_TOO_LONG) {
        snprintf(sink->why, sizeof(sink->why), "the server refuses it: %s (%u)", answer->description, code);
        break_round(sink, index == sink->window.oldest ? BREACH_MESSAGE : BREACH_ORDER);
        return SINK_OK;
    }
    snprintf(sink->connection.problem, sizeof(sink->connection.problem), "stream '%s' takes no message: %s (%u)",
             sink->base.options->nats.stream, answer->description, code);
    if (answer->code >= 500 || code == 10002) { /* full, or without a leader; 10002: the account is full */
        break_round(sink, BREACH_FAILURE);
        return SINK_OK;
    }
    shmq_message_id(sink->base.handle, &sink->messages[index], id);
    say_error("--to %s: message %s is refused: %s (%u)", connection_servers(&sink->connection), id,
              answer->description, code);
    return SINK_FAILED;
}

static enum sink_result take_answer(struct nats_sink *sink, natsMsg *message, int64_t now_ns)
{
    struct answer answer;
    size_t index;

    if (!reply_parse(&sink->reply, natsMsg_GetSubject(message), sink->window.batch, sink->window.count, &index))
        return SINK_OK;
    sink->answered++;
    if (!answer_parse(natsMsg_GetData(message), (size_t)natsMsg_GetDataLength(message), &answer))
        return SINK_OK; /* as if it had been lost */
    if (!answer.stored)
        return take_refusal(sink, index, &answer);
    if (strcmp(answer.stream, sink->base.options->nats.stream) != 0) {
        say_error("--to: subject '%s' belongs to stream '%s', not to '%s'",
                  publication_subject(&sink->publication, sink->messages[index].lane), answer.stream,
                  sink->base.options->nats.stream);
        return SINK_FAILED;
    }
    take_stored(sink, index, &answer, now_ns);
    return SINK_OK;
}

/* libnats does not say which message found nobody. */
static void take_no_responders(struct nats_sink *sink)
{
    counters_refuse(&sink->counters, CODE_NO_RESPONDERS);
    sink->answered++;
    snprintf(sink->connection.problem, sizeof(sink->connection.problem),
             "no stream takes subject '%s' now (it has no leader, or was removed)", sink->wildcard);
    break_round(sink, BREACH_FAILURE);
}

/* Takes what has come; waits for a first answer if there is none. */
static enum sink_result receive(struct nats_sink *sink, int wait_ms)
{
    enum sink_result result = SINK_OK;
    int64_t now_ns = 0;

    for (int i = 0; i < 4 * CHUNK && result == SINK_OK; i++) {
        natsMsg *message = NULL;
        natsStatus status = natsSubscription_NextMsg(&message, sink->answers, i == 0 ? wait_ms : 0);

        if (i == 0)
            now_ns = stop_now_ns();
        if (status == NATS_OK)
            result = take_answer(sink, message, now_ns);
        else if (status == NATS_NO_RESPONDERS)
            take_no_responders(sink);
        natsMsg_Destroy(message);
        if (status != NATS_OK && status != NATS_NO_RESPONDERS)
            break;
    }
    return result;
}

/* ------------------------------------------------------------------ the oldest messages held */

static enum sink_result acknowledge(struct nats_sink *sink)
{
    size_t done = window_done(&sink->window);

    if (done == 0)
        return SINK_OK;
    if (shmq_acknowledge(sink->base.handle, done) < 0)
        return SINK_DAMAGED;
    totals_add(sink->base.totals, sink->messages + sink->window.oldest, done);
    window_settle(&sink->window, done);
    connection_progress(&sink->connection);
    return SINK_OK;
}

/* The server will never take the oldest message held. */
static enum sink_result give_up(struct nats_sink *sink)
{
    const struct consumer_options *options = sink->base.options;
    const struct shmq_message *message = &sink->messages[sink->window.oldest];
    char id[SHMQ_ID_SIZE];
    struct timespec now;
    enum sink_result result;

    shmq_message_id(sink->base.handle, message, id);
    if (!dead_letters_are_kept(&sink->dead_letters)) {
        say_error("--to %s: message %s: %s (it stays in the queue, and the consumer stops)",
                  connection_servers(&sink->connection), id, sink->why);
        return SINK_FAILED;
    }
    clock_gettime(CLOCK_REALTIME, &now);
    const int64_t now_ns = now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
    const struct history history = {.id = id,
                                    .queue = options->common.queue,
                                    .reason = sink->why,
                                    .attempts = 1,
                                    .first_ns = now_ns,
                                    .last_ns = now_ns};
    result = dead_letters_move(&sink->dead_letters, message, &history);
    if (result != SINK_MOVED)
        return result;
    (void)shmq_count(sink->base.handle, SHMQ_COUNT_TOO_LONG, 1);
    say_status("--to: message %s: %s (moved to queue '%s')", id, sink->why, options->dead_letter);
    window_settle(&sink->window, 1);
    return totals_failures_reach(sink->base.totals, options->max_failures) ? SINK_STOPPED : SINK_OK;
}

/* ------------------------------------------------------------------ a step */

static enum sink_result wait_before_round(struct nats_sink *sink)
{
    bool got_on = sink->window.oldest > sink->first;

    if (sink->breach == BREACH_MESSAGE || (sink->breach == BREACH_ORDER && got_on))
        return SINK_OK;
    if (sink->breach == BREACH_ORDER)
        snprintf(sink->connection.problem, sizeof(sink->connection.problem),
                 "others write to stream '%s' all the time", sink->base.options->nats.stream);
    return sink_result_of(connection_pause(&sink->connection));
}

/* The round is broken: begins the next once its answers are here. */
static enum sink_result repair(struct nats_sink *sink)
{
    enum sink_result result;

    if (sink->window.out > 0 && stop_now_ns() < sink->drain_ns)
        return SINK_OK;
    if (sink->breach == BREACH_MESSAGE)
        result = give_up(sink);
    else
        result = wait_before_round(sink);
    if (result != SINK_OK)
        return result;
    sink->look_up =
        sink->breach == BREACH_FAILURE; /* answers may have been lost, longer ago than the server knows */
    begin_round(sink);
    return SINK_OK;
}

/* Whether the oldest answer is overdue. */
static void look_at_clock(struct nats_sink *sink)
{
    char text[UNITS_SIZE];
    int64_t since_ns = window_waiting_since(&sink->window);
    int64_t timeout_ns = sink->base.options->nats_ack_timeout_ns;

    if (since_ns == INT64_MAX || stop_now_ns() < time_after(since_ns, timeout_ns))
        return;
    snprintf(sink->connection.problem, sizeof(sink->connection.problem), "no acknowledgement for %s",
             units_time(text, timeout_ns));
    break_round(sink, BREACH_FAILURE);
    sink->drain_ns = 0;
    sink->silent_rounds = sink->answered > 0 ? 0 : sink->silent_rounds + 1;
    if (sink->silent_rounds >= SILENT_ROUNDS)
        forget_connection(sink);
}

/* A stop was requested: only the answers that are out are waited for. */
static bool may_leave(const struct nats_sink *sink)
{
    return sink->window.out == 0 ||
           stop_now_ns() >= time_after(stop_requested_at_ns(), sink->base.options->nats_ack_timeout_ns);
}

static bool may_publish(const struct nats_sink *sink)
{
    return sink->breach == BREACH_NONE && !stop_requested && sink->window.next < sink->window.count &&
           !(sink->alone && sink->window.next > sink->first);
}

/* Answers are waited for only when there is nothing to publish. */
static enum sink_result exchange(struct nats_sink *sink)
{
    size_t before = sink->window.next;
    enum sink_result result;

    if (may_publish(sink))
        publish_some(sink);
    else if (sink->window.out > MANY_OUT) /* else each answer would wake us, and cost the server a processor */
        stop_sleep_until(deadline_after(GATHER_NS));
    result = receive(sink, sink->window.next == before ? WAIT_MS : 0);
    if (result == SINK_OK)
        result = acknowledge(sink);
    if (result == SINK_OK && sink->window.oldest == sink->window.count)
        return SINK_OK;
    if (result == SINK_OK && sink->window.next == before)
        result = check_refusal(sink);
    if (result == SINK_OK && sink->window.next == before && connection_is_hopeless(&sink->connection))
        return SINK_GAVE_UP;
    return result;
}

/* Skips what the stream has, and begins with what is left. */
static enum sink_result skip_stored(struct nats_sink *sink)
{
    enum sink_result result = look_up(sink);

    if (result == SINK_OK)
        result = acknowledge(sink);
    if (result == SINK_OK)
        begin_round(sink);
    return result;
}

static enum sink_result step(struct nats_sink *sink)
{
    enum sink_result result;

    if (stop_now_ns() >= sink->tick_ns)
        tick(sink);
    if (!sink->answers || !connection_is_up(&sink->connection))
        return stop_requested ? SINK_STOPPED : connect_again(sink);
    if (sink->look_up)
        return stop_requested ? SINK_STOPPED : skip_stored(sink);
    result = exchange(sink);
    if (result != SINK_OK || sink->window.oldest == sink->window.count)
        return result;
    if (stop_requested && may_leave(sink))
        return SINK_STOPPED;
    look_at_clock(sink);
    if (sink->breach != BREACH_NONE && !stop_requested)
        return repair(sink);
    return SINK_OK;
}

static enum sink_result nats_deliver(struct sink *base, const struct shmq_message *messages, size_t count,
                                     size_t *done)
{
    struct nats_sink *sink = (struct nats_sink *)base;
    enum sink_result result = SINK_OK;

    *done = 0; /* they are acknowledged here, as their answers come */
    sink->messages = messages;
    window_begin(&sink->window, count);
    sink->first = 0;
    sink->answered = 0;
    if (sink->breach != BREACH_NONE || sink->last_id[0] == '\0')
        begin_round(sink);
    if (messages[0].redelivered)
        sink->look_up = true;
    if (connection_is_up(&sink->connection))
        connection_progress(&sink->connection);
    while (result == SINK_OK && sink->window.oldest < count)
        result = step(sink);
    if (result != SINK_OK)
        sink->breach = BREACH_FAILURE;
    return result;
}

/* ------------------------------------------------------------------ begin and end */

/* What may be stored twice. */
static void say_limits(const struct nats_sink *sink)
{
    const struct consumer_options *options = sink->base.options;
    char known[UNITS_SIZE];

    units_time(known, sink->traits.duplicate_window_ns);
    if (!is_strict(sink))
        say_status("--order none: what was published before a pause of more than %s may be stored twice (the "
                   "duplicate_window of stream '%s')",
                   known, options->nats.stream);
    else if (!sink->traits.keeps_last)
        say_status("--stream %s: gives up messages once they are consumed: what was published before a pause of "
                   "more than %s may be stored twice (its duplicate_window)",
                   options->nats.stream, known);
}

/* What is needed only after a failure is tried now, so that it does not turn out to be forbidden then. */
static enum sink_result try_look_up(struct nats_sink *sink)
{
    char id[STREAM_ID_BYTES];
    bool in_order;

    return sink_result_of(stream_last_id(&sink->connection, sink->wildcard, id, &in_order));
}

static enum sink_result nats_begin(struct sink *base)
{
    struct nats_sink *sink = (struct nats_sink *)base;
    enum sink_result result;

    sink->begun = true;
    result = dead_letters_begin(&sink->dead_letters, base->options, base->totals, base->handle);
    if (result == SINK_OK)
        result = connect_again(sink);
    if (result == SINK_OK)
        result = try_look_up(sink);
    if (result == SINK_OK)
        say_limits(sink);
    sink->look_up = false;
    return result;
}

/*
 * The queue is empty: looks for a server again if the connection is lost, but does not wait for it, because the
 * stream may end.
 */
static enum sink_result nats_check(struct sink *base)
{
    struct nats_sink *sink = (struct nats_sink *)base;
    enum bridge_result result = BRIDGE_OK;

    tick(sink);
    if (connection_is_up(&sink->connection)) {
        connection_progress(&sink->connection);
        return SINK_OK;
    }
    if (stop_now_ns() < sink->try_ns)
        return SINK_OK;
    forget_connection(sink);
    result = connection_try(&sink->connection);
    sink->try_ns = deadline_after(TRY_NS);
    if (result == BRIDGE_AGAIN && connection_is_hopeless(&sink->connection))
        return SINK_GAVE_UP;
    return sink_result_of(result);
}

static void nats_end(struct sink *base)
{
    struct nats_sink *sink = (struct nats_sink *)base;

    show_counters(sink, false);
    dead_letters_end(&sink->dead_letters);
}

static void release(struct nats_sink *sink)
{
    natsSubscription_Destroy(sink->answers);
    connection_free(&sink->connection);
    publication_free(&sink->publication);
    window_free(&sink->window);
    free(sink);
}

static enum sink_result nats_close(struct sink *base)
{
    release((struct nats_sink *)base);
    return SINK_OK;
}

static const struct sink_operations nats_operations = {
    .begin = nats_begin,
    .deliver = nats_deliver,
    .check = nats_check,
    .end = nats_end,
    .close = nats_close,
};

struct sink *sink_nats_open(const struct consumer_options *options, struct totals *totals)
{
    struct nats_sink *sink = calloc(1, sizeof(*sink));
    int result = sink ? window_init(&sink->window, options->common.shmq.prefetch) : -ENOMEM;

    if (result == 0)
        result = publication_init(&sink->publication, options->nats_subject);
    if (result < 0) {
        say_error("--to: %s", strerror(-result));
        if (sink)
            release(sink);
        return NULL;
    }
    publication_wildcard(options->nats_subject, sink->wildcard);
    sink->base = (struct sink){.operations = &nats_operations, .options = options, .totals = totals};
    if (connection_init(&sink->connection, &options->nats, "--to", options->common.queue, &sink->counters, tick,
                        sink) < 0) {
        release(sink);
        return NULL;
    }
    sink->connection.publishes = true;
    return &sink->base;
}
