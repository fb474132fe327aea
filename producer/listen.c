/* SPDX-License-Identifier: MIT */
#include "producer/listen.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/cli/say.h"
#include "common/cli/stop.h"
#include "common/cli/units.h"
#include "producer/datagrams.h"
#include "producer/listener.h"
#include "producer/stream.h"

/* How long no connection is accepted after a shortage, unless one ends before. */
#define RETRY_NS INT64_C(1000000000)
/* Each has a turn of one read at a time, so that none starves the others. */
enum { EVENTS = 64, ACCEPTED_AT_ONCE = 16 };

/* What epoll reports: a listener, or the connection that has it as its first member. */
struct endpoint {
    struct listener *listener; /* NULL: a connection */
};

struct connection {
    struct endpoint endpoint;
    struct stream stream;
    struct connection *next;
    struct connection *before;
};

struct server {
    struct publisher *publisher;
    const struct options *options;
    int epoll;
    struct listener *listeners;
    struct endpoint *endpoints; /* of the listeners */
    size_t listener_count;
    struct connection *connections;
    size_t connection_count;
    struct stream_reader reader;
    struct datagrams datagrams;
    bool short_of_descriptors; /* accepts nothing at present */
    int64_t retry_ns;          /* when it tries again */
    uint64_t lost_datagrams;   /* read but not put */
    uint64_t unfinished;       /* clients that were in the middle of a message at the end */
    uint64_t unfinished_bytes;
};

enum flow listen_check(struct publisher *publisher, const struct options *options)
{
    enum flow flow = FLOW_CONTINUE;
    for (size_t i = 0; i < options->listen_count && flow == FLOW_CONTINUE; i++)
        flow = listener_check(&options->listens[i], publisher);
    return flow;
}

/* ------------------------------------------------------------------ connections */

static bool watch(const struct server *server, int fd, struct endpoint *endpoint)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = endpoint};
    return epoll_ctl(server->epoll, EPOLL_CTL_ADD, fd, &event) == 0;
}

static void accept_again(struct server *server)
{
    if (!server->short_of_descriptors)
        return;
    server->short_of_descriptors = false;
    for (size_t i = 0; i < server->listener_count; i++)
        if (!server->listeners[i].address->datagram)
            (void)watch(server, server->listeners[i].fd, &server->endpoints[i]);
}

/* Accepts nothing until a connection ends: the listeners would be reported as ready again and again. */
static void pause_accepting(struct server *server, int error)
{
    if (server->retry_ns == 0)
        say_status("no more than %zu connection%s at once: %s (clients wait; see 'ulimit -n')",
                   server->connection_count, units_plural(server->connection_count), strerrordesc_np(error));
    server->short_of_descriptors = true;
    server->retry_ns = stop_now_ns() + RETRY_NS;
    for (size_t i = 0; i < server->listener_count; i++)
        if (!server->listeners[i].address->datagram)
            epoll_ctl(server->epoll, EPOLL_CTL_DEL, server->listeners[i].fd, NULL);
}

/* All 0: not known. */
static struct ucred peer_of(int fd)
{
    struct ucred peer = {0};
    socklen_t size = sizeof(peer);
    (void)getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size);
    return peer;
}

static bool add_connection(struct server *server, const struct listener *listener, int fd)
{
    struct connection *connection = calloc(1, sizeof(*connection));
    if (connection == NULL)
        return false;
    const struct ucred peer = peer_of(fd);
    stream_init(&connection->stream, &server->reader, fd, listener->address->text, peer.pid);
    const bool prepared = !server->options->source_headers ||
                          source_headers_set_peer(&connection->stream.headers, peer.pid, peer.uid);
    if (!prepared || !watch(server, fd, &connection->endpoint)) {
        source_headers_free(&connection->stream.headers);
        free(connection);
        return false;
    }
    connection->next = server->connections;
    if (server->connections != NULL)
        server->connections->before = connection;
    server->connections = connection;
    server->connection_count++;
    return true;
}

static void end_connection(struct server *server, struct connection *connection)
{
    if (connection->next != NULL)
        connection->next->before = connection->before;
    if (connection->before != NULL)
        connection->before->next = connection->next;
    else
        server->connections = connection->next;
    server->connection_count--;
    stream_close(&connection->stream);
    free(connection);
    accept_again(server);
}

/* Accepts one connection. Return: 0, also if it has ended meanwhile; a negative errno. */
static int accept_one(struct server *server, const struct listener *listener)
{
    const int fd = accept4(listener->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0)
        return errno == EINTR || errno == ECONNABORTED ? 0 : -errno;
    if (add_connection(server, listener, fd))
        return 0;
    close(fd);
    say_error("%s: out of memory: a connection is refused", listener->address->text);
    return -ENOMEM;
}

static void accept_some(struct server *server, const struct listener *listener)
{
    int error = 0;
    for (int i = 0; i < ACCEPTED_AT_ONCE && error == 0; i++)
        error = accept_one(server, listener);
    if (error != 0 && error != -EAGAIN)
        pause_accepting(server, -error);
}

