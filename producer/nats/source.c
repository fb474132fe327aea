/* SPDX-License-Identifier: MIT */
#include "producer/nats_source.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/cli/say.h"
#include "common/cli/stop.h"
#include "common/cli/units.h"
#include "producer/nats/bridge.h"
#include "producer/nats/settle.h"

#define SHOW_NS INT64_C(500000000) /* how often observers are shown the counters */

/* --from: reads a durable pull consumer of JetStream. settle.c has what makes it exactly once. */

enum {
    PUT_BATCH = 64, /* messages that are put, and then acknowledged, together */
    WAIT_MS = 100,  /* for messages, before the status line and signals are looked at */
    FLUSH_MS = 2000,
};

void nats_source_enter(const struct options *options)
{
    (void)options;
}

/* Whether the message at this place is in the queue. */
static bool has_put(const struct bridge *bridge, const struct delivery *delivery)
{
    return delivery->stream_sequence <= bridge->done.sequence && delivery->stored_ns <= bridge->done.stored_ns;
}

static void answer(struct bridge *bridge, const natsMsg *message, const char *text)
{
    /* If the connection is lost, what is not acknowledged comes again. */
    (void)natsConnection_Publish(bridge->connection.nats, natsMsg_GetReply(message), text, (int)strlen(text));
}

/* Tells the broker that a message is done. If that is lost, it comes again. */
static void acknowledge(struct bridge *bridge, const natsMsg *message)
{
    answer(bridge, message, "+ACK");
    bridge->counters.acknowledged++;
}

enum flow bridge_flow(struct bridge *bridge, enum bridge_result result)
{
    struct publisher *publisher = bridge->publisher;
    switch (result) {
    case BRIDGE_OK:
        return FLOW_CONTINUE;
    case BRIDGE_STOPPED:
        return FLOW_END;
    case BRIDGE_GAVE_UP:
        publisher->status = EXIT_TIMEOUT;
        publisher->may_pass = true;
        return FLOW_FAILED;
    case BRIDGE_REFUSED:
        publisher->status = EXIT_USAGE;
        return FLOW_FAILED;
    case BRIDGE_AGAIN:
    case BRIDGE_FAILED:
        break;
    }
    publisher->status = EXIT_FAILED;
    return FLOW_FAILED;
}

bool bridge_count_delivery(struct bridge *bridge, natsMsg *message, const struct delivery *delivery)
{
    bridge->next_consumer_sequence++;
    bridge->counters.resent += delivery->count > 1;
    if (!has_put(bridge, delivery))
        return false;
    bridge->counters.duplicates++;
    acknowledge(bridge, message);
    natsMsg_Destroy(message);
    return true;
}

/* Something came that does not follow what came before: the broker is asked what is missing. */
static void disturb(struct bridge *bridge, const char *why)
{
    if (bridge->settled)
        say_detail("asking the broker what was delivered: %s", why);
    bridge->settled = false;
}

/* Takes a message that was delivered. Return: false: out of memory. */
static bool take(struct bridge *bridge, natsMsg *message, const struct delivery *delivery, int64_t now_ns)
{
    const struct hand *hand = &bridge->hand;
    bool is_new = true;
    if (delivery->consumer_sequence != bridge->next_consumer_sequence) {
        disturb(bridge, "deliveries are missing");
        natsMsg_Destroy(message);
        return true;
    }
    const uint64_t newest =
        hand->count > 0 ? hand_at(hand, hand->count - 1)->delivery.stream_sequence : bridge->done.sequence;
    if (bridge_count_delivery(bridge, message, delivery))
        return true;
    if (delivery->stream_sequence > newest || hand_has(hand, delivery->stream_sequence))
        return hand_add(&bridge->hand, message, delivery, now_ns, &is_new);
    disturb(bridge, "a message came out of order");
    natsMsg_Destroy(message);
    return true;
}

/*
 * Takes what has come.
 *
 * @wait_ms  how long to wait for the first
 * @most     messages in hand
 */
