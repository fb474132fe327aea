/* SPDX-License-Identifier: MIT */
#include "common/cli/progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "common/cli/say.h"
#include "common/cli/stop.h"
#include "common/cli/units.h"

#define TERMINAL_INTERVAL_NS INT64_C(250000000)
#define LINE_INTERVAL_NS INT64_C(5000000000)

void progress_init(struct progress *progress, const char *verb, bool shown)
{
    int64_t now = stop_now_ns();
    *progress = (struct progress){.verb = verb, .shown = shown, .started_ns = now, .drawn_ns = now};
    progress->terminal = isatty(STDERR_FILENO) != 0;
    progress->next_ns = now + (progress->terminal ? TERMINAL_INTERVAL_NS : LINE_INTERVAL_NS);
}

static double rate(uint64_t amount, int64_t ns)
{
    return ns <= 0 ? 0 : (double)amount * 1e9 / (double)ns;
}

void progress_draw(const struct progress *progress)
{
    char bytes[UNITS_SIZE];
    char elapsed[UNITS_SIZE];
    char message_rate[UNITS_SIZE];
    char byte_rate[UNITS_SIZE];
    int64_t now = stop_now_ns();
    int64_t since = now - progress->drawn_ns;
    units_bytes(bytes, (double)progress->bytes);
    units_duration(elapsed, now - progress->started_ns);
    units_count(message_rate, rate(progress->messages - progress->drawn_messages, since));
    units_bytes(byte_rate, rate(progress->bytes - progress->drawn_bytes, since));
    void (*say)(const char *, ...) = progress->terminal ? say_live : say_status;
    say("%s %" PRIu64 " message%s, %s in %s (now %s/s, %s/s)%s%s", progress->verb, progress->messages,
        units_plural(progress->messages), bytes, elapsed, message_rate, byte_rate,
        progress->extra[0] != '\0' ? ", " : "", progress->extra);
}

bool progress_take(struct progress *progress, struct progress *line)
{
    if (!progress->shown)
        return false;
    int64_t now = stop_now_ns();
    if (now < progress->next_ns)
        return false;
    *line = *progress;
    progress->drawn_ns = now;
    progress->drawn_messages = progress->messages;
    progress->drawn_bytes = progress->bytes;
    progress->next_ns = now + (progress->terminal ? TERMINAL_INTERVAL_NS : LINE_INTERVAL_NS);
    return true;
}

void progress_tick(struct progress *progress)
{
    struct progress line;
    if (progress_take(progress, &line))
        progress_draw(&line);
}

void progress_end(struct progress *progress)
{
    (void)progress;
    say_live_end();
}

void progress_total(const struct progress *progress, const char *extra)
{
    char bytes[UNITS_SIZE];
    char elapsed[UNITS_SIZE];
    char message_rate[UNITS_SIZE];
    char byte_rate[UNITS_SIZE];
    int64_t ns = stop_now_ns() - progress->started_ns;
    bool more = extra != NULL && extra[0] != '\0';
    say_status("%s %" PRIu64 " message%s, %s in %s (%s/s, %s/s)%s%s%s%s", progress->verb, progress->messages,
               units_plural(progress->messages), units_bytes(bytes, (double)progress->bytes),
               units_duration(elapsed, ns), units_count(message_rate, rate(progress->messages, ns)),
               units_bytes(byte_rate, rate(progress->bytes, ns)), more ? ", " : "", more ? extra : "",
               progress->extra[0] != '\0' ? ", " : "", progress->extra);
}
