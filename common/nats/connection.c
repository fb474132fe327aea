/* SPDX-License-Identifier: MIT */
#include "common/nats/connection.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/cli/random.h"
#include "common/cli/say.h"
#include "common/cli/stop.h"
#include "common/cli/units.h"
#include "common/nats/nkey.h"
#include "common/shmq.h"

#define NS_PER_MS INT64_C(1000000)

enum {
    CONNECT_MS = 2000,
    PING_MS = 2000,  /* a server that is silent for so long, twice, is lost */
    WRITE_MS = 2000, /* without it, a server that does not read would block us for ever */
    IO_BYTES = 16 * 1024,
    REFUSALS_MAX = 2, /* attempts that the server refused before we believe it, once we were connected */
};

#define PAUSE_MIN_NS (100 * NS_PER_MS)
#define PAUSE_MAX_NS (2000 * NS_PER_MS)
#define TICK_NS (200 * NS_PER_MS)

/*
 * What a thread of libnats reports. It may come when the connection is closed and its struct gone, so it stands
 * alone; there is one connection in a process.
 */
static struct {
    pthread_mutex_t lock;
    natsConnection *current; /* whose reports count */
    char text[CONNECTION_PROBLEM_BYTES];
} refusal = {.lock = PTHREAD_MUTEX_INITIALIZER};

static char servers_text[1024]; /* for messages */

static void on_error(natsConnection *nats, natsSubscription *subscription, natsStatus status, void *closure)
{
    const char *text = NULL;
    (void)subscription;
    (void)closure;
    if (status != NATS_NOT_PERMITTED)
        return;
    (void)natsConnection_GetLastError(nats, &text);
    pthread_mutex_lock(&refusal.lock);
    /* It may come before connection_try has noted the connection. */
    if (refusal.current == NULL || refusal.current == nats)
        snprintf(refusal.text, sizeof(refusal.text), "%s", text != NULL ? text : natsStatus_GetText(status));
    pthread_mutex_unlock(&refusal.lock);
}

static void expect_reports(natsConnection *nats, bool anew)
{
    pthread_mutex_lock(&refusal.lock);
    refusal.current = nats;
    if (anew)
        refusal.text[0] = '\0';
    pthread_mutex_unlock(&refusal.lock);
}

bool connection_refusal(struct connection *connection, char *text, size_t size)
{
    (void)connection;
    pthread_mutex_lock(&refusal.lock);
    const bool any = refusal.text[0] != '\0';
    if (any)
        snprintf(text, size, "%.*s", (int)(size - 1), refusal.text);
    pthread_mutex_unlock(&refusal.lock);
    return any;
}

void connection_block_signals(struct connection_signals *signals)
{
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &signals->before);
}

void connection_restore_signals(const struct connection_signals *signals)
{
    pthread_sigmask(SIG_SETMASK, &signals->before, NULL);
}

const char *connection_servers(const struct connection *connection)
{
    (void)connection;
    return servers_text;
}

/* ------------------------------------------------------------------ settings */

/* One server of the list: without its scheme, which is set apart, and perhaps without user and password. */
static char *copy_server(const char *text, size_t length, bool for_messages)
{
    const char *scheme = memmem(text, length, "://", 3);
    const char *from = scheme != NULL ? scheme + 3 : text;
    size_t left = length - (size_t)(from - text);
    const char *at = memrchr(from, '@', left);
    char *copy = NULL;
    if (for_messages && at != NULL) {
        left -= (size_t)(at + 1 - from);
        from = at + 1;
    }
    return asprintf(&copy, "%s%.*s", for_messages ? "" : "nats://", (int)left, from) < 0 ? NULL : copy;
}

static void describe_servers(const char *list)
{
    size_t used = 0;
    servers_text[0] = '\0';
    for (const char *at = list; *at != '\0' && used < sizeof(servers_text);) {
        const size_t length = strcspn(at, ",");
        char *server = copy_server(at, length, true);
        used += (size_t)snprintf(servers_text + used, sizeof(servers_text) - used, "%s%s", used > 0 ? "," : "",
                                 server != NULL ? server : "?");
        free(server);
        at += length + (at[length] != '\0');
    }
}

static natsStatus set_servers(natsOptions *settings, const char *list)
{
    char *servers[NATS_SERVERS_MAX];
    int count = 0;
    natsStatus status = NATS_OK;
    for (const char *at = list; *at != '\0' && count < NATS_SERVERS_MAX;) {
        const size_t length = strcspn(at, ",");
        servers[count] = copy_server(at, length, false);
        if (servers[count] == NULL)
            status = NATS_NO_MEMORY;
        else
            count++;
        at += length + (at[length] != '\0');
    }
    if (status == NATS_OK)
        status = natsOptions_SetServers(settings, (const char **)servers, count);
    while (count > 0)
        free(servers[--count]);
    return status;
}

/* What the library said last, if it was about this status, without its place in the library's code. */
static const char *explain(natsStatus status)
{
    natsStatus last = NATS_OK;
    const char *text = nats_GetLastError(&last);
    if (text == NULL || text[0] == '\0' || last != status)
        return natsStatus_GetText(status);
    const char *place_end = text[0] == '(' ? strstr(text, "): ") : NULL;
    return place_end != NULL ? place_end + 3 : text;
}

