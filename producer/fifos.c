/* SPDX-License-Identifier: MIT */
#include "producer/fifos.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cli/say.h"
#include "common/cli/stop.h"
#include "common/cli/units.h"

enum { EVENTS = 64, PIPE_BYTES = 1024 * 1024 };

void fifos_init(struct fifos *fifos, struct publisher *publisher, const struct options *options)
{
    *fifos = (struct fifos){.publisher = publisher, .options = options, .epoll = -1, .other = -1};
}

static void forget(struct fifos *fifos, struct fifo *fifo)
{
    struct fifo **at = &fifos->first;
    while (*at != fifo)
        at = &(*at)->next;
    *at = fifo->next;
    stream_close(&fifo->stream);
    free(fifo->path);
    free(fifo);
}

void fifos_free(struct fifos *fifos)
{
    while (fifos->first != NULL)
        forget(fifos, fifos->first);
    stream_reader_free(&fifos->reader);
    if (fifos->epoll >= 0)
        close(fifos->epoll);
    fifos->epoll = -1;
}

/* ------------------------------------------------------------------ opening */

/* Without O_NONBLOCK it would wait for a writer. Return: a descriptor; -ESTALE if it is no FIFO; a negative errno.
 */
static int open_fifo(const char *path, struct stat *st)
{
    int fd;
    do {
        fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    } while (fd < 0 && errno == EINTR);
    if (fd < 0)
        return -errno;
    if (fstat(fd, st) == 0 && S_ISFIFO(st->st_mode)) {
        fcntl(fd, F_SETPIPE_SZ, PIPE_BYTES); /* fails harmlessly if the user's quota is used up */
        return fd;
    }
    close(fd);
    return -ESTALE;
}

static bool watch(const struct fifos *fifos, int fd, struct fifo *fifo)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = fifo};
    return epoll_ctl(fifos->epoll, EPOLL_CTL_ADD, fd, &event) == 0;
}

static int prepare(struct fifos *fifos)
{
    if (fifos->epoll >= 0)
        return 0;
    if (!stream_reader_init(&fifos->reader, fifos->publisher, fifos->options)) {
        stream_reader_free(&fifos->reader);
        return -ENOMEM;
    }
    fifos->epoll = epoll_create1(EPOLL_CLOEXEC);
    return fifos->epoll < 0 ? -errno : 0;
}

static int add(struct fifos *fifos, const char *path)
{
    struct stat st = {0};
    const int fd = open_fifo(path, &st);
    if (fd < 0)
        return fd;
    struct fifo *fifo = calloc(1, sizeof(*fifo));
    char *copy = strdup(path);
    const bool prepared =
        fifo != NULL && copy != NULL &&
        (!fifos->options->source_headers || source_headers_set_file(&fifo->stream.headers, path));
    if (!prepared || !watch(fifos, fd, fifo)) {
        const int error = prepared ? -errno : -ENOMEM;
        if (fifo != NULL)
            source_headers_free(&fifo->stream.headers);
        free(fifo);
        free(copy);
        close(fd);
        return error;
    }
    const struct source_headers headers = fifo->stream.headers;
    stream_init(&fifo->stream, &fifos->reader, fd, copy, 0);
    fifo->stream.headers = headers;
    fifo->path = copy;
    fifo->device = st.st_dev;
    fifo->inode = st.st_ino;
    fifo->named = true;
    fifo->next = fifos->first;
    fifos->first = fifo;
    return 0;
}

/*
 * Opens it anew, so that it is not reported as ended until the next writer has come and gone. The old descriptor
 * is closed after that: a writer must not find a FIFO without a reader. Return: false if the path leads elsewhere.
 */
static bool reopen(struct fifos *fifos, struct fifo *fifo)
{
    struct stat st = {0};
    const int fd = open_fifo(fifo->path, &st);
    if (fd < 0)
        return false;
    if (st.st_dev != fifo->device || st.st_ino != fifo->inode || !watch(fifos, fd, fifo)) {
        close(fd);
        return false;
    }
    close(fifo->stream.fd);
    fifo->stream.fd = fd;
    fifo->stream.offset = 0;
    return true;
}

/* ------------------------------------------------------------------ scans */

void fifos_begin_scan(struct fifos *fifos)
{
    for (struct fifo *fifo = fifos->first; fifo != NULL; fifo = fifo->next)
        fifo->named = false;
}

int fifos_found(struct fifos *fifos, const char *path)
{
    struct stat st;
    if (stat(path, &st) != 0)
        return -errno;
    for (struct fifo *fifo = fifos->first; fifo != NULL; fifo = fifo->next) {
        if (fifo->device == st.st_dev && fifo->inode == st.st_ino) {
            fifo->named = true;
            return 0;
        }
    }
    const int error = prepare(fifos);
    return error != 0 ? error : add(fifos, path);
}

/* ------------------------------------------------------------------ reading */

/* Its messages have headers of another length than those of other sources. */
static enum flow set_own_headers(struct fifos *fifos, struct fifo *fifo)
{
    if (!fifos->options->source_headers)
        return FLOW_CONTINUE;
    enum flow flow = publisher_set_own_headers(fifos->publisher, source_headers_longest(&fifo->stream.headers));
    fifo->stream.framer.max_message = (size_t)fifos->publisher->max_message;
    return flow;
}

