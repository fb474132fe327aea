/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdio.h>

#include "common/cli/why.h"
#include "monitor/formats/fields.h"
#include "monitor/formats/json_string.h"
#include "monitor/output.h"

static void print_value(const struct field *field, const void *object)
{
    if (field->type == FIELD_TEXT) {
        json_string(stdout, field_text(field, object));
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

static void print_fields(const struct field *fields, const void *object)
{
    for (const struct field *field = fields; field->name != NULL; field++) {
        if (!field_applies(field, object))
            continue;
        if (field != fields)
            fputs(", ", stdout);
        printf("\"%s\": ", field->name);
        print_value(field, object);
    }
}

static void print_head(const struct snapshot *snapshot)
{
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
    if (snapshot->opened) {
        fputs(", ", stdout);
        print_fields(fields_queue, &snapshot->stat);
    }
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

static void print_objects(const char *name, const struct field *fields, const void *objects, size_t size,
                          uint32_t count)
{
    printf(",\n  \"%s\": [", name);
    for (uint32_t i = 0; i < count; i++) {
        fputs(i == 0 ? "\n    {" : ",\n    {", stdout);
        print_fields(fields, (const char *)objects + i * size);
        putchar('}');
    }
    putchar(']');
}

void output_show_json(const struct snapshot *snapshot)
{
    print_head(snapshot);
    print_objects("lane_list", fields_lane, snapshot->lanes, sizeof(*snapshot->lanes), snapshot->lane_count);
    print_objects("seat_list", fields_seat, snapshot->seats, sizeof(*snapshot->seats), snapshot->seat_count);
    fputs("}\n", stdout);
}