static bool fail_setting(const struct connection *connection, const char *option, const char *file,
                         natsStatus status)
{
    (void)connection;
    say_error("%s %s: %s", option, file, explain(status));
    return false;
}

static bool is_readable(const char *option, const char *file)
{
    if (file == NULL || access(file, R_OK) == 0)
        return true;
    say_error("%s %s: cannot be read: %s", option, file, strerror(errno));
    return false;
}

static bool set_files(struct connection *connection)
{
    const struct nats_options *options = connection->options;
    natsOptions *settings = connection->settings;
    natsStatus status = NATS_OK;
    char key[NKEY_PUBLIC_BYTES];
    if (!is_readable("--creds", options->creds) || !is_readable("--nkey", options->nkey) ||
        !is_readable("--tls-ca", options->tls_ca) || !is_readable("--tls-cert", options->tls_cert) ||
        !is_readable("--tls-key", options->tls_key))
        return false;
    if (options->creds != NULL)
        status = natsOptions_SetUserCredentialsFromFiles(settings, options->creds, NULL);
    if (status != NATS_OK)
        return fail_setting(connection, "--creds", options->creds, status);
    if (options->nkey != NULL) {
        const char *problem = nkey_public_of_file(options->nkey, key);
        if (problem != NULL) {
            say_error("--nkey %s: %s", options->nkey, problem);
            return false;
        }
        status = natsOptions_SetNKeyFromSeed(settings, key, options->nkey);
    }
    if (status != NATS_OK)
        return fail_setting(connection, "--nkey", options->nkey, status);
    if (options->tls || options->tls_ca != NULL || options->tls_cert != NULL)
        status = natsOptions_SetSecure(settings, true);
    if (status != NATS_OK)
        return fail_setting(connection, "--tls", "", status);
    if (options->tls_ca != NULL)
        status = natsOptions_LoadCATrustedCertificates(settings, options->tls_ca);
    if (status != NATS_OK)
        return fail_setting(connection, "--tls-ca", options->tls_ca, status);
    if (options->tls_cert != NULL)
        status = natsOptions_LoadCertificatesChain(settings, options->tls_cert, options->tls_key);
    return status == NATS_OK || fail_setting(connection, "--tls-cert", options->tls_cert, status);
}

static natsStatus set_behaviour(natsOptions *settings, const char *name)
{
    natsStatus status = natsOptions_SetName(settings, name);
    if (status == NATS_OK)
        status = natsOptions_SetTimeout(settings, CONNECT_MS);
    if (status == NATS_OK)
        status = natsOptions_SetPingInterval(settings, PING_MS);
    if (status == NATS_OK)
        status = natsOptions_SetMaxPingsOut(settings, 2);
    if (status == NATS_OK)
        status = natsOptions_SetWriteDeadline(settings, WRITE_MS);
    if (status == NATS_OK)
        status = natsOptions_SetAllowReconnect(settings, false);
    if (status == NATS_OK)
        status = natsOptions_SetIOBufSize(settings, IO_BYTES);
    if (status == NATS_OK)
        status = natsOptions_SetErrorHandler(settings, on_error, NULL);
    return status;
}

static bool set_all(struct connection *connection, const char *queue)
{
    const struct nats_options *options = connection->options;
    char name[SHMQ_NAME_MAX + 16];
    natsStatus status = natsOptions_Create(&connection->settings);
    snprintf(name, sizeof(name), "shmq %s", queue);
    if (status == NATS_OK)
        status = set_behaviour(connection->settings, options->name != NULL ? options->name : name);
    if (status == NATS_OK)
        status = set_servers(connection->settings, options->servers);
    if (status != NATS_OK)
        return fail_setting(connection, connection->bridge, servers_text, status);
    return set_files(connection);
}

int connection_init(struct connection *connection, const struct nats_options *options, const char *bridge,
                    const char *queue, struct counters *counters, connection_tick *tick, void *context)
{
    struct connection_signals signals;
    *connection = (struct connection){.options = options,
                                      .bridge = bridge,
                                      .counters = counters,
                                      .tick = tick,
                                      .tick_context = context,
                                      .idle_since_ns = stop_now_ns(),
                                      .pause_ns = PAUSE_MIN_NS};
    wait_notice_init(&connection->notice);
    describe_servers(options->servers);
    connection_block_signals(&signals);
    const bool done = nats_Open(-1) == NATS_OK && set_all(connection, queue);
    connection_restore_signals(&signals);
    if (!done) {
        natsOptions_Destroy(connection->settings);
        connection->settings = NULL;
    }
    return done ? 0 : -EINVAL;
}

void connection_free(struct connection *connection)
{
    if (connection->settings == NULL)
        return;
    connection_drop(connection);
    natsOptions_Destroy(connection->settings);
    connection->settings = NULL;
    nats_Close();
}

/* ------------------------------------------------------------------ connecting */