static enum flow read_connection(struct server *server, struct connection *connection)
{
    enum stream_state state;
    enum flow flow = stream_read(&connection->stream, &server->reader, false, &state);
    if (flow == FLOW_CONTINUE && state == STREAM_ENDED)
        end_connection(server, connection);
    return flow;
}

static enum flow read_datagrams(struct server *server, const struct listener *listener, bool *empty)
{
    uint64_t lost;
    enum flow flow = datagrams_read(&server->datagrams, listener->fd, listener->address->text, empty, &lost);
    server->lost_datagrams += lost;
    return flow;
}

/* ------------------------------------------------------------------ the loop */

static enum flow handle(struct server *server, struct endpoint *endpoint)
{
    bool empty;
    if (endpoint->listener == NULL)
        return read_connection(server, (struct connection *)endpoint);
    if (endpoint->listener->address->datagram)
        return read_datagrams(server, endpoint->listener, &empty);
    accept_some(server, endpoint->listener);
    return FLOW_CONTINUE;
}

static int64_t earlier(int64_t a, int64_t b)
{
    return a < 0 ? b : b < 0 ? a : a < b ? a : b;
}

static enum flow await_events(struct server *server)
{
    struct publisher *publisher = server->publisher;
    const int error = echo_flush(&publisher->echo);
    if (error != 0)
        return publisher_fail(publisher, EXIT_FAILED, "standard output: cannot be written: %s",
                              strerrordesc_np(-error));
    const int64_t retry = server->short_of_descriptors ? server->retry_ns : -1;
    const int ready = stop_wait_fd(server->epoll, POLLIN, earlier(publisher_next_tick_ns(publisher), retry));
    if (ready < 0 && ready != -EINTR)
        return publisher_fail(publisher, EXIT_FAILED, "clients cannot be waited for: %s", strerrordesc_np(-ready));
    if (server->short_of_descriptors && stop_now_ns() >= server->retry_ns)
        accept_again(server);
    publisher_tick(publisher);
    return stop_requested != 0 ? FLOW_END : FLOW_CONTINUE;
}

static enum flow serve(struct server *server)
{
    struct epoll_event events[EVENTS];
    for (;;) {
        enum flow flow = FLOW_CONTINUE;
        const int count = epoll_wait(server->epoll, events, EVENTS, 0);
        if (count <= 0)
            flow = await_events(server);
        for (int i = 0; i < count && flow == FLOW_CONTINUE; i++)
            flow = handle(server, events[i].data.ptr);
        if (flow == FLOW_CONTINUE && stop_requested != 0)
            flow = FLOW_END;
        if (flow != FLOW_CONTINUE)
            return flow;
    }
}

/* ------------------------------------------------------------------ the end */

static bool has_ended(int fd)
{
    struct pollfd state = {.fd = fd, .events = POLLRDHUP};
    return poll(&state, 1, 0) > 0 && (state.revents & (POLLRDHUP | POLLHUP)) != 0;
}

/*
 * Reads what the kernel has accepted of a connection, and ends it. From here on the kernel accepts no more of it,
 * so that this comes to an end. If the client has not ended it, an unfinished message is not put.
 */
static enum flow finish_connection(struct server *server, struct connection *connection)
{
    const bool cut = !has_ended(connection->stream.fd);
    enum stream_state state = STREAM_OPEN;
    enum flow flow = FLOW_CONTINUE;
    shutdown(connection->stream.fd, SHUT_RD);
    while (flow == FLOW_CONTINUE && state == STREAM_OPEN)
        flow = stream_read(&connection->stream, &server->reader, cut, &state);
    if (flow != FLOW_CONTINUE)
        return flow;
    if (connection->stream.kept_bytes > 0) {
        server->unfinished++;
        server->unfinished_bytes += connection->stream.kept_bytes;
    }
    end_connection(server, connection);
    return FLOW_CONTINUE;
}

/* Those who wait to be accepted may have sent something already. */
static enum flow finish_listener(struct server *server, const struct listener *listener)
{
    enum flow flow = FLOW_CONTINUE;
    bool empty = false;
    while (flow == FLOW_CONTINUE && !empty) {
        const struct connection *before = server->connections;
        if (listener->address->datagram)
            flow = read_datagrams(server, listener, &empty);
        else if (accept_one(server, listener) != 0)
            empty = true;
        else if (server->connections != before)
            flow = finish_connection(server, server->connections);
    }
    return flow;
}

/* After a stop request: puts what has been received. */
static enum flow finish(struct server *server)
{
    enum flow flow = FLOW_CONTINUE;
    while (server->connections != NULL && flow == FLOW_CONTINUE)
        flow = finish_connection(server, server->connections);
    for (size_t i = 0; i < server->listener_count && flow == FLOW_CONTINUE; i++)
        flow = finish_listener(server, &server->listeners[i]);
    if (server->unfinished > 0)
        say_error("%" PRIu64 " client%s in the middle of a message at the signal: %" PRIu64
                  " byte%s of it not put",
                  server->unfinished, server->unfinished == 1 ? " was" : "s were", server->unfinished_bytes,
                  server->unfinished_bytes == 1 ? " is" : "s are");
    return flow == FLOW_CONTINUE ? FLOW_END : flow;
}

