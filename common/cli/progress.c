/* SPDX-License-Identifier: MIT */
#include "common/cli/progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "common/cli/colour.h"
#include "common/cli/queue_look.h"
#include "common/cli/say.h"
#include "common/cli/stop.h"
#include "common/cli/terminal.h"
#include "common/cli/units.h"

#define TERMINAL_INTERVAL_NS INT64_C(250000000)
#define LINE_INTERVAL_NS INT64_C(10000000000)
#define RATE_S 0.5
#define MEAN_S 5.0
#define LEFT_MOST_S (1000.0 * 24 * 3600)      /* nobody believes more */
#define LEFT_STILL_NS (PROGRESS_STILL_NS / 2) /* a time left is no longer told after so long */
#define NS_PER_S 1e9

enum { PERCENT = 100, LOOK_COST = 20, NAME_BYTES = 80 };

/* ------------------------------------------------------------------ measuring */

int64_t progress_interval(int64_t wanted_ns, bool terminal)
{
    if (wanted_ns > 0)
        return wanted_ns;
    return terminal ? TERMINAL_INTERVAL_NS : LINE_INTERVAL_NS;
}

static void begin_meter(struct progress_meter *meter, uint64_t value, int64_t now_ns)
{
    *meter = (struct progress_meter){.value = value, .begun_ns = now_ns, .moved_ns = now_ns};
}

void progress_meters_init(struct progress_meters *meters, const struct progress_reading *reading, int64_t now_ns,
                          int64_t interval_ns)
{
    *meters = (struct progress_meters){.interval_ns = interval_ns, .read_ns = now_ns};
    begin_meter(&meters->in, reading->in, now_ns);
    begin_meter(&meters->out, reading->out, now_ns);
    begin_meter(&meters->bytes, reading->bytes, now_ns);
    begin_meter(&meters->done, reading->done, now_ns);
}

bool progress_is_still(const struct progress_meters *meters, const struct progress_meter *meter)
{
    return meters->read_ns - meter->moved_ns >= PROGRESS_STILL_NS;
}

/* @before: for how long the mean was taken already; at first, it is the mean since the beginning. */
static void move_towards(double *mean, double rate, double seconds, double before, double window)
{
    *mean += (rate - *mean) * seconds / (seconds + (before < window ? before : window));
}

static void read_meter(const struct progress_meters *meters, struct progress_meter *meter, uint64_t value,
                       int64_t now_ns)
{
    const double seconds = (double)(now_ns - meters->read_ns) / NS_PER_S;
    const double interval = (double)meters->interval_ns / NS_PER_S;
    if (seconds <= 0)
        return;
    const uint64_t before = meter->value;
    const double rate = value < before ? 0 : (double)(value - before) / seconds;
    if (value != before && progress_is_still(meters, meter)) {
        /* What was before, and the part of this interval in which it still stood, tell nothing of what comes. */
        begin_meter(meter, value, now_ns);
        meter->rate = rate;
        return;
    }
    const double measured = (double)(meters->read_ns - meter->begun_ns) / NS_PER_S;
    move_towards(&meter->rate, rate, seconds, measured, interval > RATE_S ? interval : RATE_S);
    move_towards(&meter->mean, rate, seconds, measured, interval > MEAN_S ? interval : MEAN_S);
    if (value != before)
        meter->moved_ns = now_ns;
    meter->value = value;
}

static int percent_of(uint64_t done, uint64_t total)
{
    if (total == 0 || done > total)
        return -1;
    return (int)((double)done * PERCENT / (double)total);
}

/* The rest of an input takes so long; what is not known yet, or would take for ever, is -1. */
static int64_t left_of(const struct progress_meters *meters, const struct progress_reading *reading)
{
    const struct progress_meter *done = &meters->done;
    if (reading->total == 0 || reading->done >= reading->total || done->mean <= 0 ||
        meters->read_ns - done->moved_ns >= LEFT_STILL_NS || meters->read_ns - done->begun_ns < PROGRESS_STILL_NS)
        return -1;
    const double ns = (double)(reading->total - reading->done) / done->mean * NS_PER_S;
    return ns < LEFT_MOST_S * NS_PER_S ? (int64_t)ns : -1;
}

static double rate_of(const struct progress_meters *meters, const struct progress_meter *meter)
{
    return progress_is_still(meters, meter) ? 0 : meter->rate;
}

