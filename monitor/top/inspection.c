/* SPDX-License-Identifier: MIT */
#include "monitor/top/inspection.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "common/cli/bus_guard.h"
#include "common/cli/percentile.h"

#define LATENCY_INTERVAL_NS INT64_C(2000000000) /* all seats are read each time */

const char *const inspection_percentile_names[INSPECTION_PERCENTILES] = {"p50", "p90", "p99", "max"};
static const double percentiles[INSPECTION_PERCENTILES] = {50, 90, 99, 100};

struct question {
    struct inspection *inspection;
    struct shmq *queue;
    int64_t now_ns;
    bool done;
};

static int add_event(void *context, const struct shmq_event *event)
{
    struct inspection *inspection = context;
    inspection->newest = (inspection->newest + 1) % INSPECTION_EVENTS;
    inspection->events[inspection->newest] = (struct shmq_event){0};
    memcpy(&inspection->events[inspection->newest], event,
           event->size < sizeof(*event) ? event->size : sizeof(*event));
    if (inspection->event_count < INSPECTION_EVENTS)
        inspection->event_count++;
    inspection->next_event = event->number + 1;
    return 0;
}

static bool has_any(const uint64_t *counts)
{
    size_t i = 0;
    while (i < SHMQ_LATENCY_BUCKETS && counts[i] == 0)
        i++;
    return i < SHMQ_LATENCY_BUCKETS;
}

/* The percentiles are of lately, or of all that was ever measured if there was nothing lately. */
static void look_at_times(struct inspection *inspection, struct shmq *queue, int64_t now_ns)
{
    static uint64_t counts[SHMQ_LATENCY_BUCKETS];
    static uint64_t recent[SHMQ_LATENCY_BUCKETS];
    inspection->latency_error = shmq_latency(queue, UINT32_MAX, counts);
    inspection->measured = false;
    if (inspection->latency_error != 0)
        return;
    inspection->measured = has_any(counts);
    inspection->window_ns = latency_window_add(&inspection->window, counts, now_ns, recent);
    if (!has_any(recent))
        inspection->window_ns = 0;
    for (size_t i = 0; i < INSPECTION_PERCENTILES; i++)
        inspection->percentiles_ms[i] = percentile_ms(inspection->window_ns > 0 ? recent : counts, percentiles[i]);
}

static int look(void *context)
{
    struct question *question = context;
    struct inspection *inspection = question->inspection;
    (void)shmq_events(question->queue, inspection->next_event, add_event, inspection);
    if (inspection->latency_at_ns == 0 || question->now_ns - inspection->latency_at_ns >= LATENCY_INTERVAL_NS) {
        inspection->latency_at_ns = question->now_ns;
        look_at_times(inspection, question->queue, question->now_ns);
    }
    question->done = true;
    return 0;
}

bool inspection_look(struct inspection *inspection, struct shmq *queue, uint64_t queue_id, int64_t now_ns)
{
    struct question question = {.inspection = inspection, .queue = queue, .now_ns = now_ns};
    if (inspection->queue_id != queue_id) {
        memset(inspection, 0, sizeof(*inspection)); /* it is large */
        inspection->queue_id = queue_id;
    }
    (void)bus_guard_call(look, &question);
    return question.done;
}

const struct shmq_event *inspection_event(const struct inspection *inspection, uint32_t ago)
{
    if (ago >= inspection->event_count)
        return NULL;
    return &inspection->events[(inspection->newest + INSPECTION_EVENTS - ago) % INSPECTION_EVENTS];
}
