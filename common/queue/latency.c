/* SPDX-License-Identifier: MIT */
#include "common/queue/latency.h"

#include <string.h>

#include "common/core/marks.h"
#include "common/kernel/clock.h"
#include "common/queue/count.h"
#include "common/queue/mapping.h"

_Static_assert(SHMQ_LATENCY_BUCKETS == LATENCY_BUCKETS, "the public header has the same number");

/* Steps of 1 ms up to 2^LINEAR_LOG2, then 2^STEPS_LOG2 steps for each power of two. */
#define LINEAR_LOG2 7u
#define STEPS_LOG2 6u

#define NS_PER_MS UINT64_C(1000000)
#define RETRY_NS INT64_C(1000000000)

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

static uint32_t bucket_of(uint64_t ns)
{
    const uint64_t ms = ns / NS_PER_MS;
    if (ms < 1u << LINEAR_LOG2)
        return (uint32_t)ms;
    const uint32_t power = 63 - (uint32_t)__builtin_clzll(ms) - LINEAR_LOG2;
    const uint32_t step = (uint32_t)(ms >> (power + 1)) - (1u << STEPS_LOG2);
    const uint32_t bucket = (1u << LINEAR_LOG2) + (power << STEPS_LOG2) + step;
    return bucket < LATENCY_BUCKETS ? bucket : LATENCY_BUCKETS - 1;
}

/* ------------------------------------------------------------------ the consumer's side */

static struct seat *own_seat(const struct shmq *handle)
{
    return &handle->seats[handle->consumer.seat];
}

static bool is_off(const struct shmq *handle)
{
    return (handle_geometry(handle)->parameters.features & FEATURE_NO_LATENCY) != 0;
}

void latency_sit(struct shmq *handle)
{
    struct latency *l = &handle->consumer.latency;
    struct timespec resolution = {0, 0};
    if (l->resolution_ns == 0 && clock_getres(CLOCK_MONOTONIC_COARSE, &resolution) == 0)
        l->resolution_ns = resolution.tv_nsec;
    l->counts = NULL;
    l->counted = atomic_load_explicit(&own_seat(handle)->delivered, memory_order_relaxed);
}

/* Return: whether there is a histogram to count in. */
static bool find_counts(struct shmq *handle)
{
    struct latency *l = &handle->consumer.latency;
    if (l->counts != NULL)
        return true;
    const int64_t now_ns = clock_coarse_ns();
    if (now_ns < l->retry_ns)
        return false;
    const bool found = mapping_latency(handle, handle->consumer.seat, &l->counts) == 0;
    l->retry_ns = found ? 0 : now_ns + RETRY_NS;
    return found;
}

void latency_count(struct shmq *handle)
{
    struct latency *l = &handle->consumer.latency;
    const uint64_t delivered = atomic_load_explicit(&own_seat(handle)->delivered, memory_order_relaxed);
    if (delivered == l->counted || is_off(handle) || !find_counts(handle))
        return;
    shared_u64 *bucket = &l->counts[l->bucket];
    const uint64_t count = atomic_load_explicit(bucket, memory_order_relaxed) + delivered - l->counted;
    atomic_store_explicit(bucket, count, memory_order_release); /* whoever sees it sees delivered */
    l->counted = delivered;
}

/* When the first message of the batch was put; if that is not known, when it was leased. */
static uint64_t put_ns(const struct shmq *handle, int64_t now_ns)
{
    const struct batch *b = &handle->consumer.batch;
    const struct seat *s = &handle->seats[b->seat];
    struct put_time put;
    const uint64_t held_ns = b->held ? atomic_load_explicit(&s->held_put_ns, memory_order_relaxed) : 0;
    if (held_ns != 0)
        return held_ns;
    if (!b->held && marks_put_time(&b->view->ring, b->start, now_ns, &put))
        return (uint64_t)put.ns;
    return atomic_load_explicit(&s->leased_ns, memory_order_relaxed);
}

static bool measure(struct shmq *handle, int64_t now_ns)
{
    if (!find_counts(handle))
        return false;
    latency_count(handle); /* what came before counts as measured before */
    const uint64_t then_ns = put_ns(handle, now_ns);
    handle->consumer.latency.bucket = then_ns < (uint64_t)now_ns ? bucket_of((uint64_t)now_ns - then_ns) : 0;
    return true;
}

/* The clock has advanced. Return: whether to measure at once. */
static bool begin_tick(struct latency *l, int64_t now_ns)
{
    const bool next = now_ns - l->tick_ns <= l->resolution_ns + l->resolution_ns / 2;
    const bool fast = next && l->looks >= LATENCY_FAST && l->measure_at == 0;
    l->measure_at = fast ? l->looks / 2 : next ? 0 : 2; /* after a slow one, also the first that follows */
    l->tick_ns = now_ns;
    l->looks = 1;
    return !fast;
}

/* Return: whether to measure. */
static bool go_on(struct latency *l)
{
    l->looks++;
    if (l->looks >= LATENCY_FAST)
        l->skip = LATENCY_SKIPPED;
    if (l->looks != l->measure_at)
        return false;
    l->measure_at = 0;
    return true;
}

bool latency_look(struct shmq *handle)
{
    struct latency *l = &handle->consumer.latency;
    if (is_off(handle)) {
        l->skip = UINT32_MAX;
        l->tick_ns = clock_coarse_ns(); /* or latency_leased would want a look at each batch */
        return false;
    }
    const int64_t now_ns = clock_coarse_ns();
    const bool now = now_ns != l->tick_ns ? begin_tick(l, now_ns) : go_on(l);
    return now && measure(handle, now_ns);
}

/* ------------------------------------------------------------------ reading */

static int add_seat(struct shmq *handle, uint32_t seat, uint64_t *counts)
{
    uint64_t some[LATENCY_BUCKETS];
    const uint64_t offset = geometry_latency_offset(handle_geometry(handle), seat);
    const int error = object_read(&handle->object, some, sizeof(some), offset);
    for (uint32_t i = 0; i < LATENCY_BUCKETS && error == 0; i++)
        counts[i] += some[i];
    return error;
}

int shmq_latency(struct shmq *handle, uint32_t seat, uint64_t *counts)
{
    int error = handle_check_any(handle);
    if (error != 0)
        return error;
    const uint32_t seats = handle_geometry(handle)->parameters.seats;
    if (counts == NULL || (seat != UINT32_MAX && seat >= seats))
        return -EINVAL;
    if (is_off(handle))
        return -ENODATA;
    memset(counts, 0, LATENCY_BUCKETS * sizeof(*counts));
    if (seat != UINT32_MAX)
        return add_seat(handle, seat, counts);
    for (uint32_t i = 0; i < seats && error == 0; i++)
        if (atomic_load_explicit(&handle->seats[i].delivered, memory_order_relaxed) != 0)
            error = add_seat(handle, i, counts);
    return error;
}