void connection_set_problem(struct connection *connection, const char *what, natsStatus status)
{
    char said[CONNECTION_PROBLEM_BYTES];
    if (!connection_refusal(connection, said, sizeof(said)))
        snprintf(said, sizeof(said), "%s", explain(status));
    snprintf(connection->problem, sizeof(connection->problem), "%.100s: %.200s", what, said);
}

/* Whether it is no use to try again: the server was reached, and refused. */
static bool is_refused(natsStatus status)
{
    return status == NATS_CONNECTION_AUTH_FAILED || status == NATS_SSL_ERROR || status == NATS_ADDRESS_MISSING ||
           status == NATS_SECURE_CONNECTION_WANTED || status == NATS_SECURE_CONNECTION_REQUIRED ||
           status == NATS_INVALID_ARG || status == NATS_ILLEGAL_STATE || status == NATS_NO_SERVER_SUPPORT;
}

static const char *advice(natsStatus status)
{
    switch (status) {
    case NATS_CONNECTION_AUTH_FAILED:
        return " (check --creds or --nkey, or user and password)";
    case NATS_SECURE_CONNECTION_WANTED:
        return " (the server speaks no TLS)";
    case NATS_SSL_ERROR:
        return " (check --tls-ca, --tls-cert, and the name of the host)";
    default:
        return "";
    }
}

static enum bridge_result take_failure(struct connection *connection, natsStatus status)
{
    connection_set_problem(connection, "no connection", status);
    if (!is_refused(status)) {
        connection->refusals = 0;
        return BRIDGE_AGAIN;
    }
    /* Servers that are being set up anew may refuse for a moment. */
    if (connection->connected_once && ++connection->refusals < REFUSALS_MAX)
        return BRIDGE_AGAIN;
    say_error("%s %s: %s%s", connection->bridge, servers_text, connection->problem, advice(status));
    return BRIDGE_FAILED;
}

enum bridge_result connection_try(struct connection *connection)
{
    struct connection_signals signals;
    connection_drop(connection);
    expect_reports(NULL, true);
    connection_block_signals(&signals);
    natsStatus status = natsConnection_Connect(&connection->nats, connection->settings);
    if (status == NATS_OK)
        status = natsConnection_JetStream(&connection->js, connection->nats, NULL);
    connection_restore_signals(&signals);
    if (status != NATS_OK) {
        connection_drop(connection);
        return take_failure(connection, status);
    }
    expect_reports(connection->nats, false);
    if (connection->connected_once)
        connection->counters->reconnects++;
    connection->connected_once = true;
    connection->refusals = 0;
    return BRIDGE_OK;
}

enum bridge_result connection_open(struct connection *connection)
{
    enum bridge_result result;
    do {
        result = connection_try(connection);
    } while (result == BRIDGE_AGAIN && (result = connection_pause(connection)) == BRIDGE_OK);
    return result;
}

void connection_drop(struct connection *connection)
{
    jsCtx_Destroy(connection->js);
    connection->js = NULL;
    natsConnection_Destroy(connection->nats);
    connection->nats = NULL;
}

bool connection_is_up(const struct connection *connection)
{
    return connection->nats != NULL && natsConnection_Status(connection->nats) == NATS_CONN_STATUS_CONNECTED;
}

/* ------------------------------------------------------------------ waiting */

static int64_t jittered(int64_t ns)
{
    static uint64_t state;
    if (state == 0)
        state = generator_any_seed() | 1;
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return ns / 2 + (int64_t)(state % (uint64_t)ns) / 2;
}

bool connection_is_hopeless(struct connection *connection)
{
    char text[UNITS_SIZE];
    const int64_t limit_ns = connection->options->give_up_ns;
    if (limit_ns < 0 || stop_now_ns() - connection->idle_since_ns < limit_ns)
        return false;
    say_error("%s %s: no progress for %s: %s (see --give-up)", connection->bridge, servers_text,
              units_time(text, limit_ns), connection->problem[0] != '\0' ? connection->problem : "no answer");
    return true;
}

enum bridge_result connection_pause(struct connection *connection)
{
    const int64_t end_ns = stop_now_ns() + jittered(connection->pause_ns);
    connection->pause_ns = 2 * connection->pause_ns < PAUSE_MAX_NS ? 2 * connection->pause_ns : PAUSE_MAX_NS;
    for (int64_t now_ns = stop_now_ns(); now_ns < end_ns; now_ns = stop_now_ns()) {
        if (stop_requested != 0)
            return BRIDGE_STOPPED;
        if (connection_is_hopeless(connection))
            return BRIDGE_GAVE_UP;
        if (wait_notice_is_due(&connection->notice, connection->idle_since_ns))
            say_status("waiting for NATS at %s: %s", servers_text, connection->problem);
        stop_sleep_until(end_ns - now_ns > TICK_NS ? now_ns + TICK_NS : end_ns);
        connection->tick(connection->tick_context);
    }
    return stop_requested != 0 ? BRIDGE_STOPPED : BRIDGE_OK;
}

void connection_progress(struct connection *connection)
{
    connection->idle_since_ns = stop_now_ns();
    connection->pause_ns = PAUSE_MIN_NS;
    wait_notice_end(&connection->notice);
}