static enum flow receive(struct bridge *bridge, int64_t wait_ms, size_t most)
{
    natsMsg *message = NULL;
    struct delivery delivery;
    int64_t now = 0;
    while (bridge->settled && bridge->hand.count < most) {
        const enum pull_event event = pull_next(&bridge->pull, wait_ms, &message, &delivery);
        if (event == PULL_NOTHING)
            break;
        if (now == 0) {
            now = stop_now_ns();
            connection_progress(&bridge->connection);
        }
        wait_ms = 0;
        if (event == PULL_DISTURBED)
            disturb(bridge, bridge->pull.text);
        else if (event == PULL_MESSAGE && !take(bridge, message, &delivery, now))
            return publisher_fail_memory(bridge->publisher);
    }
    return FLOW_CONTINUE;
}

/*
 * How long the next request waits at the broker: some more than half of the time allowed, so that no two end
 * together and another bridge always sees one.
 */
static int64_t expiry_ns(const struct bridge *bridge)
{
    const int64_t half = bridge->durable.expires_ns / 2;
    return half +
           (int64_t)(bridge->pull.requests * UINT64_C(0x9e3779b97f4a7c15) >> 32) * half / INT64_C(4294967296);
}

/* Keeps requests at the broker, so that the next messages are on their way while the last ones are put. */
static void ask(struct bridge *bridge)
{
    const struct durable *durable = &bridge->durable;
    struct pull *pull = &bridge->pull;
    if (pull_is_forgotten(pull, stop_now_ns()))
        disturb(bridge, "the broker has forgotten a request");
    while (bridge->settled && pull->outstanding + bridge->hand.count + durable->batch <= durable->window) {
        if (pull_ask(pull, durable->batch, durable->max_bytes, expiry_ns(bridge)) != NATS_OK)
            disturb(bridge, "a request could not be sent");
    }
}

/* For the observers of the queue. */
static void show_counters(struct bridge *bridge)
{
    uint64_t words[SHMQ_BRIDGE_WORDS];
    bridge->counters.in_flight = bridge->hand.count;
    counters_show(&bridge->counters, connection_is_up(&bridge->connection), words);
    if (bridge->publisher->queue != NULL)
        (void)shmq_set_bridge(bridge->publisher->queue, words);
}

static void show_counters_in_time(struct bridge *bridge, int64_t now_ns)
{
    if (now_ns < bridge->show_ns)
        return;
    bridge->show_ns = now_ns + SHOW_NS;
    show_counters(bridge);
}

/*
 * While messages wait for room in the queue: the broker is told that they are in work, so that it does not deliver
 * them again. Called by the publisher, many times a second.
 */
static void extend(void *context)
{
    struct bridge *bridge = context;
    const int64_t now = stop_now_ns();
    show_counters_in_time(bridge, now);
    if (bridge->hand.count == 0 || now - bridge->extended_ns < bridge->durable.ack_wait_ns / 3)
        return;
    bridge->extended_ns = now;
    connection_progress(&bridge->connection);
    if (!connection_is_up(&bridge->connection))
        return;
    /* Those that have come meanwhile, too; a failure shows later. */
    (void)receive(bridge, 0, bridge->durable.window);
    for (size_t i = 0; i < bridge->hand.count; i++)
        answer(bridge, hand_at(&bridge->hand, i)->message, "+WPI");
}

static enum flow fail_long(struct bridge *bridge, const struct received *received, size_t headers)
{
    char text[UNITS_SIZE];
    struct shmq_info info = SHMQ_INFO_INIT;
    publisher_count_too_long(bridge->publisher);
    (void)shmq_info(bridge->publisher->queue, &info);
    return publisher_fail(bridge->publisher, EXIT_FAILED,
                          "message %" PRIu64 " of stream %s: %zu bytes with its headers, longer than the queue's "
                          "largest message of %s (create the queue with a larger --max-message)",
                          received->delivery.stream_sequence, bridge->durable.stream,
                          (size_t)natsMsg_GetDataLength(received->message) + headers,
                          units_size(text, info.max_message_bytes));
}

/* Messages that are put together. */
struct portion {
    struct shmq_outgoing messages[PUT_BATCH];
    struct shmq_cursor cursors[PUT_BATCH];
    size_t headers[PUT_BATCH]; /* where each one's block begins */
    size_t count;
};

