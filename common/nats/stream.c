/* SPDX-License-Identifier: MIT */
#include "common/nats/stream.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/cli/say.h"
#include "common/cli/stop.h"

#define NS_PER_SECOND INT64_C(1000000000)

/* How long a stream that was there may seem to be missing. */
#define APPEAR_NS (10 * NS_PER_SECOND)

enum { REQUEST_MS = 5000, REASONS_BYTES = 400 };

/* JetStream's codes of what is not to stay so. */
enum { CODE_STREAM_NOT_FOUND = 10059, CODE_NO_MESSAGE = 10037 };

/* Whether another attempt may succeed without anybody changing a configuration. */
static bool may_pass(natsStatus status, jsErrCode code)
{
    switch ((int)code) {
    case 0: /* no answer, or none of JetStream */
        return status == NATS_TIMEOUT || status == NATS_NO_RESPONDERS || status == NATS_CONNECTION_CLOSED ||
               status == NATS_CONNECTION_DISCONNECTED || status == NATS_IO_ERROR ||
               status == NATS_STALE_CONNECTION || status == NATS_NO_SERVER || status == NATS_INVALID_SUBSCRIPTION;
    case 10005: /* no suitable peers for placement: servers may be away */
    case 10007: /* the account's leader is not known yet */
    case 10008: /* temporarily unavailable */
    case 10009: /* no metadata leader */
    case 10023: /* insufficient resources */
    case 10118: /* the stream is offline */
        return true;
    default:
        return false;
    }
}

enum bridge_result stream_judge(struct connection *connection, const char *what, natsStatus status, jsErrCode code)
{
    char said[CONNECTION_PROBLEM_BYTES];
    connection_set_problem(connection, what, status);
    const bool forbidden = connection_refusal(connection, said, sizeof(said));
    if (!forbidden && may_pass(status, code)) {
        if (status == NATS_NO_RESPONDERS)
            snprintf(connection->problem, sizeof(connection->problem),
                     "%s: nobody answers (JetStream is not enabled there, or has no leader yet)", what);
        return BRIDGE_AGAIN;
    }
    say_error("%s %s: %s", connection->bridge, connection_servers(connection), connection->problem);
    return BRIDGE_FAILED;
}

/* ------------------------------------------------------------------ what loses silently */

static void add_reason(char *reasons, const char *reason)
{
    const size_t used = strlen(reasons);
    snprintf(reasons + used, REASONS_BYTES - used, "%s%s", used > 0 ? "; " : "", reason);
}

/* Whether messages go into the stream. */
static bool publishes(const struct connection *connection)
{
    return strcmp(connection->bridge, "--to") == 0;
}

/* A durable is interest enough. */
static void find_reasons(const jsStreamConfig *config, bool out, char *reasons)
{
    const bool new = config->Discard == js_DiscardNew;
    reasons[0] = '\0';
    if (config->Storage == js_MemoryStorage)
        add_reason(reasons, "it is in memory (storage)");
    if (config->MaxAge > 0)
        add_reason(reasons, "it discards messages by their age (max_age)");
    if (!new && (config->MaxMsgs > 0 || config->MaxBytes > 0))
        add_reason(reasons, "it discards old messages when it is full (discard)");
    if (config->MaxMsgsPerSubject > 0 && !(new && config->DiscardNewPerSubject))
        add_reason(reasons, "it discards old messages of a subject (max_msgs_per_subject)");
    if (out && config->Retention == js_InterestPolicy)
        add_reason(reasons, "it discards messages for which there is no consumer (retention)");
    if (out && config->NoAck)
        add_reason(reasons, "it acknowledges nothing (no_ack)");
}

static enum bridge_result check(const struct connection *connection, const jsStreamConfig *config)
{
    const struct nats_options *options = connection->options;
    char reasons[REASONS_BYTES];
    find_reasons(config, publishes(connection), reasons);
    if (publishes(connection) && config->NoAck) {
        say_error("--stream %s: it acknowledges nothing (no_ack), so nothing can be handed over safely",
                  options->stream);
        return BRIDGE_FAILED;
    }
    if (reasons[0] != '\0' && !options->allow_lossy) {
        say_error("--stream %s: can lose messages silently: %s (change the stream, or give --allow-lossy)",
                  options->stream, reasons);
        return BRIDGE_REFUSED;
    }
    if (!connection->stream_checked && reasons[0] != '\0')
        say_status("--stream %s: can lose messages silently: %s", options->stream, reasons);
    if (!connection->stream_checked && config->Replicas <= 1)
        say_status("--stream %s: has one replica: it is lost with its server's disk", options->stream);
    return BRIDGE_OK;
}

/* ------------------------------------------------------------------ the stream */

static natsStatus make(struct connection *connection, const char *subject, jsStreamInfo **info, jsErrCode *code)
{
    const struct nats_options *options = connection->options;
    jsStreamConfig config;
    natsStatus status = jsStreamConfig_Init(&config);
    config.Name = options->stream;
    config.Subjects = &subject;
    config.SubjectsLen = 1;
    config.Storage = js_FileStorage;
    config.Discard = js_DiscardNew;
    config.Replicas = options->replicas != 0 ? options->replicas : 1;
    if (status == NATS_OK)
        status = js_AddStream(info, connection->js, &config, NULL, code);
    if (status == NATS_OK)
        say_status("--make-stream: made stream '%s' for subject '%s' (%" PRId64 " replica%s, in files)",
                   options->stream, subject, config.Replicas, config.Replicas == 1 ? "" : "s");
    return status;
}

