/* SPDX-License-Identifier: MIT */
/* The part of the monitor's manual about the fields of JSON and the metrics, from the table that prints them. */
#include <stdio.h>
#include <string.h>

#include "docs/generator/generator.h"
#include "monitor/formats/fields.h"

static bool ends_with(const char *name, const char *ending)
{
    const size_t length = strlen(name);
    const size_t end = strlen(ending);
    return length > end && strcmp(name + length - end, ending) == 0;
}

static const char *unit_of(const char *name)
{
    static const char *const units[][2] = {
        {"_ns", "nanoseconds"}, {"_ms", "milliseconds"}, {"_s", "seconds since 1970"},
        {"_bytes", "bytes"},    {"_percent", "percent"}, {"_position", "cells"},
    };
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
        if (ends_with(name, units[i][0]))
            return units[i][1];
    return "number";
}

static const char *kind_of(const struct field *field)
{
    switch (field->type) {
    case FIELD_BOOL:
        return "true or false";
    case FIELD_ID:
        return "text of 16 hexadecimal digits";
    case FIELD_MODE:
        return "text of octal digits";
    case FIELD_TEXT:
    case FIELD_STATE:
        return "text";
    case FIELD_MADE:
        return ends_with(field->name, "_ms") ? "milliseconds, or null" : "text";
    case FIELD_LIST:
        return "list of objects";
    case FIELD_U32:
    case FIELD_U64:
    case FIELD_I64:
    case FIELD_PID:
        break;
    }
    return unit_of(field->name);
}

/* The help is that of the metric, which has 1 where the JSON has true. */
static void print_help(const struct field *field)
{
    static const char one[] = "1 if ";
    char text[256];
    if (field->type == FIELD_BOOL && strncmp(field->help, one, strlen(one)) == 0) {
        (void)snprintf(text, sizeof(text), "True (metric: 1) if %s", field->help + strlen(one));
        manual_text(text);
    } else {
        manual_text(field->help);
    }
}

static void print_field(const struct field *field)
{
    printf(".It Va %s Pq %s%s%s\n", field->name, kind_of(field), field->type == FIELD_I64 ? ", or null" : "",
           field->metric == METRIC_COUNTER ? "; counter" : "");
    print_help(field);
}

static void print_fields(const char *title, const struct field *fields, const struct field *more)
{
    if (title != NULL)
        printf(".Ss %s\n.Bl -tag -width Ds\n", title);
    for (const struct field *field = fields; field->name != NULL; field++)
        print_field(field);
    if (more == NULL)
        printf(".El\n");
}

void fields_print(void)
{
    printf(".Sh JSON AND METRICS\n");
    manual_text(
        "What list and show print with --json: list, an array of objects, one for each queue; show, one such "
        "object, with more at its end. A queue that cannot be opened has only the first few fields, with the "
        "reason. Later versions add fields, and neither remove nor rename any.\n\n"
        "With --prometheus, the metric of a field is called shmq_NAME, of a lane shmq_lane_NAME, of a seat "
        "shmq_seat_NAME: with _total behind a counter, and in seconds instead of nanoseconds. Labels are queue, "
        "lane and seat. shmq_up is 1 for a queue that can be read. The histogram shmq_latency_seconds is the time "
        "in queue, from put to acknowledgement; only show has it, as it alone has the metrics of lanes and "
        "seats.\n\n"
        "A number that may be null is not known then, or there is none.");
    print_fields("Fields of a queue", fields_head, fields_queue);
    print_fields(NULL, fields_queue, fields_tail);
    print_fields(NULL, fields_tail, NULL);
    print_fields("Fields of a lane", fields_lane, NULL);
    print_fields("Fields of a seat", fields_seat, NULL);
}
