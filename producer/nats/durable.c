/* SPDX-License-Identifier: MIT */
#include "producer/nats/durable.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/cli/say.h"
#include "common/cli/stop.h"
#include "common/nats/stream.h"
#include "producer/nats/pull.h"
#include "producer/source_mark.h"

#define NS_PER_SECOND INT64_C(1000000000)
/* Of a durable that is made here. */
#define ACK_WAIT_NS (30 * NS_PER_SECOND)
/* A request brings no more than this, or than one message. */
#define REQUEST_BYTES UINT64_C(16777216)
#define SUBJECTS_BYTES UINT64_C(65536)
/* How long a durable that was there may seem to be missing. */
#define APPEAR_NS (10 * NS_PER_SECOND)
/* How long the broker may take to answer. */
#define ANSWER_MS 2000
/* Refusals that are sent one by one; more places than this in the stream are left to the broker's ack_wait. */
#define RECALL_MAX UINT64_C(65536)

void durable_init(struct durable *durable, const struct options *options)
{
    *durable = (struct durable){.stream = options->nats.stream,
                                .name = options->nats_durable,
                                .make = options->nats_make_durable,
                                .batch = options->nats_batch,
                                .window = UINT64_C(2) * options->nats_batch,
                                .expires_ns = PULL_EXPIRES_NS};
    snprintf(durable->request_subject, sizeof(durable->request_subject), "$JS.API.CONSUMER.MSG.NEXT.%s.%s",
             durable->stream, durable->name);
}

static enum bridge_result fail_missing(struct durable *durable, struct connection *connection)
{
    if (durable->missing_since_ns == 0)
        durable->missing_since_ns = stop_now_ns();
    if (durable->found && stop_now_ns() - durable->missing_since_ns < APPEAR_NS) {
        snprintf(connection->problem, sizeof(connection->problem), "--durable %s: it is missing", durable->name);
        return BRIDGE_AGAIN;
    }
    say_error("--durable %s: stream %s has no such consumer (%s)", durable->name, durable->stream,
              durable->found ? "it was removed" : "make it, or give --make-durable");
    return BRIDGE_FAILED;
}

static enum bridge_result judge(struct durable *durable, struct connection *connection, natsStatus status,
                                jsErrCode code)
{
    char what[160];
    if (code == JSConsumerNotFoundErr || status == NATS_NOT_FOUND)
        return fail_missing(durable, connection);
    snprintf(what, sizeof(what), "--durable %.64s: it cannot be looked up", durable->name);
    return stream_judge(connection, what, status, code);
}

/* Asks for what is known of the durable. */
static natsStatus ask(const struct durable *durable, struct connection *connection, jsConsumerInfo **info,
                      jsErrCode *code)
{
    struct connection_signals signals;
    connection_block_signals(&signals);
    const natsStatus status = js_GetConsumerInfo(info, connection->js, durable->stream, durable->name, NULL, code);
    connection_restore_signals(&signals);
    return status;
}

static natsStatus make(const struct durable *durable, struct connection *connection, jsConsumerInfo **info,
                       jsErrCode *code)
{
    struct connection_signals signals;
    jsConsumerConfig wanted;
    jsConsumerConfig_Init(&wanted);
    wanted.Durable = durable->name;
    wanted.DeliverPolicy = js_DeliverAll;
    wanted.AckPolicy = js_AckExplicit;
    wanted.AckWait = ACK_WAIT_NS;
    wanted.MaxAckPending = (int64_t)(2 * durable->window);
    connection_block_signals(&signals);
    const natsStatus status = js_AddConsumer(info, connection->js, durable->stream, &wanted, NULL, code);
    connection_restore_signals(&signals);
    if (status == NATS_OK)
        say_status("made durable %s of stream %s", durable->name, durable->stream);
    return status;
}

static enum bridge_result refuse(const struct durable *durable, const char *why)
{
    say_error("durable %s of stream %s: %s (--allow-lossy reads it all the same)", durable->name, durable->stream,
              why);
    return BRIDGE_REFUSED;
}

/* What the durable's configuration does to messages. */
static enum bridge_result check(const struct durable *durable, const struct connection *connection,
                                const jsConsumerConfig *config)
{
    if (config->DeliverSubject != NULL && config->DeliverSubject[0] != '\0') {
        say_error("durable %s of stream %s: pushes messages (a pull consumer is needed)", durable->name,
                  durable->stream);
        return BRIDGE_FAILED;
    }
    if (connection->options->allow_lossy)
        return BRIDGE_OK;
    if (config->AckPolicy != js_AckExplicit)
        return refuse(durable,
                      "does not want each message acknowledged by itself (ack policy), so it loses messages "
                      "when a program dies");
    if (config->MaxDeliver > 0)
        return refuse(durable, "gives a message up after some deliveries (max deliver)");
    if (config->HeadersOnly)
        return refuse(durable, "delivers messages without their payload (headers only)");
    return BRIDGE_OK;
}