/* What can no longer be put. */
static void count_lost(struct server *server, uint64_t *bytes, uint64_t *datagrams)
{
    *bytes = 0;
    *datagrams = server->lost_datagrams;
    for (size_t i = 0; i < server->listener_count; i++) {
        const struct listener *listener = &server->listeners[i];
        if (listener->fd < 0)
            continue;
        if (!listener->address->datagram)
            while (accept_one(server, listener) == 0) {
            }
        else
            while (recv(listener->fd, NULL, 0, MSG_DONTWAIT) >= 0)
                (*datagrams)++;
    }
    for (const struct connection *at = server->connections; at != NULL; at = at->next) {
        int unread = 0;
        if (ioctl(at->stream.fd, FIONREAD, &unread) == 0 && unread > 0)
            *bytes += (uint64_t)unread;
        *bytes += at->stream.kept_bytes;
    }
}

/* Exit status 0 means that all that was received is in the queue. */
static enum flow report_lost(struct server *server, enum flow flow)
{
    struct publisher *publisher = server->publisher;
    const bool counted = flow == FLOW_END && publisher->left == 0;
    uint64_t bytes;
    uint64_t datagrams;
    count_lost(server, &bytes, &datagrams);
    if (bytes == 0 && datagrams == 0)
        return flow;
    char text[128];
    (void)snprintf(text, sizeof(text), "%" PRIu64 " byte%s and %" PRIu64 " datagram%s", bytes, units_plural(bytes),
                   datagrams, units_plural(datagrams));
    if (counted)
        say_detail("%s were received but not put", text);
    else if (flow == FLOW_FAILED)
        say_error("%s were received but could not be put", text);
    else
        return publisher_fail(publisher, EXIT_FAILED,
                              "%s were received but could not be put before the signal (the queue was full; start "
                              "consumers first)",
                              text);
    return flow;
}

/* ------------------------------------------------------------------ all of it */

/* As many connections as the user is allowed to have. */
static void raise_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == limit.rlim_max)
        return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

static enum flow open_server(struct server *server)
{
    struct publisher *publisher = server->publisher;
    const struct options *options = server->options;
    server->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (server->epoll < 0)
        return publisher_fail(publisher, EXIT_FAILED, "clients cannot be waited for: %s", strerrordesc_np(errno));
    server->listeners = calloc(options->listen_count, sizeof(*server->listeners));
    server->endpoints = calloc(options->listen_count, sizeof(*server->endpoints));
    if (server->listeners == NULL || server->endpoints == NULL ||
        !stream_reader_init(&server->reader, publisher, options) ||
        !datagrams_init(&server->datagrams, publisher, options, &server->reader.refused))
        return publisher_fail_memory(publisher);
    raise_limit();
    for (size_t i = 0; i < options->listen_count; i++) {
        struct listener *listener = &server->listeners[i];
        enum flow flow = listener_open(listener, &options->listens[i], options->listen_mode, publisher);
        server->listener_count++;
        if (flow != FLOW_CONTINUE)
            return flow;
        server->endpoints[i].listener = listener;
        if (!watch(server, listener->fd, &server->endpoints[i]))
            return publisher_fail(publisher, EXIT_FAILED, "clients cannot be waited for: %s",
                                  strerrordesc_np(errno));
        say_detail("%s: listening", options->listens[i].text);
    }
    return FLOW_CONTINUE;
}

static void close_server(struct server *server)
{
    for (struct connection *connection = server->connections; connection != NULL;) {
        struct connection *next = connection->next;
        stream_close(&connection->stream);
        free(connection);
        connection = next;
    }
    for (size_t i = 0; i < server->listener_count; i++)
        listener_close(&server->listeners[i]);
    if (server->epoll >= 0)
        close(server->epoll);
    datagrams_free(&server->datagrams);
    stream_reader_free(&server->reader);
    free(server->endpoints);
    free(server->listeners);
}

enum flow listen_run(struct publisher *publisher, const struct options *options)
{
    struct server *server = calloc(1, sizeof(*server));
    if (server == NULL)
        return publisher_fail_memory(publisher);
    server->publisher = publisher;
    server->options = options;
    enum flow flow = open_server(server);
    if (flow == FLOW_CONTINUE) {
        flow = serve(server);
        for (size_t i = 0; i < server->listener_count; i++)
            listener_stop(&server->listeners[i]);
        if (flow == FLOW_END && publisher->left > 0)
            flow = finish(server);
        flow = report_lost(server, flow);
        refused_report(&server->reader.refused);
    }
    close_server(server);
    free(server);
    return flow;
}
