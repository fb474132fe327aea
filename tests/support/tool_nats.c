/* SPDX-License-Identifier: MIT */
/*
 * What tests ask of a NATS server with JetStream. $NATS_URL lists the servers, separated by commas; $NATS_TLS_CA,
 * $NATS_TLS_CERT and $NATS_TLS_KEY name files, each where it is needed.
 *
 *   tool_nats ready REPLICAS         whether a stream with so many replicas can be made now
 *   tool_nats make STREAM SUBJECTS REPLICAS [MEMBERS]
 *                                    a stream in files that discards new messages, but for what
 *                                    the JSON MEMBERS say, such as '"max_msgs":10'
 *   tool_nats update STREAM SUBJECTS REPLICAS [MEMBERS]
 *   tool_nats durable STREAM NAME [MEMBERS]
 *                                    a durable pull consumer with explicit acks
 *   tool_nats remove|purge|step-down STREAM
 *   tool_nats count STREAM           how many messages it has
 *   tool_nats unacked STREAM NAME    how many a durable has yet to deliver or to hear of
 *   tool_nats leader STREAM          the name of the server that leads it
 *   tool_nats publish SUBJECT        each line of stdin, acknowledged, with the id t.NUMBER
 *   tool_nats fetch STREAM           all it has, in order: SEQUENCE SUBJECT ID TAB PAYLOAD
 *   tool_nats request SUBJECT [JSON] any request; prints the answer
 *
 * Ends with 1, and the answer or the reason on stderr, if the server refuses or does not answer within 5 s.
 */
#include <inttypes.h>
#include <nats/nats.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ANSWER_MS 5000
#define URLS_MAX 16

static natsConnection *connection;

static int failed(const char *what, natsStatus status)
{
    fprintf(stderr, "tool_nats: %s: %s\n", what, natsStatus_GetText(status));
    return 1;
}

static natsStatus use_tls(natsOptions *options)
{
    const char *authority = getenv("NATS_TLS_CA");
    const char *certificate = getenv("NATS_TLS_CERT");
    natsStatus status;

    if (!authority)
        return NATS_OK;
    status = natsOptions_SetSecure(options, true);
    if (status == NATS_OK)
        status = natsOptions_LoadCATrustedCertificates(options, authority);
    if (status == NATS_OK && certificate)
        status = natsOptions_LoadCertificatesChain(options, certificate, getenv("NATS_TLS_KEY"));
    return status;
}

static natsStatus connect_to(char *urls)
{
    natsOptions *options = NULL;
    const char *list[URLS_MAX];
    int count = 0;
    natsStatus status = natsOptions_Create(&options);

    for (char *url = strtok(urls, ","); url && count < URLS_MAX; url = strtok(NULL, ","))
        list[count++] = url;
    if (status == NATS_OK)
        status = natsOptions_SetServers(options, list, count);
    if (status == NATS_OK)
        status = natsOptions_SetTimeout(options, 1000);
    if (status == NATS_OK)
        status = use_tls(options);
    if (status == NATS_OK)
        status = natsConnection_Connect(&connection, options);
    natsOptions_Destroy(options);
    return status;
}

/* ------------------------------------------------------------------ requests */

/* The caller destroys the answer. Return: 0; 1 if there is none or it is an error, which is told unless quiet. */
static int ask(natsMsg **answer, const char *subject, const char *text, bool quiet)
{
    natsStatus status = natsConnection_RequestString(answer, connection, subject, text, ANSWER_MS);

    if (status != NATS_OK)
        return quiet ? 1 : failed(subject, status);
    if (!strstr(natsMsg_GetData(*answer), "\"error\":{"))
        return 0;
    if (!quiet)
        fprintf(stderr, "tool_nats: %s: %s\n", subject, natsMsg_GetData(*answer));
    natsMsg_Destroy(*answer);
    *answer = NULL;
    return 1;
}

static int api(natsMsg **answer, const char *verb, const char *names, const char *text, bool quiet)
{
    char subject[512];

    snprintf(subject, sizeof(subject), "$JS.API.%s%s%s", verb, *names ? "." : "", names);
    return ask(answer, subject, text, quiet);
}

/* A request of which only the success counts. */
static int do_api(const char *verb, const char *names, const char *text, bool quiet)
{
    natsMsg *answer = NULL;
    int result = api(&answer, verb, names, text, quiet);

    natsMsg_Destroy(answer);
    return result;
}

static int make_stream(const char *verb, const char *stream, const char *subjects, const char *replicas,
                       const char *members, bool quiet)
{
    char text[2048];
    char list[1024] = "";
    char names[512];

    snprintf(names, sizeof(names), "%s", subjects);
    for (char *name = strtok(names, ","); name; name = strtok(NULL, ","))
        snprintf(list + strlen(list), sizeof(list) - strlen(list), "%s\"%s\"", *list ? "," : "", name);
    /* Of a member that is there twice, the server takes the later one. */
    snprintf(
        text, sizeof(text),
        "{\"name\":\"%s\",\"subjects\":[%s],\"num_replicas\":%s,\"storage\":\"file\",\"discard\":\"new\","
        "\"retention\":\"limits\",\"max_msgs\":-1,\"max_bytes\":-1,\"max_age\":0,\"duplicate_window\":120000000000"
        "%s%s}",
        stream, list, replicas, *members ? "," : "", members);
    return do_api(verb, stream, text, quiet);
}

