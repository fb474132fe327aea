/* SPDX-License-Identifier: MIT */
#include "monitor/metrics/server.h"

#include <errno.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/cli/stop.h"
#include "monitor/metrics/assets.h"
#include "monitor/metrics/connections.h"

/* A connection is ended when nothing comes or goes for so long. */
#define IDLE_SECONDS 10u
/* For the head of a request; a longer one is refused. */
#define HEAD_BYTES ((size_t)16384)
/* Without a tick for so long, /healthz says that something is wrong. */
#define TICK_NS INT64_C(10000000000)

#define TEXT "text/plain; charset=utf-8"

struct document {
    struct MHD_Response *response;
    atomic_uint users; /* its maker, and the exchanges that wait to send it */
};

enum progress { WAITS, ANSWERED, UNKNOWN_QUEUE, NO_MEMORY };

/* What the server knows of a request, from its first line to the end of its answer. */
struct exchange {
    struct request request; /* first: the receiver of a request has nothing else of it */
    struct MHD_Connection *connection;
    enum progress progress;
    struct document *document; /* until it is on its way; NULL: none */
};

struct server {
    struct MHD_Daemon *daemon;
    struct connections connections;
    bool only_local; /* a Host header that names another host is refused */
    int descriptor;
    atomic_llong ticked_ns;
    pthread_mutex_t mutex; /* of what follows */
    struct request *first;
    struct request **last;
    bool stopping;
};

/* ------------------------------------------------------------------ documents */

/* The page may use what comes from here, and nothing else; no other page may show or read it. */
static void add_headers(struct MHD_Response *response, const char *type)
{
    static const char *const headers[][2] = {
        {"Cache-Control", "no-store"},
        {"Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
                                    "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"},
        {"Cross-Origin-Resource-Policy", "same-origin"},
        {"Referrer-Policy", "no-referrer"},
        {"X-Content-Type-Options", "nosniff"},
    };
    MHD_add_response_header(response, "Content-Type", type);
    for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++)
        MHD_add_response_header(response, headers[i][0], headers[i][1]);
}

struct document *document_new(const char *type, char *text, size_t length)
{
    struct document *document = malloc(sizeof(*document));
    if (document != NULL)
        document->response = MHD_create_response_from_buffer_with_free_callback(length, text, free);
    if (document == NULL || document->response == NULL) {
        free(document);
        free(text);
        return NULL;
    }
    add_headers(document->response, type);
    atomic_init(&document->users, 1);
    return document;
}

void document_free(struct document *document)
{
    if (document == NULL || atomic_fetch_sub(&document->users, 1) > 1)
        return;
    MHD_destroy_response(document->response);
    free(document);
}

/* ------------------------------------------------------------------ answers, in the server's thread */

static enum MHD_Result answer_text(struct MHD_Connection *connection, unsigned status, const char *type,
                                   const char *text, size_t length)
{
    struct MHD_Response *response =
        MHD_create_response_from_buffer(length, (void *)(uintptr_t)text, MHD_RESPMEM_PERSISTENT);
    if (response == NULL)
        return MHD_NO;
    add_headers(response, type);
    if (status == MHD_HTTP_METHOD_NOT_ALLOWED)
        MHD_add_response_header(response, "Allow", "GET, HEAD");
    const enum MHD_Result queued = MHD_queue_response(connection, status, response);
    MHD_destroy_response(response);
    return queued;
}

static enum MHD_Result answer(struct MHD_Connection *connection, unsigned status, const char *text)
{
    return answer_text(connection, status, TEXT, text, strlen(text));
}

static enum MHD_Result answer_health(const struct server *server, struct MHD_Connection *connection)
{
    if (stop_now_ns() - atomic_load(&server->ticked_ns) > TICK_NS)
        return answer(connection, MHD_HTTP_SERVICE_UNAVAILABLE, "the queues have not been looked at for 10 s\n");
    return answer(connection, MHD_HTTP_OK, "ok\n");
}

/* Hands the request over to the thread that looks at queues. */
static enum MHD_Result hand_over(struct server *server, struct exchange *exchange)
{
    static const uint64_t one = 1;
    pthread_mutex_lock(&server->mutex);
    const bool stopping = server->stopping;
    if (!stopping) {
        MHD_suspend_connection(exchange->connection);
        *server->last = &exchange->request;
        server->last = &exchange->request.next;
    }
    pthread_mutex_unlock(&server->mutex);
    if (stopping)
        return answer(exchange->connection, MHD_HTTP_SERVICE_UNAVAILABLE, "ending\n");
    const ssize_t ignored = write(server->descriptor, &one, sizeof(one));
    (void)ignored;
    return MHD_YES;
}