/* Prepares the first messages in hand. Stops before one that is too long. */
static enum flow prepare(struct bridge *bridge, struct portion *portion)
{
    struct place place = bridge->done;
    header_copy_clear(&bridge->headers);
    for (portion->count = 0; portion->count < PUT_BATCH && portion->count < bridge->hand.count; portion->count++) {
        const size_t i = portion->count;
        const struct received *received = hand_at(&bridge->hand, i);
        struct shmq_outgoing *message = &portion->messages[i];
        *message = (struct shmq_outgoing)SHMQ_OUTGOING_INIT;
        message->data = natsMsg_GetData(received->message);
        message->length = (size_t)natsMsg_GetDataLength(received->message);
        const uint64_t sequence = bridge->source_headers ? received->delivery.stream_sequence : 0;
        if (!header_copy_add(&bridge->headers, received->message, sequence, &portion->headers[i],
                             &message->headers_length, &bridge->left_out))
            return publisher_fail_memory(bridge->publisher);
        if (!publisher_fits(bridge->publisher, message->length, message->headers_length)) {
            if (i == 0)
                return fail_long(bridge, received, message->headers_length);
            break;
        }
        place.sequence = received->delivery.stream_sequence;
        if (place.stored_ns < received->delivery.stored_ns)
            place.stored_ns = received->delivery.stored_ns;
        portion->cursors[i] =
            (struct shmq_cursor){{bridge->identity, place.sequence, (uint64_t)place.stored_ns, 0}};
        message->cursor = &portion->cursors[i];
    }
    for (size_t i = 0; i < portion->count; i++)
        portion->messages[i].headers = bridge->headers.text + portion->headers[i];
    return FLOW_CONTINUE;
}

/* Puts what is in hand, and acknowledges each message once it is in the queue. */
static enum flow put(struct bridge *bridge)
{
    struct portion portion;
    enum flow flow = FLOW_CONTINUE;
    while (flow == FLOW_CONTINUE && bridge->hand.count > 0) {
        size_t taken = 0;
        flow = prepare(bridge, &portion);
        if (flow == FLOW_CONTINUE)
            flow = publisher_put_outgoing(bridge->publisher, portion.messages, portion.count, SHMQ_FRAME_NONE,
                                          &taken);
        if (taken > 0)
            counters_time(&bridge->counters, stop_now_ns() - hand_at(&bridge->hand, 0)->came_ns);
        for (size_t i = 0; i < taken; i++) {
            bridge->done = (struct place){portion.cursors[i].words[1], (int64_t)portion.cursors[i].words[2]};
            acknowledge(bridge, hand_at(&bridge->hand, 0)->message);
            hand_drop_first(&bridge->hand);
        }
    }
    return flow;
}

/* What a server does not allow it says once, without being asked, and then nothing comes. */
static enum flow check_refusal(struct bridge *bridge)
{
    char text[CONNECTION_PROBLEM_BYTES];
    if (!connection_refusal(&bridge->connection, text, sizeof(text)))
        return FLOW_CONTINUE;
    return publisher_fail(bridge->publisher, EXIT_FAILED, "--from %s: not allowed there: %s",
                          connection_servers(&bridge->connection), text);
}

static enum flow run(struct bridge *bridge)
{
    enum flow flow = FLOW_CONTINUE;
    while (flow == FLOW_CONTINUE) {
        if (stop_requested != 0)
            return FLOW_END;
        flow = check_refusal(bridge);
        if (flow != FLOW_CONTINUE)
            return flow;
        if (!connection_is_up(&bridge->connection))
            disturb(bridge, "the connection was lost");
        if (!bridge->settled) {
            flow = settle(bridge);
        } else {
            ask(bridge);
            flow = receive(bridge, WAIT_MS, bridge->durable.batch);
        }
        /* Also what is in hand when it turns out that later ones are missing. */
        if (flow == FLOW_CONTINUE)
            flow = put(bridge);
        publisher_tick(bridge->publisher);
    }
    return flow;
}

/* Gives back what is not in the queue, and lets the broker know what is. */
static void leave(struct bridge *bridge)
{
    struct connection_signals signals;
    if (connection_is_up(&bridge->connection)) {
        (void)receive(bridge, 0, bridge->durable.window);
        for (size_t i = 0; i < bridge->hand.count; i++)
            answer(bridge, hand_at(&bridge->hand, i)->message, "-NAK");
        connection_block_signals(&signals);
        (void)natsConnection_FlushTimeout(bridge->connection.nats, FLUSH_MS);
        connection_restore_signals(&signals);
    }
    pull_end(&bridge->pull);
    hand_free(&bridge->hand);
    header_copy_free(&bridge->headers);
}

