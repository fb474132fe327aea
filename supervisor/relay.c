/* SPDX-License-Identifier: MIT */
#include "supervisor/relay.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include "common/cli/options.h"
#include "common/cli/say.h"
#include "common/cli/units.h"

enum { OUT_BYTES = RELAY_BYTES + 4096, WRITE_US = 20000, READS = 8, PIPE_ROUNDS = 4 };

static struct relay *say_relay; /* the relay that say.h writes to */

/* ------------------------------------------------------------------ reading */

/* Removes the beginning of a line whose rest is dropped. */
static void drop_unfinished(struct relay_source *source)
{
    const char *newline = memrchr(source->text, '\n', source->filled);
    source->filled = newline != NULL ? (size_t)(newline - source->text) + 1 : 0;
}

/* Buffers the text; what does not fit is dropped in whole lines, including a beginning that is already buffered.
 */
static void take_text(struct relay_source *source, const char *text, size_t bytes)
{
    while (bytes > 0) {
        const char *newline = memchr(text, '\n', bytes);
        size_t length = newline != NULL ? (size_t)(newline - text) + 1 : bytes;
        bool fits = length <= RELAY_BYTES - source->filled;
        if (!source->discarding && fits) {
            memcpy(source->text + source->filled, text, length);
            source->filled += length;
        } else {
            if (!source->discarding) {
                drop_unfinished(source);
                source->dropped++;
            }
            source->discarding = newline == NULL;
        }
        text += length;
        bytes -= length;
    }
}

void relay_read(struct relay *relay, struct relay_source *source)
{
    char text[PIPE_BUF];
    /* Reads no more than this at once, so that the other sources get their turn. */
    for (int reads = 0; source->fd >= 0 && reads < READS; reads++) {
        ssize_t got = read(source->fd, text, sizeof(text));
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0 && errno == EAGAIN)
            return;
        if (got <= 0) {
            close(source->fd);
            source->fd = -1;
            return;
        }
        uint64_t dropped = source->dropped;
        take_text(source, text, (size_t)got);
        if (source->dropped != dropped)
            relay_write(relay);
    }
}

static void say_through_relay(const char *text, size_t bytes)
{
    take_text(&say_relay->own, text, bytes);
    relay_write(say_relay);
}

/* ------------------------------------------------------------------ writing */

static void add_out(struct relay *relay, const char *text, size_t bytes)
{
    memcpy(relay->out + relay->out_filled, text, bytes);
    relay->out_filled += bytes;
}

static void hide_live(struct relay *relay)
{
    if (relay->live_shown)
        add_out(relay, "\r\033[K", 4);
    relay->live_shown = false;
}

/* Returns the size of the source's next line, or of all the rest if no more will come; 0 if there is none. */
static size_t next_line(const struct relay_source *source)
{
    const char *newline = memchr(source->text, '\n', source->filled);
    if (newline != NULL)
        return (size_t)(newline - source->text) + 1;
    return source->fd < 0 || source->filled == RELAY_BYTES ? source->filled : 0;
}

/* Moves the next line of a source to the output buffer. Returns false if there is no line or no room for it. */
static bool give_line(struct relay *relay, struct relay_source *source)
{
    size_t length = next_line(source);
    size_t label = strlen(source->label);
    /* Includes room for a newline and for hiding and redrawing the live line. */
    if (length == 0 || relay->out_filled + label + length + 1 + sizeof(relay->live) > OUT_BYTES)
        return false;
    hide_live(relay);
    add_out(relay, source->label, label);
    add_out(relay, source->text, length);
    if (source->text[length - 1] != '\n')
        add_out(relay, "\n", 1);
    source->filled -= length;
    memmove(source->text, source->text + length, source->filled);
    return true;
}

/* Whether dropped lines can be reported: there is room again, and the report does not interrupt a line. */
static bool can_report_dropped(const struct relay_source *source)
{
    return source->dropped > 0 && source->filled <= RELAY_BYTES / 2 &&
           (source->filled == 0 || source->text[source->filled - 1] == '\n');
}

static void report_dropped(struct relay_source *source)
{
    char text[128];
    if (!can_report_dropped(source))
        return;
    int length = snprintf(text, sizeof(text), "(%" PRIu64 " line%s dropped: nobody read them in time)\n",
                          source->dropped, units_plural(source->dropped));
    memcpy(source->text + source->filled, text, (size_t)length);
    source->filled += (size_t)length;
    source->dropped = 0;
}

static bool give_from(struct relay *relay, struct relay_source *source)
{
    report_dropped(source);
    return give_line(relay, source);
}

static bool is_drained(const struct relay_source *source)
{
    return source->filled == 0 && source->dropped == 0;
}

static void free_leaving(struct relay *relay)
{
    for (struct relay_source **at = &relay->sources; *at != NULL;) {
        struct relay_source *source = *at;
        if (!source->leaving || !is_drained(source)) {
            at = &source->next;
            continue;
        }
        *at = source->next;
        free(source->text);
        free(source);
    }
}

