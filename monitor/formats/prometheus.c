/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>

#include "common/cli/why.h"
#include "monitor/formats/fields.h"
#include "monitor/output.h"

#define SECOND_NS UINT64_C(1000000000)

/* The name of a queue needs no escaping in a label. */
enum { LABELS_BYTES = SHMQ_NAME_MAX + 64 };

/* Prometheus counts in seconds. */
static bool is_time(const struct field *field)
{
    const size_t length = strlen(field->name);
    return length > 3 && strcmp(field->name + length - 3, "_ns") == 0;
}

/* All samples of a metric must follow its HELP and TYPE lines, so the outer loop is over metrics. */

enum { METRIC_NAME_BYTES = 64 };

/* "lane_blocked_seconds_total" of "blocked_ns". */
static const char *metric_name(char name[METRIC_NAME_BYTES], const char *prefix, const struct field *field)
{
    const char *unit = "";
    size_t length = strlen(field->name);
    if (is_time(field)) {
        length -= strlen("_ns");
        unit = "_seconds";
    } else if (length > 2 && strcmp(field->name + length - 2, "_s") == 0) {
        length -= strlen("_s");
        unit = "_timestamp_seconds";
    }
    snprintf(name, METRIC_NAME_BYTES, "shmq_%s%.*s%s%s", prefix, (int)length, field->name, unit,
             field->metric == METRIC_COUNTER ? "_total" : "");
    return name;
}

static void print_metric_head(FILE *out, const char *name, const struct field *field)
{
    fprintf(out, "# HELP %s %s\n", name, field->help);
    fprintf(out, "# TYPE %s %s\n", name, field->metric == METRIC_COUNTER ? "counter" : "gauge");
}

/* @labels  begins with the queue's */
static void print_sample(FILE *out, const char *name, const char *labels, const struct field *field,
                         const void *object)
{
    const uint64_t value = field_unsigned(field, object);
    if (!field_applies(field, object) || (field->type == FIELD_I64 && (int64_t)value < 0))
        return;
    if (is_time(field))
        fprintf(out, "%s{%s} %" PRIu64 ".%09" PRIu64 "\n", name, labels, value / SECOND_NS, value % SECOND_NS);
    else
        fprintf(out, "%s{%s} %" PRIu64 "\n", name, labels, value);
}

static void print_queues(FILE *out, const struct snapshots *snapshots, const struct field *field)
{
    char name[METRIC_NAME_BYTES];
    char labels[LABELS_BYTES];
    print_metric_head(out, metric_name(name, "", field), field);
    for (size_t i = 0; i < snapshots->count; i++) {
        const struct snapshot *snapshot = &snapshots->items[i];
        snprintf(labels, sizeof(labels), "queue=\"%s\"", snapshot->name);
        if (snapshot->opened)
            print_sample(out, name, labels, field, &snapshot->stat);
    }
}

static void print_parts(FILE *out, const struct snapshots *snapshots, const struct field *field, bool lanes)
{
    char name[METRIC_NAME_BYTES];
    char labels[LABELS_BYTES];
    const char *part = lanes ? "lane" : "seat";
    print_metric_head(out, metric_name(name, lanes ? "lane_" : "seat_", field), field);
    for (size_t i = 0; i < snapshots->count; i++) {
        const struct snapshot *snapshot = &snapshots->items[i];
        uint32_t count = lanes ? snapshot->lane_count : snapshot->seat_count;
        for (uint32_t j = 0; j < count; j++) {
            const void *object = lanes ? (const void *)&snapshot->lanes[j] : (const void *)&snapshot->seats[j];
            uint32_t number = lanes ? snapshot->lanes[j].lane : snapshot->seats[j].seat;
            snprintf(labels, sizeof(labels), "queue=\"%s\",%s=\"%" PRIu32 "\"", snapshot->name, part, number);
            print_sample(out, name, labels, field, object);
        }
    }
}

static void print_up(FILE *out, const struct snapshots *snapshots)
{
    fputs("# HELP shmq_up 1 if the queue can be read, 0 if not: missing, forbidden, damaged, foreign or "
          "incomplete.\n",
          out);
    fputs("# TYPE shmq_up gauge\n", out);
    for (size_t i = 0; i < snapshots->count; i++)
        fprintf(out, "shmq_up{queue=\"%s\"} %d\n", snapshots->items[i].name, snapshots->items[i].error == 0);
}

static void print_head(FILE *out, const char *name, const char *help)
{
    fprintf(out, "# HELP %s %s\n# TYPE %s gauge\n", name, help, name);
}