static enum MHD_Result ask_queue(struct server *server, struct exchange *exchange)
{
    const char *name = NULL;
    size_t length = 0;
    (void)MHD_lookup_connection_value_n(exchange->connection, MHD_GET_ARGUMENT_KIND, "name", strlen("name"), &name,
                                        &length);
    /* It may have a NUL byte. */
    if (name == NULL || strlen(name) != length || shmq_name_check(name) != 0)
        return answer(exchange->connection, MHD_HTTP_BAD_REQUEST,
                      "name=QUEUE is missing, or not a queue's name\n");
    snprintf(exchange->request.name, sizeof(exchange->request.name), "%s", name);
    exchange->request.kind = REQUEST_QUEUE;
    return hand_over(server, exchange);
}

static enum MHD_Result route(struct server *server, struct exchange *exchange, const char *path)
{
    const struct asset *asset = asset_find(path);
    if (asset != NULL)
        return answer_text(exchange->connection, MHD_HTTP_OK, asset->type, asset->begin,
                           (size_t)(asset->end - asset->begin));
    if (strcmp(path, "/healthz") == 0)
        return answer_health(server, exchange->connection);
    if (strcmp(path, "/queue.json") == 0)
        return ask_queue(server, exchange);
    exchange->request.kind = strcmp(path, "/metrics") == 0 ? REQUEST_METRICS : REQUEST_STATE;
    if (exchange->request.kind == REQUEST_STATE && strcmp(path, "/state.json") != 0)
        return answer(exchange->connection, MHD_HTTP_NOT_FOUND,
                      "not found (there are / and /metrics, /healthz, /state.json and /queue.json?name=QUEUE)\n");
    return hand_over(server, exchange);
}

/*
 * A page from elsewhere can have its own name lead to this host, and would then be allowed to read what is
 * answered: its name is in the Host header.
 */
static bool names_this_host(struct MHD_Connection *connection)
{
    static const char *const names[] = {"localhost", "[::1]"};
    const char *host = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_HOST);
    struct listen_address address;
    char text[LISTEN_ADDRESS_BYTES];
    if (host == NULL)
        return true;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        const size_t length = strlen(names[i]);
        if (strncasecmp(host, names[i], length) == 0 && (host[length] == '\0' || host[length] == ':'))
            return true;
    }
    snprintf(text, sizeof(text), strchr(host, ':') == NULL ? "%s:1" : "%s", host);
    return listen_address_read(&address, text) && listen_address_is_loopback(&address);
}

static enum MHD_Result send_answer(struct exchange *exchange)
{
    if (exchange->progress == UNKNOWN_QUEUE)
        return answer(exchange->connection, MHD_HTTP_NOT_FOUND, "no such queue\n");
    if (exchange->progress == NO_MEMORY)
        return answer(exchange->connection, MHD_HTTP_SERVICE_UNAVAILABLE, "out of memory\n");
    const enum MHD_Result queued =
        MHD_queue_response(exchange->connection, MHD_HTTP_OK, exchange->document->response);
    document_free(exchange->document);
    exchange->document = NULL;
    return queued;
}

/* Called for the head of a request, for each part of its body, at its end, and again when it is resumed. */
static enum MHD_Result handle(void *context, struct MHD_Connection *connection, const char *path,
                              const char *method, const char *version, const char *upload, size_t *upload_bytes,
                              void **kept)
{
    struct server *server = context;
    struct exchange *exchange = *kept;
    (void)version;
    (void)upload;
    if (exchange == NULL) {
        exchange = calloc(1, sizeof(*exchange));
        if (exchange == NULL)
            return MHD_NO;
        exchange->connection = connection;
        *kept = exchange;
        if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0)
            return answer(connection, MHD_HTTP_METHOD_NOT_ALLOWED, "read-only: use GET or HEAD\n");
        if (server->only_local && !names_this_host(connection))
            return answer(connection, MHD_HTTP_FORBIDDEN, "the Host header names another host\n");
        return MHD_YES;
    }
    if (*upload_bytes > 0) {
        *upload_bytes = 0;
        return MHD_YES;
    }
    return exchange->progress == WAITS ? route(server, exchange, path) : send_answer(exchange);
}

static void completed(void *context, struct MHD_Connection *connection, void **kept,
                      enum MHD_RequestTerminationCode how)
{
    struct server *server = context;
    struct exchange *exchange = *kept;
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    if (how == MHD_REQUEST_TERMINATED_COMPLETED_OK && info != NULL)
        connections_answered(&server->connections, info->socket_context);
    if (exchange != NULL)
        document_free(exchange->document);
    free(exchange);
    *kept = NULL;
}