/* What was read cannot be read again, unlike that of a file. */
static enum flow read_once(struct fifos *fifos, struct fifo *fifo, enum stream_state *state)
{
    const bool rereadable = fifos->publisher->rereadable;
    enum flow flow = set_own_headers(fifos, fifo);
    fifos->publisher->rereadable = false;
    if (flow == FLOW_CONTINUE)
        flow = stream_read(&fifo->stream, &fifos->reader, false, state);
    fifos->publisher->rereadable = rereadable;
    return flow;
}

/* Gives it a turn. Forgets it if it has ended and no path leads to it. */
static enum flow read_fifo(struct fifos *fifos, struct fifo *fifo, enum stream_state *state)
{
    const size_t before = fifo->stream.kept_bytes;
    enum flow flow = read_once(fifos, fifo, state);
    if (flow != FLOW_CONTINUE)
        return flow;
    if (fifo->stream.kept_bytes != before)
        fifo->grown_ns = stop_now_ns();
    if (*state == STREAM_ENDED && (!fifo->named || !reopen(fifos, fifo))) {
        say_detail("%s: was renamed or removed, and its last writer has gone: left", fifo->path);
        forget(fifos, fifo);
    }
    return FLOW_CONTINUE;
}

enum flow fifos_end_scan(struct fifos *fifos)
{
    enum flow flow = FLOW_CONTINUE;
    struct fifo *fifo = fifos->first;
    while (fifo != NULL && flow == FLOW_CONTINUE) {
        struct fifo *next = fifo->next;
        enum stream_state state;
        if (!fifo->named)
            flow = read_fifo(fifos, fifo, &state);
        fifo = next;
    }
    return flow;
}

enum flow fifos_read(struct fifos *fifos)
{
    struct epoll_event events[EVENTS];
    enum flow flow = FLOW_CONTINUE;
    enum stream_state state;
    if (fifos->first == NULL)
        return flow;
    const int count = epoll_wait(fifos->epoll, events, EVENTS, 0);
    for (int i = 0; i < count && flow == FLOW_CONTINUE; i++) {
        if (events[i].data.ptr == NULL)
            continue;
        flow = read_fifo(fifos, events[i].data.ptr, &state);
        if (flow == FLOW_CONTINUE && stop_requested != 0)
            flow = FLOW_END;
    }
    return flow;
}

static int64_t due_ns(const struct fifos *fifos, const struct fifo *fifo)
{
    return fifos->options->partial_ns < 0 || fifo->stream.kept_bytes == 0
               ? -1
               : fifo->grown_ns + fifos->options->partial_ns;
}

int64_t fifos_due_ns(const struct fifos *fifos)
{
    int64_t first = -1;
    for (const struct fifo *fifo = fifos->first; fifo != NULL; fifo = fifo->next) {
        const int64_t due = due_ns(fifos, fifo);
        if (due >= 0 && (first < 0 || due < first))
            first = due;
    }
    return first;
}

enum flow fifos_put_due(struct fifos *fifos, int64_t now_ns)
{
    enum flow flow = FLOW_CONTINUE;
    for (struct fifo *fifo = fifos->first; fifo != NULL && flow == FLOW_CONTINUE; fifo = fifo->next) {
        const int64_t due = due_ns(fifos, fifo);
        if (due < 0 || due > now_ns)
            continue;
        flow = set_own_headers(fifos, fifo);
        if (flow == FLOW_CONTINUE)
            flow = stream_put_rest(&fifo->stream, &fifos->reader);
    }
    return flow;
}

int fifos_descriptor(struct fifos *fifos, int other)
{
    if (fifos->first == NULL)
        return other;
    if (other >= 0 && fifos->other != other && watch(fifos, other, NULL))
        fifos->other = other;
    return fifos->epoll;
}

/* ------------------------------------------------------------------ the end */

static bool writers_have_gone(const struct fifo *fifo)
{
    struct pollfd state = {.fd = fifo->stream.fd, .events = POLLIN};
    return poll(&state, 1, 0) > 0 && (state.revents & POLLHUP) != 0;
}

static enum flow fail_unfinished(struct fifos *fifos, const struct fifo *fifo)
{
    const size_t bytes = fifo->stream.kept_bytes;
    return publisher_fail(fifos->publisher, EXIT_FAILED,
                          "%s: %zu byte%s read but could not be put before the signal", fifo->path, bytes,
                          bytes == 1 ? " was" : "s were");
}

enum flow fifos_finish(struct fifos *fifos)
{
    enum flow end = FLOW_END;
    for (struct fifo *fifo = fifos->first; fifo != NULL; fifo = fifo->next) {
        enum flow flow = FLOW_CONTINUE;
        enum stream_state state = writers_have_gone(fifo) ? STREAM_OPEN : STREAM_DRY;
        while (state == STREAM_OPEN && flow == FLOW_CONTINUE)
            flow = read_once(fifos, fifo, &state);
        if (fifo->stream.kept_bytes > 0)
            flow = fail_unfinished(fifos, fifo);
        if (flow == FLOW_FAILED)
            end = flow;
    }
    refused_report(&fifos->reader.refused);
    return end;
}
