/* SPDX-License-Identifier: MIT */
#include "monitor/metrics/state.h"

#include <inttypes.h>
#include <string.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "common/cli/bus_guard.h"
#include "common/cli/percentile.h"
#include "common/cli/why.h"
#include "monitor/formats/event.h"
#include "monitor/formats/json_string.h"

/* Points of a history that is shown small: one a second. */
enum { SMALL_STEP = 2 };

static int64_t realtime_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void write_text(FILE *out, const char *name, const char *text)
{
    fprintf(out, ",\"%s\":", name);
    json_string(out, text);
}

/* Numbers above 2^53 are not exact in a browser, which is no matter on a page. */
static void write_number(FILE *out, const char *name, uint64_t number)
{
    fprintf(out, ",\"%s\":%" PRIu64, name, number);
}

/* An age; null: unknown. */
static void write_age(FILE *out, const char *name, int64_t ns)
{
    if (ns < 0)
        fprintf(out, ",\"%s\":null", name);
    else
        fprintf(out, ",\"%s\":%" PRId64, name, ns / 1000000);
}

static void write_rate(FILE *out, const char *name, double rate)
{
    fprintf(out, ",\"%s\":%.1f", name, rate);
}

/* ------------------------------------------------------------------ history */

static float member(const struct rates_point *point, char which)
{
    return which == 'f' ? point->fill : which == 'i' ? point->in : point->out;
}

/* The oldest point comes first. A step of several points is their mean; null: nobody looked. */
static void write_history(FILE *out, const char *name, const struct rates *rates, uint32_t step)
{
    const uint32_t used = rates->used - rates->used % step;
    const char *separator = "";
    fprintf(out, ",\"%s\":[", name);
    for (uint32_t ago = used; ago >= step; ago -= step) {
        double sum = 0;
        uint32_t known = 0;
        for (uint32_t i = 1; i <= step; i++) {
            const struct rates_point point = rates_at(rates, ago - i);
            sum += point.known ? (double)member(&point, name[0]) : 0;
            known += point.known;
        }
        if (known == 0)
            fprintf(out, "%snull", separator);
        else
            fprintf(out, "%s%.*f", separator, sum / known < 100 && step == 1 ? 1 : 0, sum / known);
        separator = ",";
    }
    putc(']', out);
}

/* ------------------------------------------------------------------ a queue */

static void write_readable(FILE *out, const struct watched *item)
{
    const struct shmq_stat *stat = &item->snapshot.stat;
    write_number(out, "messages", stat->messages);
    write_number(out, "leased", stat->leased);
    write_number(out, "aside", stat->aside);
    write_number(out, "bytes", stat->message_bytes);
    write_number(out, "fill", stat->fill_percent);
    write_age(out, "oldest_ms", stat->oldest_ns);
    write_number(out, "producers", stat->producers);
    write_number(out, "consumers", stat->consumers);
    write_number(out, "blocked", stat->blocked);
    write_number(out, "sleepers", stat->sleepers);
    write_number(out, "unfinished", stat->unfinished);
    write_number(out, "dead_letters", stat->dead_letters);
    write_number(out, "memory", stat->reserved_bytes);
    write_rate(out, "in", rates_in(&item->rates));
    write_rate(out, "out", rates_out(&item->rates));
}

static void write_head(FILE *out, const struct watched *item)
{
    char text[WHY_BYTES];
    const struct snapshot *seen = &item->snapshot;
    fputs("{\"name\":", out);
    json_string(out, seen->name);
    if (item->missing) {
        fputs(",\"word\":\"missing\",\"state\":\"missing\",\"why\":\"there is no such queue\",\"owner\":\"\"",
              out);
        return;
    }
    write_text(out, "word", why_queue_word(seen));
    write_text(out, "state", why_queue_state(seen, text, sizeof(text)));
    write_text(out, "owner", item->owner);
    if (seen->error != 0) {
        write_text(out, "why", snapshot_reason(seen));
    } else {
        write_text(out, "why", why_it_waits(seen, text, sizeof(text)));
        write_readable(out, item);
    }
}