static void tick(void *context)
{
    struct bridge *bridge = context;
    publisher_tick(bridge->publisher);
}

static void describe(void *context, char *text)
{
    struct bridge *bridge = context;
    char counters[COUNTERS_BYTES];
    bridge->counters.in_flight = bridge->hand.count;
    snprintf(text, PROGRESS_EXTRA_BYTES, "%s", counters_describe(&bridge->counters, counters));
    if (bridge->left_out > 0) {
        const size_t used = strlen(text);
        snprintf(text + used, PROGRESS_EXTRA_BYTES - used, "%s%" PRIu64 " header%s left out", used > 0 ? ", " : "",
                 bridge->left_out, units_plural(bridge->left_out));
    }
}

/*
 * The stream and the durable, whatever the servers are called: who resumes may have another list of them.
 *
 * @text  receives what to say of another producer with it
 */
static struct source_identity identity_of(const struct options *options, char text[static DURABLE_SUBJECT_BYTES])
{
    const int length =
        snprintf(text, DURABLE_SUBJECT_BYTES, "nats %s %s", options->nats.stream, options->nats_durable);
    const uint64_t group = source_mark_sum(text, (size_t)length) | 1;
    snprintf(text, DURABLE_SUBJECT_BYTES, "another producer reads durable %.200s of stream %.200s into it",
             options->nats_durable, options->nats.stream);
    return (struct source_identity){.resumable = true, .group = group, .part = 1, .busy = text};
}

/*
 * Looks at the stream and the durable before the queue is made, so that a mistyped name leaves nothing behind.
 * While no server can be reached, the queue is opened first: its consumers wait then.
 */
static enum flow look_first(struct bridge *bridge)
{
    enum bridge_result result = connection_try(&bridge->connection);
    if (result == BRIDGE_OK)
        result = durable_open(&bridge->durable, &bridge->connection);
    return result == BRIDGE_AGAIN ? FLOW_CONTINUE : bridge_flow(bridge, result);
}

static enum flow open_queue(struct bridge *bridge, const struct options *options)
{
    char text[DURABLE_SUBJECT_BYTES];
    const struct source_identity identity = identity_of(options, text);
    enum flow flow = publisher_open(bridge->publisher, options, &identity);
    if (flow != FLOW_CONTINUE)
        return flow;
    const int error = shmq_resume_cursor(bridge->publisher->queue, &bridge->resumed);
    if (error != 0)
        return publisher_fail(bridge->publisher, (int)exit_status_of(error), "queue '%s': --from: %s",
                              bridge->publisher->name, shmq_strerror(error));
    return FLOW_CONTINUE;
}

static void leave_unfinished(struct publisher *publisher, const struct options *options)
{
    publisher->unfinished = true;
    if (!options->common.supervised)
        say_status("stopped by a signal (the same command continues there, as long as the queue is kept)");
}

enum flow nats_source_run(struct publisher *publisher, const struct options *options)
{
    static struct bridge bridge;
    const struct publisher_companion companion = {.tick = extend, .describe = describe, .context = &bridge};
    bridge.publisher = publisher;
    bridge.source_headers = options->source_headers;
    durable_init(&bridge.durable, options);
    if (connection_init(&bridge.connection, &options->nats, "--from", publisher->name, &bridge.counters, tick,
                        &bridge) != 0)
        return bridge_flow(&bridge, BRIDGE_FAILED);
    enum flow flow = look_first(&bridge);
    if (flow == FLOW_CONTINUE)
        flow = open_queue(&bridge, options);
    publisher->companion = &companion;
    if (flow == FLOW_CONTINUE)
        flow = run(&bridge);
    publisher->companion = NULL;
    if (flow == FLOW_END && publisher->left > 0 && publisher->queue != NULL && options->resume)
        leave_unfinished(publisher, options);
    describe(&bridge, publisher->progress.counts.extra);
    leave(&bridge);
    connection_free(&bridge.connection);
    show_counters(&bridge);
    return flow;
}
