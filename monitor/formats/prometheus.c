/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdio.h>

#include "monitor/formats/fields.h"
#include "monitor/output.h"

/* All samples of a metric must follow its HELP and TYPE lines, so the outer loop is over metrics. */

static void print_metric_head(FILE *out, const char *prefix, const struct field *field)
{
    const char *total = field->metric == METRIC_COUNTER ? "_total" : "";
    fprintf(out, "# HELP shmq_%s%s%s %s\n", prefix, field->name, total, field->help);
    fprintf(out, "# TYPE shmq_%s%s%s %s\n", prefix, field->name, total,
            field->metric == METRIC_COUNTER ? "counter" : "gauge");
}

static void print_queues(FILE *out, const struct snapshots *snapshots, const struct field *field)
{
    print_metric_head(out, "", field);
    for (size_t i = 0; i < snapshots->count; i++) {
        const struct snapshot *snapshot = &snapshots->items[i];
        if (snapshot->opened)
            fprintf(out, "shmq_%s%s{queue=\"%s\"} %" PRIu64 "\n", field->name,
                    field->metric == METRIC_COUNTER ? "_total" : "", snapshot->name,
                    field_unsigned(field, &snapshot->stat));
    }
}

static void print_parts(FILE *out, const struct snapshots *snapshots, const struct field *field, bool lanes)
{
    const char *part = lanes ? "lane" : "seat";
    print_metric_head(out, lanes ? "lane_" : "seat_", field);
    for (size_t i = 0; i < snapshots->count; i++) {
        const struct snapshot *snapshot = &snapshots->items[i];
        uint32_t count = lanes ? snapshot->lane_count : snapshot->seat_count;
        for (uint32_t j = 0; j < count; j++) {
            const void *object = lanes ? (const void *)&snapshot->lanes[j] : (const void *)&snapshot->seats[j];
            uint32_t number = lanes ? snapshot->lanes[j].lane : snapshot->seats[j].seat;
            fprintf(out, "shmq_%s_%s%s{queue=\"%s\",%s=\"%" PRIu32 "\"} %" PRIu64 "\n", part, field->name,
                    field->metric == METRIC_COUNTER ? "_total" : "", snapshot->name, part, number,
                    field_unsigned(field, object));
        }
    }
}

static void print_up(FILE *out, const struct snapshots *snapshots)
{
    fputs("# HELP shmq_up 1 if the queue can be read, 0 if it is damaged, foreign or incomplete.\n", out);
    fputs("# TYPE shmq_up gauge\n", out);
    for (size_t i = 0; i < snapshots->count; i++)
        fprintf(out, "shmq_up{queue=\"%s\"} %d\n", snapshots->items[i].name, snapshots->items[i].error == 0);
}

void output_prometheus(FILE *out, const struct snapshots *snapshots, bool details)
{
    print_up(out, snapshots);
    for (const struct field *field = fields_queue; field->name != NULL; field++) {
        if (field->metric != METRIC_NONE)
            print_queues(out, snapshots, field);
    }
    for (const struct field *field = fields_lane; details && field->name != NULL; field++) {
        if (field->metric != METRIC_NONE)
            print_parts(out, snapshots, field, true);
    }
    for (const struct field *field = fields_seat; details && field->name != NULL; field++) {
        if (field->metric != METRIC_NONE)
            print_parts(out, snapshots, field, false);
    }
}