static uint64_t at_most(uint64_t value, int64_t limit)
{
    return limit > 0 && value > (uint64_t)limit ? (uint64_t)limit : value;
}

/* Keeps to the limits that the durable sets to requests. */
static void take_limits(struct durable *durable, const struct connection *connection,
                        const jsConsumerConfig *config)
{
    const uint64_t longest = (uint64_t)natsConnection_GetMaxPayload(connection->nats) + SUBJECTS_BYTES;
    durable->batch = at_most(durable->batch, config->MaxRequestBatch);
    durable->max_bytes = at_most(longest > REQUEST_BYTES ? longest : REQUEST_BYTES, config->MaxRequestMaxBytes);
    durable->expires_ns = (int64_t)at_most(PULL_EXPIRES_NS, config->MaxRequestExpires);
    durable->ack_wait_ns = config->AckWait;
    for (int i = 0; i < config->BackOffLen; i++) {
        if (durable->ack_wait_ns < config->BackOff[i])
            durable->ack_wait_ns = config->BackOff[i];
    }
    durable->filtered = config->FilterSubject != NULL && config->FilterSubject[0] != '\0';
}

/* A stream that was deleted and made anew numbers its messages anew. */
static void identify(struct durable *durable, int64_t created_ns)
{
    char text[DURABLE_SUBJECT_BYTES];
    const int length = snprintf(text, sizeof(text), "%s %s %" PRId64, durable->stream, durable->name, created_ns);
    durable->identity = source_mark_sum(text, (size_t)length) | 1;
}

enum bridge_result durable_open(struct durable *durable, struct connection *connection)
{
    jsConsumerInfo *info = NULL;
    jsErrCode code = 0;
    struct stream_traits traits;
    enum bridge_result result = stream_look(connection, NULL, &traits);
    if (result != BRIDGE_OK)
        return result;
    identify(durable, traits.created_ns);
    natsStatus status = ask(durable, connection, &info, &code);
    if (code == JSConsumerNotFoundErr && durable->make && !durable->found)
        status = make(durable, connection, &info, &code);
    if (status != NATS_OK)
        return judge(durable, connection, status, code);
    result = check(durable, connection, info->Config);
    if (result == BRIDGE_OK)
        take_limits(durable, connection, info->Config);
    jsConsumerInfo_Destroy(info);
    durable->found = true;
    durable->missing_since_ns = 0;
    return result;
}

enum bridge_result durable_look(struct durable *durable, struct connection *connection,
                                struct durable_state *state)
{
    jsConsumerInfo *info = NULL;
    jsErrCode code = 0;
    const natsStatus status = ask(durable, connection, &info, &code);
    if (status != NATS_OK)
        return judge(durable, connection, status, code);
    *state = (struct durable_state){.floor = info->AckFloor.Stream,
                                    .delivered = info->Delivered.Stream,
                                    .consumer_sequence = info->Delivered.Consumer,
                                    .unacknowledged = (uint64_t)info->NumAckPending,
                                    .waiting = (uint64_t)info->NumWaiting};
    jsConsumerInfo_Destroy(info);
    return BRIDGE_OK;
}

bool durable_can_recall(const struct durable_state *state)
{
    return state->delivered >= state->floor && state->delivered - state->floor <= RECALL_MAX;
}

/* Waits until the broker has taken all that was published about deliveries before: it takes one after another. */
static natsStatus await_taking(struct connection *connection, const char *subject)
{
    static const char in_progress[] = "+WPI";
    struct connection_signals signals;
    natsMsg *answer = NULL;
    connection_block_signals(&signals);
    const natsStatus status = natsConnection_Request(&answer, connection->nats, subject, in_progress,
                                                     (int)strlen(in_progress), ANSWER_MS);
    connection_restore_signals(&signals);
    natsMsg_Destroy(answer);
    return status;
}

enum bridge_result durable_recall(const struct durable *durable, struct connection *connection,
                                  const struct durable_state *state, const struct hand *hand)
{
    static const char refusal[] = "-NAK";
    char subject[DURABLE_SUBJECT_BYTES];
    natsStatus status = NATS_OK;
    for (uint64_t at = state->floor + 1; at <= state->delivered && status == NATS_OK; at++) {
        if (hand_has(hand, at))
            continue;
        if (!delivery_write(subject, sizeof(subject), durable->stream, durable->name, at,
                            state->consumer_sequence))
            return BRIDGE_FAILED;
        status = natsConnection_Publish(connection->nats, subject, refusal, (int)strlen(refusal));
    }
    if (status == NATS_OK && delivery_write(subject, sizeof(subject), durable->stream, durable->name,
                                            state->delivered, state->consumer_sequence))
        status = await_taking(connection, subject);
    if (status == NATS_OK)
        return BRIDGE_OK;
    connection_set_problem(connection, "deliveries cannot be called back", status);
    return BRIDGE_AGAIN;
}