/* Takes one line from each source in turn, as long as there is room. */
static void fill_out(struct relay *relay)
{
    bool given = true;
    if (relay->out_written < relay->out_filled)
        return;
    relay->out_filled = relay->out_written = 0;
    while (given) {
        given = give_from(relay, &relay->own);
        for (struct relay_source *source = relay->sources; source != NULL; source = source->next)
            given = give_from(relay, source) || given;
    }
    free_leaving(relay);
    if (relay->live[0] == '\0' || relay->live_shown)
        return;
    add_out(relay, relay->live, strlen(relay->live));
    relay->live_shown = true;
}

/*
 * Writes without blocking for long. A pipe that poll reports as writable takes PIPE_BUF bytes at once, unless
 * another writer was faster, and a terminal takes part of them. If the write blocks nevertheless, a timer signal
 * ends it.
 */
static ssize_t write_soon(const struct relay *relay, const char *text, size_t bytes)
{
    static const struct itimerval soon = {{0, WRITE_US}, {0, WRITE_US}};
    static const struct itimerval never = {{0, 0}, {0, 0}};
    struct pollfd room = {.fd = STDERR_FILENO, .events = POLLOUT};
    if (!relay->may_block)
        return write(STDERR_FILENO, text, bytes);
    if (poll(&room, 1, 0) <= 0) {
        errno = EAGAIN;
        return -1;
    }
    setitimer(ITIMER_REAL, &soon, NULL);
    ssize_t written = write(STDERR_FILENO, text, bytes < PIPE_BUF ? bytes : PIPE_BUF);
    int error = errno;
    setitimer(ITIMER_REAL, &never, NULL);
    errno = error;
    return written;
}

void relay_write(struct relay *relay)
{
    for (;;) {
        fill_out(relay);
        size_t left = relay->out_filled - relay->out_written;
        if (left == 0)
            return;
        ssize_t written = relay->broken ? (ssize_t)left : write_soon(relay, relay->out + relay->out_written, left);
        if (written >= 0) {
            relay->out_written += (size_t)written;
        } else if (errno == EAGAIN || errno == EINTR) {
            return;
        } else {
            relay->broken = true;
        }
    }
}

bool relay_has_more(const struct relay *relay)
{
    if (relay->out_written < relay->out_filled || can_report_dropped(&relay->own) || next_line(&relay->own) > 0)
        return true;
    for (const struct relay_source *source = relay->sources; source != NULL; source = source->next) {
        if (can_report_dropped(source) || next_line(source) > 0)
            return true;
    }
    return false;
}

void relay_set_live(struct relay *relay, const char *text)
{
    if (relay->out_written < relay->out_filled)
        return; /* the pending output may include the old line */
    fill_out(relay);
    hide_live(relay);
    snprintf(relay->live, sizeof(relay->live), "%s", text);
    if (text[0] != '\0') {
        add_out(relay, relay->live, strlen(relay->live));
        relay->live_shown = true;
    }
    relay_write(relay);
}

/* ------------------------------------------------------------------ sources */

_Noreturn static void out_of_memory(void)
{
    say_error("memory: %s", strerrordesc_np(ENOMEM));
    exit(EXIT_FAILED);
}

void relay_init(struct relay *relay)
{
    struct stat st;
    *relay = (struct relay){.own = {.fd = -1}};
    relay->out = malloc(OUT_BYTES);
    relay->own.text = malloc(RELAY_BYTES);
    if (relay->out == NULL || relay->own.text == NULL)
        out_of_memory();
    relay->may_block = fstat(STDERR_FILENO, &st) == 0 && !S_ISREG(st.st_mode);
    say_relay = relay;
    say_set_writer(say_through_relay);
}

int relay_add(struct relay *relay, const char *label, struct relay_source **added)
{
    int ends[2];
    struct relay_source *source = calloc(1, sizeof(*source));
    char *text = malloc(RELAY_BYTES);
    if (source == NULL || text == NULL || pipe2(ends, O_CLOEXEC) != 0) {
        int error = source == NULL || text == NULL ? ENOMEM : errno;
        free(source);
        free(text);
        return -error;
    }
    fcntl(ends[0], F_SETFL, O_NONBLOCK);
    *source = (struct relay_source){.fd = ends[0], .text = text};
    snprintf(source->label, sizeof(source->label), "%s", label);
    struct relay_source **last = &relay->sources;
    while (*last != NULL)
        last = &(*last)->next;
    *last = source;
    *added = source;
    return ends[1];
}

static void close_source(struct relay *relay, struct relay_source *source)
{
    for (int rounds = 0; rounds < PIPE_ROUNDS && source->fd >= 0; rounds++)
        relay_read(relay, source);
    if (source->fd >= 0)
        close(source->fd);
    source->fd = -1;
}

void relay_remove(struct relay *relay, struct relay_source *source)
{
    close_source(relay, source);
    source->leaving = true;
    relay_write(relay);
}

void relay_remove_all(struct relay *relay)
{
    for (struct relay_source *source = relay->sources; source != NULL; source = source->next)
        close_source(relay, source);
    for (struct relay_source *source = relay->sources; source != NULL; source = source->next)
        source->leaving = true;
    relay_write(relay);
}

size_t relay_open_sources(const struct relay *relay)
{
    size_t count = 0;
    for (const struct relay_source *source = relay->sources; source != NULL; source = source->next)
        count += source->fd >= 0;
    return count;
}