void progress_measure(struct progress_meters *meters, const struct progress_reading *reading, int64_t now_ns,
                      struct progress_view *view)
{
    read_meter(meters, &meters->in, reading->in, now_ns);
    read_meter(meters, &meters->out, reading->out, now_ns);
    read_meter(meters, &meters->bytes, reading->bytes, now_ns);
    read_meter(meters, &meters->done, reading->done, now_ns);
    meters->read_ns = now_ns;
    view->in = reading->in;
    view->out = reading->out;
    view->in_rate = rate_of(meters, &meters->in);
    view->out_rate = rate_of(meters, &meters->out);
    view->byte_rate = rate_of(meters, &meters->bytes);
    view->done_percent = percent_of(reading->done, reading->total);
    view->left_ns = left_of(meters, reading);
}

int64_t progress_next_look(int64_t begun_ns, int64_t now_ns, int64_t draw_ns)
{
    /* A look at a large queue must not take a noticeable part of the time. */
    const int64_t pause = (now_ns - begun_ns) * LOOK_COST;
    const int64_t next_ns = now_ns + PROGRESS_LOOK_NS < draw_ns ? now_ns + PROGRESS_LOOK_NS : draw_ns;
    return next_ns > now_ns + pause ? next_ns : now_ns + pause;
}

void progress_write(const struct progress_view *view, bool terminal, const char *name)
{
    char text[PROGRESS_TEXT_BYTES];
    if (!terminal)
        say_in_passing("%s", progress_text(view, "", SIZE_MAX, text));
    else if (terminal_is_ours(STDERR_FILENO))
        /* A line of the full width would leave the cursor on the next line of some terminals. */
        say_live(progress_text(view, name, terminal_columns(STDERR_FILENO) - 1, text));
}

/* ------------------------------------------------------------------ a producer's or consumer's line */

void progress_init(struct progress *progress, const char *verb, bool shown, int64_t interval_ns)
{
    const int64_t now = stop_now_ns();
    *progress =
        (struct progress){.verb = verb, .shown = shown && say_get_level() >= SAY_STATUS, .started_ns = now};
    progress->terminal = colour_is_terminal(STDERR_FILENO);
    const int64_t interval = progress_interval(interval_ns, progress->terminal);
    progress->interval_ns = interval < PROGRESS_LOOK_NS ? interval : PROGRESS_LOOK_NS;
    progress->draw_ns = now + interval;
    progress->next_ns = progress_next_look(now, now, progress->draw_ns);
    progress_meters_init(&progress->meters, &(struct progress_reading){0}, now, interval);
}

static int look(const struct progress *progress, struct queue_look *seen)
{
    return progress->produces ? queue_look_lane(progress->queue, seen) : queue_look(progress->queue, seen);
}

void progress_attach(struct progress *progress, struct shmq *queue, const char *name, bool produces)
{
    struct queue_look seen;
    progress->queue = progress->shown ? queue : NULL;
    progress->queue_name = name;
    progress->produces = produces;
    if (progress->queue == NULL || look(progress, &seen) != 0)
        return;
    progress->gone_before = seen.put - seen.left;
    const struct progress_reading now = {.in = produces ? 0 : seen.left};
    progress_meters_init(&progress->meters, &now, stop_now_ns(), progress->meters.interval_ns);
}

void progress_set_source(struct progress *progress, uint64_t done_bytes, uint64_t total_bytes)
{
    progress->counts.source_bytes = done_bytes;
    progress->total_bytes = total_bytes;
    progress->meters.done.value = done_bytes;
}

/* What is done of what is to be done. */
static void set_done(const struct progress *progress, const struct progress_counts *counts,
                     struct progress_reading *reading)
{
    const bool counted = progress->total_messages > 0;
    if (progress->total_bytes > 0 &&
        (!counted || (double)counts->source_bytes / (double)progress->total_bytes >
                         (double)counts->messages / (double)progress->total_messages)) {
        reading->done = counts->source_bytes;
        reading->total = progress->total_bytes;
    } else if (counted) {
        reading->done = counts->messages;
        reading->total = progress->total_messages;
    }
}

/* @seen: NULL: the queue cannot be read */
static void read_producer(const struct progress *progress, const struct progress_counts *counts,
                          const struct queue_look *seen, struct progress_reading *reading)
{
    reading->in = counts->messages;
    /* The lane is in order, so the last ones are those that are left. */
    reading->out = seen != NULL && counts->messages > seen->left ? counts->messages - seen->left : 0;
    set_done(progress, counts, reading);
}