static void write_shm(FILE *out)
{
    struct statvfs shm;
    if (statvfs("/dev/shm", &shm) == 0)
        fprintf(out, ",\"shm\":{\"size\":%" PRIu64 ",\"free\":%" PRIu64 "}",
                (uint64_t)shm.f_blocks * (uint64_t)shm.f_frsize, (uint64_t)shm.f_bavail * (uint64_t)shm.f_frsize);
}

static void write_begin(FILE *out, const struct watch *watch)
{
    char host[256] = "";
    (void)gethostname(host, sizeof(host) - 1);
    fputs("{\"host\":", out);
    json_string(out, host);
    write_text(out, "version", shmq_version());
    write_number(out, "look", watch->looks);
    fprintf(out, ",\"time_ms\":%" PRId64 ",\"interval_ms\":%" PRId64, realtime_ms(), RATES_INTERVAL_NS / 1000000);
    write_shm(out);
}

void state_write_all(FILE *out, const struct watch *watch)
{
    write_begin(out, watch);
    fputs(",\"queues\":[", out);
    for (size_t i = 0; i < watch->count; i++) {
        const struct watched *item = watch->items[i];
        if (i > 0)
            fputs(",\n", out);
        write_head(out, item);
        write_history(out, "fills", &item->rates, SMALL_STEP);
        write_history(out, "ins", &item->rates, SMALL_STEP);
        write_history(out, "outs", &item->rates, SMALL_STEP);
        putc('}', out);
    }
    fputs("]}\n", out);
}

/* ------------------------------------------------------------------ one queue in detail */

/* A bridge to a broker, if the producer or consumer is one. */
static void write_bridge(FILE *out, const uint64_t *words)
{
    if (words[SHMQ_BRIDGE_PRESENT] == 0)
        return;
    fprintf(out, ",\"bridge\":{\"connected\":%s", words[SHMQ_BRIDGE_CONNECTED] != 0 ? "true" : "false");
    write_number(out, "in_flight", words[SHMQ_BRIDGE_IN_FLIGHT]);
    write_number(out, "acknowledged", words[SHMQ_BRIDGE_ACKNOWLEDGED]);
    write_number(out, "refused", words[SHMQ_BRIDGE_REFUSED]);
    write_number(out, "reconnects", words[SHMQ_BRIDGE_RECONNECTS]);
    putc('}', out);
}

static void write_lane(FILE *out, const struct watched *item, const struct shmq_lane_stat *lane)
{
    const enum party_state state = why_producer(lane);
    fprintf(out, "{\"number\":%" PRIu32 ",\"pid\":%jd", lane->lane, (intmax_t)lane->pid);
    write_text(out, "program", lane->program);
    write_text(out, "word", why_state_word(state));
    write_text(out, "state", why_state_text(state));
    write_number(out, "priority", lane->priority);
    write_rate(out, "rate", rates_of_lane(&item->rates, lane->lane));
    write_number(out, "total", lane->put_messages);
    write_number(out, "messages", lane->messages);
    write_number(out, "used", lane->used_bytes);
    write_age(out, "oldest_ms", lane->oldest_ns);
    write_age(out, "blocked_ms", lane->blocked_for_ns);
    write_bridge(out, lane->bridge);
    putc('}', out);
}

static void write_seat(FILE *out, const struct watched *item, const struct shmq_seat_stat *seat)
{
    const enum party_state state = why_consumer(&item->snapshot.stat, seat);
    fprintf(out, "{\"number\":%" PRIu32 ",\"pid\":%jd", seat->seat, (intmax_t)seat->pid);
    write_text(out, "program", seat->program);
    write_text(out, "word", why_state_word(state));
    write_text(out, "state", why_state_text(state));
    write_rate(out, "rate", rates_of_seat(&item->rates, seat->seat));
    write_number(out, "total", seat->delivered);
    write_number(out, "leased", seat->leased);
    write_age(out, "leased_ms", seat->leased > 0 ? seat->leased_ns : -1);
    write_number(out, "attempts", seat->attempts);
    write_number(out, "failed", seat->failed);
    write_bridge(out, seat->bridge);
    putc('}', out);
}

