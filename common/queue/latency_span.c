/* SPDX-License-Identifier: MIT */
#include "common/queue/latency_span.h"

#include "common/core/marks.h"
#include "common/shmq.h"

/* Steps of 1 ms up to 2^LINEAR_LOG2, then 2^STEPS_LOG2 steps for each power of two. */
#define LINEAR_LOG2 7u
#define STEPS_LOG2 6u

#define NS_PER_MS UINT64_C(1000000)
#define PIECES 16u

uint64_t shmq_latency_ms(uint32_t bucket)
{
    if (bucket > LATENCY_BUCKETS)
        return UINT64_MAX;
    if (bucket < 1u << LINEAR_LOG2)
        return bucket;
    const uint32_t above = bucket - (1u << LINEAR_LOG2);
    const uint32_t power = above >> STEPS_LOG2;
    return ((UINT64_C(1) << STEPS_LOG2) + (above & ((1u << STEPS_LOG2) - 1))) << (power + 1);
}

uint32_t latency_bucket(int64_t ns)
{
    const uint64_t ms = ns > 0 ? (uint64_t)ns / NS_PER_MS : 0;
    if (ms < 1u << LINEAR_LOG2)
        return (uint32_t)ms;
    const uint32_t power = 63 - (uint32_t)__builtin_clzll(ms) - LINEAR_LOG2;
    const uint32_t step = (uint32_t)(ms >> (power + 1)) - (1u << STEPS_LOG2);
    const uint32_t bucket = (1u << LINEAR_LOG2) + (power << STEPS_LOG2) + step;
    return bucket < LATENCY_BUCKETS ? bucket : LATENCY_BUCKETS - 1;
}

/* ------------------------------------------------------------------ counting */

/* The owner of the seat alone counts. Release: whoever sees it sees delivered. */
static void add(const struct latency_span *span, int64_t ns, uint64_t messages)
{
    shared_u64 *const bucket = &span->buckets[latency_bucket(ns)];
    const uint64_t count = atomic_load_explicit(bucket, memory_order_relaxed) + messages;
    atomic_store_explicit(bucket, count, memory_order_release);
}

/* Counts messages whose times grow evenly, or shrink. */
static void add_evenly(const struct latency_span *span, int64_t first_ns, int64_t last_ns, uint64_t messages)
{
    const uint64_t pieces = messages < PIECES ? messages : PIECES;
    if (latency_bucket(first_ns) == latency_bucket(last_ns)) {
        add(span, first_ns, messages);
        return;
    }
    for (uint64_t i = 0; i < pieces; i++) {
        const double share = ((double)i + 0.5) / (double)pieces;
        const int64_t ns = first_ns + (int64_t)((double)(last_ns - first_ns) * share);
        add(span, ns, messages * (i + 1) / pieces - messages * i / pieces);
    }
}

/* ------------------------------------------------------------------ halving */

/* Between two messages of the span, or at one of its ends. */
struct point {
    uint64_t index;    /* messages before it */
    uint64_t position; /* about where it is */
    int64_t put_ns;    /* of the next message; at the end, of the last */
    int64_t acked_ns;  /* of the message before it */
};

static int64_t acked_at(const struct latency_span *span, uint64_t index)
{
    const double share = (double)index / (double)span->count;
    return span->began_ns + (int64_t)((double)(span->acked_ns - span->began_ns) * share);
}

/* Where about @messages from @start on end, before @end. */
static uint64_t skip(const struct latency_span *span, const struct point *start, const struct point *end,
                     uint64_t messages)
{
    uint64_t position = start->position;
    if (span->words == NULL)
        return position + (end->position - position) / 2;
    for (uint64_t i = 0; i < messages; i++)
        position += record_cells(span->words[start->index + i]);
    return position;
}

static struct point middle_of(const struct latency_span *span, const struct point *start, const struct point *end)
{
    const uint64_t messages = (end->index - start->index) / 2;
    struct point middle = {.index = start->index + messages, .position = skip(span, start, end, messages)};
    middle.acked_ns = acked_at(span, middle.index);
    if (!marks_cell_time(span->ring, start->position, middle.position, span->acked_ns, &middle.put_ns) ||
        middle.put_ns < start->put_ns)
        middle.put_ns = start->put_ns;
    else if (middle.put_ns > end->put_ns)
        middle.put_ns = end->put_ns;
    return middle;
}

/* Depth: the logarithm of the number of messages. */
static void count_between(const struct latency_span *span, const struct point *start, const struct point *end)
{
    const uint64_t messages = end->index - start->index;
    const int64_t first_ns = start->acked_ns - start->put_ns;
    const int64_t last_ns = end->acked_ns - end->put_ns;
    const int64_t less_ns = first_ns < last_ns ? first_ns : last_ns;
    const int64_t between_ns = first_ns < last_ns ? last_ns - first_ns : first_ns - last_ns;
    if (messages == 1) {
        add(span, end->acked_ns - start->put_ns, 1);
    } else if (between_ns <= span->tick_ns || between_ns <= less_ns / 64) {
        add_evenly(span, first_ns, last_ns, messages);
    } else {
        const struct point middle = middle_of(span, start, end);
        count_between(span, start, &middle);
        count_between(span, &middle, end);
    }
}

int64_t latency_span_count(const struct latency_span *span)
{
    const struct point start = {.position = span->from, .put_ns = span->put_ns, .acked_ns = span->began_ns};
    struct point end = {.index = span->count, .position = span->to, .acked_ns = span->acked_ns};
    if (span->count == 0)
        return span->put_ns;
    /* What was put in the last tick needs no look, and most is, if the consumer keeps up. */
    const bool recent = span->began_ns == span->acked_ns && latency_bucket(span->acked_ns - span->put_ns) == 0;
    if (recent || span->to <= span->from + 1 ||
        !marks_cell_time(span->ring, span->from, span->to - 1, span->acked_ns, &end.put_ns) ||
        end.put_ns < span->put_ns)
        end.put_ns = span->put_ns;
    count_between(span, &start, &end);
    return end.put_ns;
}