static int make_durable(const char *stream, const char *name, const char *members)
{
    char text[1024];
    char names[512];

    snprintf(names, sizeof(names), "%s.%s", stream, name);
    snprintf(text, sizeof(text),
             "{\"stream_name\":\"%s\",\"config\":{\"durable_name\":\"%s\",\"deliver_policy\":\"all\","
             "\"ack_policy\":\"explicit\",\"ack_wait\":5000000000,\"max_ack_pending\":65536,\"max_deliver\":-1"
             "%s%s}}",
             stream, name, *members ? "," : "", members);
    return do_api("CONSUMER.DURABLE.CREATE", names, text, false);
}

static int ready(const char *replicas)
{
    if (make_stream("STREAM.CREATE", "ready", "ready.>", replicas, "\"storage\":\"memory\"", true) != 0) {
        do_api("STREAM.DELETE", "ready", "", true);
        return 1;
    }
    return do_api("STREAM.DELETE", "ready", "", true);
}

/* ------------------------------------------------------------------ what an answer says */

static const char *member(const char *text, const char *name)
{
    char wanted[64];
    const char *found;

    snprintf(wanted, sizeof(wanted), "\"%s\":", name);
    found = text ? strstr(text, wanted) : NULL;
    return found ? found + strlen(wanted) : NULL;
}

static uint64_t number(const char *text, const char *name)
{
    const char *value = member(text, name);

    return value ? strtoull(value, NULL, 10) : 0;
}

static int count(const char *stream)
{
    natsMsg *answer = NULL;

    if (api(&answer, "STREAM.INFO", stream, "", false) != 0)
        return 1;
    printf("%" PRIu64 "\n", number(member(natsMsg_GetData(answer), "state"), "messages"));
    natsMsg_Destroy(answer);
    return 0;
}

static int unacked(const char *stream, const char *name)
{
    natsMsg *answer = NULL;
    char names[512];

    snprintf(names, sizeof(names), "%s.%s", stream, name);
    if (api(&answer, "CONSUMER.INFO", names, "", false) != 0)
        return 1;
    printf("%" PRIu64 "\n",
           number(natsMsg_GetData(answer), "num_ack_pending") + number(natsMsg_GetData(answer), "num_pending"));
    natsMsg_Destroy(answer);
    return 0;
}

static int leader(const char *stream)
{
    natsMsg *answer = NULL;
    const char *name;

    if (api(&answer, "STREAM.INFO", stream, "", false) != 0)
        return 1;
    name = member(natsMsg_GetData(answer), "leader");
    printf("%.*s\n", name ? (int)strcspn(name + 1, "\"") : 0, name ? name + 1 : "");
    natsMsg_Destroy(answer);
    return name ? 0 : 1;
}

static int request(const char *subject, const char *text)
{
    natsMsg *answer = NULL;

    if (ask(&answer, subject, text, false) != 0)
        return 1;
    printf("%.*s\n", natsMsg_GetDataLength(answer), natsMsg_GetData(answer));
    natsMsg_Destroy(answer);
    return 0;
}

/* ------------------------------------------------------------------ messages */

static int publish(const char *subject)
{
    jsCtx *context = NULL;
    natsStatus status = natsConnection_JetStream(&context, connection, NULL);
    char *line = NULL;
    size_t room = 0;
    ssize_t length;
    jsPubOptions options;
    char id[32];

    for (uint64_t i = 1; status == NATS_OK && (length = getline(&line, &room, stdin)) >= 0; i++) {
        natsMsg *message = NULL;

        jsPubOptions_Init(&options);
        snprintf(id, sizeof(id), "t.%" PRIu64, i);
        options.MsgId = id;
        length -= length > 0 && line[length - 1] == '\n';
        status = natsMsg_Create(&message, subject, NULL, line, (int)length);
        if (status == NATS_OK)
            status = js_PublishMsgAsync(context, &message, &options);
        natsMsg_Destroy(message);
    }
    if (status == NATS_OK)
        status = js_PublishAsyncComplete(context, NULL);
    free(line);
    jsCtx_Destroy(context);
    return status == NATS_OK ? 0 : failed(subject, status);
}

/* The reply subject of a delivered message ends in .STREAM-SEQUENCE.CONSUMER-SEQUENCE.TIME.PENDING. */
static uint64_t sequence_of(natsMsg *message)
{
    const char *reply = natsMsg_GetReply(message);
    const char *dots[4] = {"", "", "", ""};

    for (const char *dot = reply ? strchr(reply, '.') : NULL; dot; dot = strchr(dot + 1, '.')) {
        memmove(dots, dots + 1, 3 * sizeof(dots[0]));
        dots[3] = dot + 1;
    }
    return strtoull(dots[0], NULL, 10);
}