static void write_parties(FILE *out, const struct watched *item)
{
    const struct snapshot *seen = &item->snapshot;
    fputs(",\"lanes\":[", out);
    for (uint32_t i = 0; i < seen->lane_count; i++) {
        if (i > 0)
            putc(',', out);
        write_lane(out, item, &seen->lanes[i]);
    }
    fputs("],\"seats\":[", out);
    for (uint32_t i = 0; i < seen->seat_count; i++) {
        if (i > 0)
            putc(',', out);
        write_seat(out, item, &seen->seats[i]);
    }
    putc(']', out);
}

static void write_facts(FILE *out, const struct shmq_stat *stat)
{
    write_number(out, "capacity", stat->capacity_bytes);
    write_number(out, "lanes_all", stat->lanes);
    write_number(out, "seats_all", stat->seats);
    write_number(out, "largest", stat->max_message_bytes);
    write_number(out, "object", stat->object_bytes);
    write_number(out, "high_water", stat->high_water_bytes);
    write_number(out, "put", stat->put_messages);
    write_number(out, "acknowledged", stat->acknowledged);
    write_number(out, "failed", stat->failed);
    write_number(out, "redelivered", stat->redelivered);
    write_number(out, "dropped", stat->dropped);
    write_number(out, "refused", stat->refused);
    write_number(out, "too_long", stat->too_long);
    write_number(out, "deaths", stat->deaths);
    write_number(out, "blocked_ms", stat->blocked_ns / 1000000);
}

/* ------------------------------------------------------------------ times and events */

static void write_latency(FILE *out, struct watched *item)
{
    watched_add_latency(item);
    const uint64_t *counts = item->snapshot.latency;
    uint64_t measured = 0;
    for (uint32_t i = 0; counts != NULL && i < SHMQ_LATENCY_BUCKETS; i++)
        measured += counts[i];
    if (measured > item->snapshot.stat.acknowledged) /* the histogram is read later than the counters */
        measured = item->snapshot.stat.acknowledged;
    if (measured == 0)
        return;
    fprintf(out, ",\"latency\":{\"measured\":%" PRIu64, measured);
    write_number(out, "p50", percentile_ms(counts, 50));
    write_number(out, "p99", percentile_ms(counts, 99));
    write_number(out, "max", percentile_ms(counts, 100));
    putc('}', out);
}

enum { EVENTS_SHOWN = 8 };

struct events {
    struct shmq *handle;
    uint64_t from;
    struct shmq_event items[EVENTS_SHOWN];
    uint32_t count;
};

static int add_event(void *context, const struct shmq_event *event)
{
    struct events *events = context;
    if (events->count == EVENTS_SHOWN) /* more came meanwhile: the last ones are wanted */
        memmove(events->items, &events->items[1], sizeof(*event) * (EVENTS_SHOWN - 1));
    else
        events->count++;
    events->items[events->count - 1] = *event;
    return 0;
}

static int take_events(void *context)
{
    struct events *events = context;
    return shmq_events(events->handle, events->from, add_event, events);
}

/* The newest event comes first. */
static void write_events(FILE *out, struct watched *item)
{
    const uint64_t recorded = item->snapshot.stat.events;
    struct events events = {.handle = item->handle, .from = recorded > EVENTS_SHOWN ? recorded - EVENTS_SHOWN : 0};
    char text[EVENT_TEXT_SIZE];
    if (bus_guard_call(take_events, &events) != 0)
        return;
    fputs(",\"events\":[", out);
    for (uint32_t i = events.count; i > 0; i--) {
        const struct shmq_event *event = &events.items[i - 1];
        fprintf(out, "%s{\"time_ms\":%" PRId64, i == events.count ? "" : ",", event->realtime_ns / 1000000);
        write_text(out, "text", event_sentence(event, text, sizeof(text)));
        putc('}', out);
    }
    putc(']', out);
}

void state_write_queue(FILE *out, const struct watch *watch, struct watched *item)
{
    write_begin(out, watch);
    fputs(",\"queue\":", out);
    write_head(out, item);
    write_history(out, "fills", &item->rates, 1);
    write_history(out, "ins", &item->rates, 1);
    write_history(out, "outs", &item->rates, 1);
    if (item->snapshot.opened) {
        write_facts(out, &item->snapshot.stat);
        write_parties(out, item);
    }
    if (item->handle != NULL) {
        write_latency(out, item);
        write_events(out, item);
    }
    fputs("}}\n", out);
}
