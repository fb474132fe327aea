/* SPDX-License-Identifier: MIT */
#include "common/queue/missing.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { PARTS = 8, PART_BYTES = 32 };

/* What is missing, in the order of the file. */
struct parts {
    uint64_t from; /* the first byte that is missing */
    char names[PARTS][PART_BYTES];
    uint32_t count;
};

__attribute__((format(printf, 2, 3))) static void add(struct parts *parts, const char *format, ...)
{
    va_list arguments;
    if (parts->count == PARTS)
        return;
    va_start(arguments, format);
    (void)vsnprintf(parts->names[parts->count++], PART_BYTES, format, arguments);
    va_end(arguments);
}

static void add_seats(struct parts *parts, const struct geometry *g)
{
    const uint32_t seats = g->parameters.seats;
    if (parts->from <= g->seats_offset) {
        add(parts, "all seats");
        return;
    }
    const uint64_t first = (parts->from - g->seats_offset) / sizeof(struct seat);
    if (first + 1 == seats)
        add(parts, "seat %u", seats - 1);
    else if (first < seats)
        add(parts, "seats %u to %u", (uint32_t)first, seats - 1);
}

static void add_buffers(struct parts *parts, const struct geometry *g)
{
    if (parts->from <= g->buffers_offset)
        add(parts, "seat buffers");
    else if (parts->from < g->lanes_offset)
        add(parts, "part of the seat buffers");
}

/* Those that were never used had nothing. */
static void add_lanes(struct parts *parts, const struct shmq *handle)
{
    const struct geometry *g = handle_geometry(handle);
    uint32_t whole = 0;
    uint32_t last = 0;
    for (uint32_t i = 0; i < g->parameters.lanes; i++) {
        const uint64_t begin = geometry_lane_offset(g, i);
        if (!handle_lane_used(handle, i) || parts->from >= begin + g->lane_bytes)
            continue;
        if (parts->from > begin) {
            add(parts, "part of lane %u", i);
            continue;
        }
        whole++;
        last = i;
    }
    if (whole == 1)
        add(parts, "lane %u", last);
    else if (whole > 1)
        add(parts, "%u lanes", whole);
}

static void add_events(struct parts *parts, const struct shmq *handle)
{
    const struct geometry *g = handle_geometry(handle);
    const uint64_t recorded = atomic_load_explicit(&handle->header->events, memory_order_relaxed);
    const uint64_t kept = recorded < EVENTS ? recorded : EVENTS;
    if (kept > 0 && parts->from <= g->events_offset)
        add(parts, "the events");
    else if (parts->from < g->events_offset + kept * sizeof(struct event))
        add(parts, "part of the events");
}

static void collect(struct parts *parts, const struct shmq *handle)
{
    const struct geometry *g = handle_geometry(handle);
    add_seats(parts, g);
    add_buffers(parts, g);
    add_lanes(parts, handle);
    if (parts->from < g->events_offset)
        add(parts, "slots of sources");
    add_events(parts, handle);
    if ((g->parameters.features & FEATURE_NO_LATENCY) == 0)
        add(parts, "times of messages");
}

const char *missing_describe(const struct shmq *handle, char text[static MISSING_BYTES])
{
    const struct object *object = &handle->object;
    const uint64_t bytes = handle_geometry(handle)->object_bytes;
    struct parts parts = {.from = object->readable_bytes};
    text[0] = '\0';
    if (!object->copy || object->readable_bytes >= bytes)
        return text;
    collect(&parts, handle);
    int used = snprintf(text, MISSING_BYTES, "the file %s at byte %llu of %llu: without %s",
                        object->readable_bytes < object->file_bytes ? "cannot be read" : "ends",
                        (unsigned long long)object->readable_bytes, (unsigned long long)bytes,
                        parts.count > 0 ? parts.names[0] : "anything that was in use");
    for (uint32_t i = 1; i < parts.count && used > 0 && used < MISSING_BYTES; i++)
        used += snprintf(text + used, MISSING_BYTES - (size_t)used, "%s%s", i + 1 < parts.count ? ", " : " and ",
                         parts.names[i]);
    return text;
}