/* What no snapshot of shared memory tells: whether the kernel lets a process run. */
static void print_stopped_lanes(FILE *out, const struct snapshots *snapshots)
{
    print_head(out, "shmq_lane_stopped", "1 if the lane's producer is stopped, by a signal or a tracer.");
    for (size_t i = 0; i < snapshots->count; i++) {
        const struct snapshot *snapshot = &snapshots->items[i];
        for (uint32_t j = 0; j < snapshot->lane_count; j++)
            fprintf(out, "shmq_lane_stopped{queue=\"%s\",lane=\"%" PRIu32 "\"} %d\n", snapshot->name,
                    snapshot->lanes[j].lane, why_producer(&snapshot->lanes[j]) == PARTY_STOPPED);
    }
}

static void print_stopped_seats(FILE *out, const struct snapshots *snapshots)
{
    print_head(out, "shmq_seat_stopped", "1 if the seat's consumer is stopped, by a signal or a tracer.");
    for (size_t i = 0; i < snapshots->count; i++) {
        const struct snapshot *snapshot = &snapshots->items[i];
        for (uint32_t j = 0; j < snapshot->seat_count; j++)
            fprintf(out, "shmq_seat_stopped{queue=\"%s\",seat=\"%" PRIu32 "\"} %d\n", snapshot->name,
                    snapshot->seats[j].seat, why_consumer(&snapshot->stat, &snapshot->seats[j]) == PARTY_STOPPED);
    }
}

/* Upper bounds of the buckets, in milliseconds: each is the bound of one of the histogram's, too, or nearly. */
static const uint64_t bounds_ms[] = {1,    2,    5,     10,    20,    50,     100,    200,     500,     1000,
                                     2000, 5000, 10000, 30000, 60000, 300000, 600000, 1800000, 3600000, 86400000};

enum { BOUNDS = sizeof(bounds_ms) / sizeof(bounds_ms[0]) };

/* The sum takes each message for one in the middle of its bucket. */
static void print_histogram(FILE *out, const struct snapshot *snapshot)
{
    const char *name = snapshot->name;
    uint64_t count = 0;
    double sum_ms = 0;
    uint32_t bucket = 0;
    for (size_t i = 0; i <= BOUNDS; i++) {
        for (; bucket < SHMQ_LATENCY_BUCKETS && (i == BOUNDS || shmq_latency_ms(bucket + 1) <= bounds_ms[i]);
             bucket++) {
            const double middle_ms = ((double)shmq_latency_ms(bucket) + (double)shmq_latency_ms(bucket + 1)) / 2;
            count += snapshot->latency[bucket];
            sum_ms += (double)snapshot->latency[bucket] * middle_ms;
        }
        fprintf(out, "shmq_latency_seconds_bucket{queue=\"%s\",le=\"", name);
        if (i < BOUNDS)
            fprintf(out, "%g\"} %" PRIu64 "\n", (double)bounds_ms[i] / 1000, count);
        else
            fprintf(out, "+Inf\"} %" PRIu64 "\n", count);
    }
    fprintf(out, "shmq_latency_seconds_sum{queue=\"%s\"} %.6f\n", name, sum_ms / 1000);
    fprintf(out, "shmq_latency_seconds_count{queue=\"%s\"} %" PRIu64 "\n", name, count);
}

static void print_latency(FILE *out, const struct snapshots *snapshots)
{
    bool begun = false;
    for (size_t i = 0; i < snapshots->count; i++) {
        if (snapshots->items[i].latency == NULL)
            continue;
        if (!begun)
            fputs("# HELP shmq_latency_seconds Time in queue of messages, from put to acknowledgement.\n"
                  "# TYPE shmq_latency_seconds histogram\n",
                  out);
        begun = true;
        print_histogram(out, &snapshots->items[i]);
    }
}

/* The memory that all queues share. */
static void print_shm(FILE *out)
{
    struct statvfs shm;
    if (statvfs("/dev/shm", &shm) != 0)
        return;
    print_head(out, "shmq_shm_size_bytes", "Size of /dev/shm.");
    fprintf(out, "shmq_shm_size_bytes %" PRIu64 "\n", (uint64_t)shm.f_blocks * (uint64_t)shm.f_frsize);
    print_head(out, "shmq_shm_free_bytes", "What is free of /dev/shm.");
    fprintf(out, "shmq_shm_free_bytes %" PRIu64 "\n", (uint64_t)shm.f_bavail * (uint64_t)shm.f_frsize);
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
    if (details) {
        print_stopped_lanes(out, snapshots);
        print_stopped_seats(out, snapshots);
        print_latency(out, snapshots);
    }
    print_shm(out);
}