static void read_consumer(const struct progress *progress, const struct progress_counts *counts,
                          const struct queue_look *seen, struct progress_reading *reading)
{
    reading->in = seen != NULL ? seen->put - progress->gone_before : counts->messages;
    reading->out = counts->messages;
    set_done(progress, counts, reading);
    if (reading->total == 0 && seen != NULL && seen->ended && !progress->endless && reading->in >= seen->left) {
        reading->done = reading->in - seen->left;
        reading->total = reading->in;
    }
}

static const char *why_still(const struct progress *progress, const struct progress_counts *counts,
                             char text[static QUEUE_LOOK_TEXT_BYTES])
{
    if (progress->queue != NULL && (counts->blocked || (counts->waits_for == NULL && !progress->produces)))
        return queue_look_why(progress->queue, progress->queue_name, counts->blocked, text);
    if (counts->waits_for == NULL)
        return "";
    snprintf(text, QUEUE_LOOK_TEXT_BYTES, "waits for %s", counts->waits_for);
    return text;
}

static void write_line(struct progress *progress, const struct progress_counts *counts, struct progress_view *view)
{
    char still[QUEUE_LOOK_TEXT_BYTES];
    char name[NAME_BYTES];
    const struct progress_meters *meters = &progress->meters;
    if (progress_is_still(meters, progress->produces ? &meters->in : &meters->out))
        view->still = why_still(progress, counts, still);
    snprintf(name, sizeof(name), "%s: ", say_program());
    progress_write(view, progress->terminal, name);
}

/* @wanted: a line is due, too */
static void look_and_draw(struct progress *progress, const struct progress_counts *counts, bool wanted)
{
    struct queue_look seen = {0};
    struct progress_reading reading = {.bytes = counts->bytes};
    struct progress_view view = {.fill_percent = -1, .extra = counts->extra, .still = ""};
    const bool known = progress->queue != NULL && look(progress, &seen) == 0;
    if (known)
        view.fill_percent = counts->blocked ? PERCENT : seen.fill_percent;
    if (progress->produces)
        read_producer(progress, counts, known ? &seen : NULL, &reading);
    else
        read_consumer(progress, counts, known ? &seen : NULL, &reading);
    progress_measure(&progress->meters, &reading, stop_now_ns(), &view);
    if (wanted)
        write_line(progress, counts, &view);
}

bool progress_is_due(const struct progress *progress)
{
    return progress->shown && stop_now_ns() >= progress->next_ns;
}

void progress_draw(struct progress *progress, const struct progress_counts *counts)
{
    const int64_t begun = stop_now_ns();
    const bool wanted = begun >= progress->draw_ns;
    look_and_draw(progress, counts, wanted);
    const int64_t now = stop_now_ns();
    if (wanted)
        progress->draw_ns = now + progress->meters.interval_ns;
    progress->next_ns = progress_next_look(begun, now, progress->draw_ns);
}

void progress_tick(struct progress *progress)
{
    if (progress_is_due(progress))
        progress_draw(progress, &progress->counts);
}

void progress_end(struct progress *progress)
{
    if (progress->shown)
        say_live_end();
}

static double rate(uint64_t amount, int64_t ns)
{
    return ns <= 0 ? 0 : (double)amount * NS_PER_S / (double)ns;
}

void progress_total(const struct progress *progress, const struct progress_counts *counts, const char *extra)
{
    char bytes[UNITS_SIZE];
    char elapsed[UNITS_SIZE];
    char message_rate[UNITS_SIZE];
    char byte_rate[UNITS_SIZE];
    const int64_t ns = stop_now_ns() - progress->started_ns;
    const bool more = extra != NULL && extra[0] != '\0';
    say_status("%s %" PRIu64 " message%s, %s in %s (%s/s, %s/s)%s%s%s%s", progress->verb, counts->messages,
               units_plural(counts->messages), units_bytes(bytes, (double)counts->bytes),
               units_duration(elapsed, ns), units_count(message_rate, rate(counts->messages, ns)),
               units_bytes(byte_rate, rate(counts->bytes, ns)), more ? ", " : "", more ? extra : "",
               counts->extra[0] != '\0' ? ", " : "", counts->extra);
}
