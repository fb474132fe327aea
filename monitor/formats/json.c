/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdio.h>

#include "common/cli/percentile.h"
#include "common/cli/why.h"
#include "monitor/formats/fields.h"
#include "monitor/formats/json_string.h"
#include "monitor/output.h"

static void print_value(const struct field *field, const void *object, const char *state)
{
    if (field->type == FIELD_TEXT || field->type == FIELD_STATE) {
        json_string(stdout, field->type == FIELD_TEXT ? field_text(field, object) : state);
        return;
    }
    uint64_t value = field_unsigned(field, object);
    switch (field->type) {
    case FIELD_ID: /* a string, because many JSON readers cannot represent 64-bit numbers exactly */
        printf("\"%016" PRIx64 "\"", value);
        break;
    case FIELD_MODE:
        printf("\"%04" PRIo64 "\"", value);
        break;
    case FIELD_BOOL:
        fputs(value != 0 ? "true" : "false", stdout);
        break;
    case FIELD_PID:
        printf("%" PRId32, (int32_t)value);
        break;
    case FIELD_I64:
        if ((int64_t)value < 0)
            fputs("null", stdout);
        else
            printf("%" PRIu64, value);
        break;
    default:
        printf("%" PRIu64, value);
    }
}

/* @state  of the producer or consumer, if it is about one */
static void print_fields(const struct field *fields, const void *object, const char *state)
{
    for (const struct field *field = fields; field->name != NULL; field++) {
        if (!field_applies(field, object))
            continue;
        if (field != fields)
            fputs(", ", stdout);
        printf("\"%s\": ", field->name);
        print_value(field, object, state);
    }
}

/* What cannot be known without all lanes is null. */
static void print_queue_fields(const struct snapshot *snapshot)
{
    for (const struct field *field = fields_queue; field->name != NULL; field++) {
        printf(", \"%s\": ", field->name);
        if (snapshot->lanes_missing && field_is_of_lanes(field))
            fputs("null", stdout);
        else
            print_value(field, &snapshot->stat, NULL);
    }
}

static void print_head(const struct snapshot *snapshot)
{
    char why[WHY_BYTES];
    fputs("{\"name\": ", stdout);
    json_string(stdout, snapshot->name);
    if (snapshot->file != NULL) {
        fputs(", \"file\": ", stdout);
        json_string(stdout, snapshot->file);
    }
    fputs(", \"state\": ", stdout);
    json_string(stdout, why_queue_word(snapshot));
    if (snapshot->error != 0) {
        fputs(", \"reason\": ", stdout);
        json_string(stdout, snapshot_reason(snapshot));
    }
    fputs(", \"why\": ", stdout);
    json_string(stdout, why_it_waits(snapshot, why, sizeof(why)));
    if (snapshot->opened)
        print_queue_fields(snapshot);
}

void output_list_json(const struct snapshots *snapshots)
{
    fputs("[", stdout);
    for (size_t i = 0; i < snapshots->count; i++) {
        fputs(i == 0 ? "\n  " : ",\n  ", stdout);
        print_head(&snapshots->items[i]);
        putchar('}');
    }
    fputs(snapshots->count > 0 ? "\n]\n" : "]\n", stdout);
}

static void print_latency(const struct snapshot *snapshot)
{
    static const struct {
        const char *name;
        double percent;
    } percentiles[] = {{"p50", 50}, {"p90", 90}, {"p99", 99}, {"max", 100}};
    bool any = false;
    for (size_t i = 0; snapshot->latency != NULL && i < SHMQ_LATENCY_BUCKETS && !any; i++)
        any = snapshot->latency[i] != 0;
    for (size_t i = 0; i < sizeof(percentiles) / sizeof(percentiles[0]); i++) {
        printf(", \"latency_%s_ms\": ", percentiles[i].name);
        if (any)
            printf("%" PRIu64, percentile_ms(snapshot->latency, percentiles[i].percent));
        else
            fputs("null", stdout);
    }
}

static void begin_object(uint32_t index)
{
    fputs(index == 0 ? "\n    {" : ",\n    {", stdout);
}

void output_show_json(const struct snapshot *snapshot)
{
    print_head(snapshot);
    print_latency(snapshot);
    fputs(",\n  \"lane_list\": [", stdout);
    for (uint32_t i = 0; i < snapshot->lane_count; i++) {
        begin_object(i);
        print_fields(fields_lane, &snapshot->lanes[i], why_state_word(why_producer(&snapshot->lanes[i])));
        putchar('}');
    }
    fputs("],\n  \"seat_list\": [", stdout);
    for (uint32_t i = 0; i < snapshot->seat_count; i++) {
        const enum party_state state = why_consumer(&snapshot->stat, &snapshot->seats[i]);
        begin_object(i);
        print_fields(fields_seat, &snapshot->seats[i], why_state_word(state));
        putchar('}');
    }
    fputs("]}\n", stdout);
}