static void connection_changed(void *context, struct MHD_Connection *connection, void **kept,
                               enum MHD_ConnectionNotificationCode what)
{
    struct server *server = context;
    if (what == MHD_CONNECTION_NOTIFY_CLOSED) {
        connections_remove(&server->connections, *kept);
        return;
    }
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    *kept = info == NULL ? NULL : connections_add(&server->connections, info->connect_fd);
}

/* ------------------------------------------------------------------ for the thread that looks at queues */

int server_descriptor(const struct server *server)
{
    return server->descriptor;
}

struct request *server_take(struct server *server)
{
    uint64_t ignored = 0;
    const ssize_t count = read(server->descriptor, &ignored, sizeof(ignored));
    (void)count;
    pthread_mutex_lock(&server->mutex);
    struct request *first = server->first;
    server->first = NULL;
    server->last = &server->first;
    pthread_mutex_unlock(&server->mutex);
    return first;
}

static void go_on(struct request *request, enum progress progress)
{
    struct exchange *exchange = (struct exchange *)request;
    exchange->progress = progress;
    MHD_resume_connection(exchange->connection);
}

void server_answer(struct server *server, struct request *request, struct document *document)
{
    struct exchange *exchange = (struct exchange *)request;
    (void)server;
    if (document == NULL) {
        go_on(request, UNKNOWN_QUEUE);
        return;
    }
    atomic_fetch_add(&document->users, 1);
    exchange->document = document;
    go_on(request, ANSWERED);
}

void server_refuse(struct server *server, struct request *request)
{
    (void)server;
    go_on(request, NO_MEMORY);
}

void server_tick(struct server *server)
{
    atomic_store(&server->ticked_ns, stop_now_ns());
    connections_sweep(&server->connections);
}

/* ------------------------------------------------------------------ beginning and end */

/* Return: a listening socket; a negative errno. */
static int listen_at(struct listen_address *address, const char **what)
{
    const int yes = 1;
    struct sockaddr *name = (struct sockaddr *)&address->socket;
    *what = "cannot make a socket";
    const int fd = socket(address->socket.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -errno;
    *what = "cannot listen there";
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
    address->length = sizeof(address->socket);
    const socklen_t length =
        address->socket.ss_family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
    if (bind(fd, name, length) == 0 && listen(fd, SOMAXCONN) == 0 && getsockname(fd, name, &address->length) == 0)
        return fd;
    const int error = -errno;
    close(fd);
    return error;
}

static struct MHD_Daemon *start_daemon(struct server *server, int fd)
{
    const unsigned flags = MHD_USE_AUTO_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME;
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    sigdelset(&all, SIGBUS); /* it is of the thread that touches the memory */
    pthread_sigmask(SIG_BLOCK, &all, &before);
    struct MHD_Daemon *daemon = MHD_start_daemon(
        flags, 0, NULL, NULL, handle, server, MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT,
        (unsigned)(CONNECTIONS_MOST + CONNECTIONS_SPARE), MHD_OPTION_CONNECTION_TIMEOUT, IDLE_SECONDS,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, HEAD_BYTES, MHD_OPTION_NOTIFY_COMPLETED, completed, server,
        MHD_OPTION_NOTIFY_CONNECTION, connection_changed, server, MHD_OPTION_END);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return daemon;
}

int server_start(struct server **out, struct listen_address *address, const char **what)
{
    const int fd = listen_at(address, what);
    if (fd < 0)
        return fd;
    struct server *server = calloc(1, sizeof(*server));
    int error = -ENOMEM;
    *what = "cannot start the server";
    if (server == NULL)
        goto close_socket;
    server->last = &server->first;
    server->only_local = listen_address_is_loopback(address);
    pthread_mutex_init(&server->mutex, NULL);
    connections_init(&server->connections);
    atomic_store(&server->ticked_ns, stop_now_ns());
    server->descriptor = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (server->descriptor < 0) {
        error = -errno;
        goto free_server;
    }
    errno = 0;
    server->daemon = start_daemon(server, fd);
    if (server->daemon != NULL) {
        *out = server;
        return 0;
    }
    error = errno != 0 ? -errno : -ENOMEM;
    close(server->descriptor);
free_server:
    free(server);
close_socket:
    close(fd);
    return error;
}

/* All that is suspended has to be resumed first. */
void server_stop(struct server *server)
{
    pthread_mutex_lock(&server->mutex);
    server->stopping = true;
    pthread_mutex_unlock(&server->mutex);
    for (struct request *request = server_take(server); request != NULL;) {
        struct request *next = request->next;
        server_refuse(server, request);
        request = next;
    }
    MHD_stop_daemon(server->daemon);
    close(server->descriptor);
    free(server);
}