static void print_message(natsMsg *message)
{
    const char *id = "-";

    natsMsgHeader_Get(message, "Nats-Msg-Id", &id);
    printf("%" PRIu64 " %s %s\t", sequence_of(message), natsMsg_GetSubject(message), id);
    fwrite(natsMsg_GetData(message), 1, (size_t)natsMsg_GetDataLength(message), stdout);
    putchar('\n');
}

/* A consumer of the moment that pushes all messages to an inbox, and wants no acknowledgement. */
static int push_all(const char *stream, const char *inbox, uint64_t *pending)
{
    natsMsg *answer = NULL;
    char text[512];

    snprintf(text, sizeof(text),
             "{\"stream_name\":\"%s\",\"config\":{\"deliver_subject\":\"%s\",\"deliver_policy\":\"all\","
             "\"ack_policy\":\"none\",\"replay_policy\":\"instant\",\"mem_storage\":true,\"num_replicas\":1}}",
             stream, inbox);
    if (api(&answer, "CONSUMER.CREATE", stream, text, false) != 0)
        return 1;
    natsMsg_Destroy(answer);
    if (api(&answer, "STREAM.INFO", stream, "", false) != 0)
        return 1;
    *pending = number(member(natsMsg_GetData(answer), "state"), "messages");
    natsMsg_Destroy(answer);
    return 0;
}

static int fetch(const char *stream)
{
    natsInbox *inbox = NULL;
    natsSubscription *subscription = NULL;
    uint64_t pending = 0;
    int result = 1;
    natsStatus status = natsInbox_Create(&inbox);

    if (status == NATS_OK)
        status = natsConnection_SubscribeSync(&subscription, connection, inbox);
    if (status == NATS_OK)
        status = natsSubscription_SetPendingLimits(subscription, -1, -1);
    if (status == NATS_OK)
        result = push_all(stream, inbox, &pending);
    while (status == NATS_OK && pending > 0) {
        natsMsg *message = NULL;

        status = natsSubscription_NextMsg(&message, subscription, ANSWER_MS);
        if (status != NATS_OK)
            break;
        print_message(message);
        natsMsg_Destroy(message);
        pending--;
    }
    natsSubscription_Destroy(subscription);
    natsInbox_Destroy(inbox);
    return status == NATS_OK ? result : failed(stream, status);
}

/* ------------------------------------------------------------------ commands */

static int about_stream(const char *verb, char **rest)
{
    if (strcmp(verb, "remove") == 0)
        return do_api("STREAM.DELETE", rest[0], "", false);
    if (strcmp(verb, "purge") == 0)
        return do_api("STREAM.PURGE", rest[0], "", false);
    if (strcmp(verb, "step-down") == 0)
        return do_api("STREAM.LEADER.STEPDOWN", rest[0], "", false);
    if (strcmp(verb, "count") == 0)
        return count(rest[0]);
    if (strcmp(verb, "leader") == 0)
        return leader(rest[0]);
    return fetch(rest[0]);
}

static int run(const char *verb, char **rest, int words)
{
    static const char *const of_stream[] = {"remove", "purge", "step-down", "count", "leader", "fetch"};
    bool make = strcmp(verb, "make") == 0;

    for (size_t i = 0; i < sizeof(of_stream) / sizeof(of_stream[0]); i++)
        if (strcmp(verb, of_stream[i]) == 0 && words == 1)
            return about_stream(verb, rest);
    if ((make || strcmp(verb, "update") == 0) && (words == 3 || words == 4))
        return make_stream(make ? "STREAM.CREATE" : "STREAM.UPDATE", rest[0], rest[1], rest[2],
                           words == 4 ? rest[3] : "", false);
    if (strcmp(verb, "ready") == 0 && words == 1)
        return ready(rest[0]);
    if (strcmp(verb, "durable") == 0 && (words == 2 || words == 3))
        return make_durable(rest[0], rest[1], words == 3 ? rest[2] : "");
    if (strcmp(verb, "unacked") == 0 && words == 2)
        return unacked(rest[0], rest[1]);
    if (strcmp(verb, "publish") == 0 && words == 1)
        return publish(rest[0]);
    if (strcmp(verb, "request") == 0 && (words == 1 || words == 2))
        return request(rest[0], words == 2 ? rest[1] : "");
    fprintf(stderr, "tool_nats: %s: no such command, or too few arguments\n", verb);
    return 2;
}

int main(int argc, char **argv)
{
    char *urls = getenv("NATS_URL");
    int result;
    natsStatus status;

    if (argc < 3 || !urls)
        return 2;
    status = connect_to(urls);
    if (status != NATS_OK)
        return strcmp(argv[1], "ready") == 0 ? 1 : failed("no server answers", status);
    result = run(argv[1], argv + 2, argc - 2);
    natsConnection_Close(connection);
    natsConnection_Destroy(connection);
    nats_Close();
    return result;
}