/* Whether to wait for a stream that was there and seems to be missing. */
static bool may_appear(struct connection *connection)
{
    if (!connection->stream_checked)
        return false;
    if (connection->missing_since_ns == 0)
        connection->missing_since_ns = stop_now_ns();
    snprintf(connection->problem, sizeof(connection->problem), "--stream %s: it is missing",
             connection->options->stream);
    return stop_now_ns() - connection->missing_since_ns < APPEAR_NS;
}

static enum bridge_result ask(struct connection *connection, const char *subject, jsStreamInfo **info)
{
    const struct nats_options *options = connection->options;
    const char *what = "the stream cannot be looked up";
    char text[CONNECTION_PROBLEM_BYTES];
    jsErrCode code = 0;
    natsStatus status = js_GetStreamInfo(info, connection->js, options->stream, NULL, &code);
    const bool missing = status == NATS_NOT_FOUND || (int)code == CODE_STREAM_NOT_FOUND;
    if (missing && may_appear(connection))
        return BRIDGE_AGAIN;
    if (missing && options->make_stream) {
        what = "the stream cannot be made";
        code = 0;
        status = make(connection, subject, info, &code);
    } else if (missing) {
        say_error("--stream %s: there is no such stream %s", options->stream,
                  subject != NULL ? "(make it, or give --make-stream)" : "(make it first)");
        return BRIDGE_FAILED;
    }
    if (status == NATS_OK)
        return BRIDGE_OK;
    snprintf(text, sizeof(text), "--stream %s: %s", options->stream, what);
    return stream_judge(connection, text, status, code);
}

/* Whether two subjects, perhaps with wildcards, have one in common. */
static bool subjects_meet(const char *one, const char *other)
{
    for (;;) {
        const size_t length = strcspn(one, ".");
        const size_t other_length = strcspn(other, ".");
        if ((length == 1 && *one == '>') || (other_length == 1 && *other == '>'))
            return true;
        const bool any = (length == 1 && *one == '*') || (other_length == 1 && *other == '*');
        if (!any && (length != other_length || memcmp(one, other, length) != 0))
            return false;
        one += length;
        other += other_length;
        if (*one == '\0' || *other == '\0')
            return *one == *other;
        one++;
        other++;
    }
}

/* What is published to a subject that no stream takes is not answered by JetStream. */
static enum bridge_result check_subject(const struct connection *connection, const jsStreamConfig *config,
                                        const char *subject)
{
    for (int i = 0; i < config->SubjectsLen; i++) {
        if (subjects_meet(config->Subjects[i], subject))
            return BRIDGE_OK;
    }
    say_error("--stream %s: does not take subject '%s' (see the stream's subjects)", connection->options->stream,
              subject);
    return BRIDGE_FAILED;
}

enum bridge_result stream_look(struct connection *connection, const char *subject, struct stream_traits *traits)
{
    struct connection_signals signals;
    jsStreamInfo *info = NULL;
    connection_block_signals(&signals);
    enum bridge_result result = ask(connection, subject, &info);
    connection_restore_signals(&signals);
    if (result != BRIDGE_OK)
        return result;
    const jsStreamConfig *config = info->Config;
    result = check(connection, config);
    if (result == BRIDGE_OK && connection->publishes)
        result = check_subject(connection, config, subject);
    *traits = (struct stream_traits){.created_ns = info->Created,
                                     .duplicate_window_ns = config->Duplicates,
                                     .message_max = config->MaxMsgSize > 0 ? config->MaxMsgSize : -1,
                                     .replicas = config->Replicas,
                                     .keeps_last = config->Retention == js_LimitsPolicy};
    jsStreamInfo_Destroy(info);
    connection->stream_checked = result == BRIDGE_OK;
    connection->missing_since_ns = 0;
    return result;
}

enum bridge_result stream_open(struct connection *connection, const char *subject, struct stream_traits *traits)
{
    enum bridge_result result;
    do {
        result = connection_is_up(connection) ? BRIDGE_OK : connection_open(connection);
        if (result == BRIDGE_OK)
            result = stream_look(connection, subject, traits);
    } while (result == BRIDGE_AGAIN && (result = connection_pause(connection)) == BRIDGE_OK);
    return result;
}

enum bridge_result stream_last_id(struct connection *connection, const char *subject,
                                  char id[static STREAM_ID_BYTES], bool *in_order)
{
    struct connection_signals signals;
    const char *value = NULL;
    natsMsg *message = NULL;
    jsErrCode code = 0;
    id[0] = '\0';
    *in_order = false;
    connection_block_signals(&signals);
    const natsStatus status =
        js_GetLastMsg(&message, connection->js, connection->options->stream, subject, NULL, &code);
    connection_restore_signals(&signals);
    if (status == NATS_NOT_FOUND || (int)code == CODE_NO_MESSAGE)
        return BRIDGE_OK;
    if (status != NATS_OK)
        return stream_judge(connection, "the last message stored cannot be looked up", status, code);
    if (natsMsgHeader_Get(message, "Nats-Msg-Id", &value) == NATS_OK && value != NULL &&
        strlen(value) < STREAM_ID_BYTES)
        snprintf(id, STREAM_ID_BYTES, "%s", value);
    *in_order = natsMsgHeader_Get(message, "Nats-Expected-Last-Msg-Id", &value) == NATS_OK ||
                natsMsgHeader_Get(message, "Shmq-Order", &value) == NATS_OK;
    natsMsg_Destroy(message);
    return BRIDGE_OK;
}
