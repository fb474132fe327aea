/* SPDX-License-Identifier: MIT */
#include "common/queue/latency.h"

#include <string.h>

#include "common/core/marks.h"
#include "common/core/words.h"
#include "common/kernel/clock.h"
#include "common/queue/mapping.h"

_Static_assert(SHMQ_LATENCY_BUCKETS == LATENCY_BUCKETS, "the public header has the same number");

#define RETRY_NS INT64_C(1000000000)

/* ------------------------------------------------------------------ the consumer's side */

static struct seat *own_seat(const struct shmq *handle)
{
    return &handle->seats[handle->consumer.seat];
}

static bool is_off(const struct shmq *handle)
{
    return (handle_geometry(handle)->parameters.features & FEATURE_NO_LATENCY) != 0;
}

/* Return: the next lane of the list, which it leaves; NULL if there is none. */
static struct lane_view *take_from_list(struct shmq *handle)
{
    struct latency *l = &handle->consumer.latency;
    struct lane_view *view = l->first_plus1 != 0 ? &handle->lanes[l->first_plus1 - 1] : NULL;
    if (view != NULL) {
        l->first_plus1 = view->latency.next_plus1;
        view->latency.listed = false;
        latency_set_skip(view, 0);
    }
    return view;
}

/* What was acknowledged in another seat, and could not be counted there. */
static void forget_all(struct shmq *handle)
{
    for (struct lane_view *view; (view = take_from_list(handle)) != NULL;)
        latency_take(view);
}

void latency_sit(struct shmq *handle)
{
    struct latency *l = &handle->consumer.latency;
    struct timespec resolution = {0, 0};
    if (l->resolution_ns == 0 && clock_getres(CLOCK_MONOTONIC_COARSE, &resolution) == 0)
        l->resolution_ns = resolution.tv_nsec;
    l->counts = NULL;
    forget_all(handle);
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

/* ------------------------------------------------------------------ counting what was acknowledged */

/* The batch, if it is one that was leased from the lane, in which it is the last one. */
static const struct batch *last_batch(const struct shmq *handle, const struct lane_view *view)
{
    const struct batch *b = &handle->consumer.batch;
    return b->view == view && !b->held && !b->redelivered ? b : NULL;
}

/* Counts the messages of the lane before @to, which were acknowledged at @acked_ns. */
static void count_lane(struct shmq *handle, struct lane_view *view, uint64_t to, int64_t acked_ns)
{
    struct latency *l = &handle->consumer.latency;
    struct lane_latency *waiting = &view->latency;
    const struct latency_span span = {.ring = &view->ring,
                                      .from = waiting->from,
                                      .to = to,
                                      .count = latency_take(view),
                                      .put_ns = waiting->from_ns,
                                      .began_ns = acked_ns,
                                      .acked_ns = acked_ns,
                                      .tick_ns = l->resolution_ns,
                                      .buckets = l->counts};
    waiting->from_ns = latency_span_count(&span);
    waiting->from = to > waiting->from ? to : waiting->from;
    l->counted += span.count;
}

/* Other consumers may have leased beyond what this one has acknowledged, but never before it. */
static void count_whole_lane(struct shmq *handle, struct lane_view *view)
{
    const struct batch *b = last_batch(handle, view);
    const uint64_t claim = atomic_load_explicit(&view->ring.control->claim, memory_order_relaxed);
    count_lane(handle, view, b != NULL ? b->start : claim, handle->consumer.latency.tick_ns);
}

void latency_count(struct shmq *handle)
{
    struct latency *l = &handle->consumer.latency;
    const uint64_t delivered = atomic_load_explicit(&own_seat(handle)->delivered, memory_order_relaxed);
    if (delivered == l->counted || is_off(handle) || !find_counts(handle))
        return;
    for (struct lane_view *view; (view = take_from_list(handle)) != NULL;)
        count_whole_lane(handle, view);
}

/* ------------------------------------------------------------------ looking */

/* When the first message of the batch was put; if that is not known, when it was leased. */
static int64_t put_ns(const struct shmq *handle, int64_t now_ns)
{
    const struct batch *b = &handle->consumer.batch;
    const struct seat *s = &handle->seats[b->seat];
    struct put_time put;
    const uint64_t held_ns = b->held ? atomic_load_explicit(&s->held_put_ns, memory_order_relaxed) : 0;
    if (!b->held && marks_put_time(&b->view->ring, b->start, now_ns, &put))
        return put.ns;
    const uint64_t ns = held_ns != 0 ? held_ns : atomic_load_explicit(&s->leased_ns, memory_order_relaxed);
    return ns < (uint64_t)now_ns ? (int64_t)ns : now_ns;
}

static void add_to_list(struct shmq *handle, struct lane_view *view)
{
    struct latency *l = &handle->consumer.latency;
    if (view->latency.listed)
        return;
    view->latency.listed = true;
    view->latency.next_plus1 = l->first_plus1;
    l->first_plus1 = view->ring.lane + 1;
}

/* From this batch on, the lane's messages wait to be counted. What is behind a message of this tick is of this
 * tick, too. */
static void begin_lane(struct shmq *handle, struct lane_view *view, int64_t now_ns)
{
    struct lane_latency *waiting = &view->latency;
    const struct batch *b = &handle->consumer.batch;
    if (b->start < waiting->from || waiting->from_ns != now_ns)
        waiting->from_ns = put_ns(handle, now_ns);
    waiting->from = b->start;
}

/* Since when the batch's messages were acknowledged one by one; if all were at once, that is now. */
static int64_t began_ns(const struct shmq *handle, int64_t now_ns)
{
    const struct batch *b = &handle->consumer.batch;
    const uint64_t leased_ns = atomic_load_explicit(&handle->seats[b->seat].leased_ns, memory_order_relaxed);
    if (b->held || leased_ns > (uint64_t)now_ns ||
        progress_done(atomic_load_explicit(b->progress, memory_order_relaxed)) == 0)
        return now_ns;
    return (int64_t)leased_ns;
}

/* Whether the batch is counted for itself: it is not the next one of its lane, or was worked on for longer than a
 * tick. */
static bool is_apart(const struct shmq *handle, int64_t now_ns)
{
    const struct batch *b = &handle->consumer.batch;
    return b->held || b->redelivered ||
           atomic_load_explicit(&handle->seats[b->seat].leased_ns, memory_order_relaxed) != (uint64_t)now_ns;
}

static void look_at_batch(struct shmq *handle, struct lane_view *view, int64_t now_ns, struct latency_look *look)
{
    const struct batch *b = &handle->consumer.batch;
    look->view = view;
    look->apart = is_apart(handle, now_ns);
    look->span = (struct latency_span){.ring = &view->ring, .from = b->start, .to = b->held ? b->start : b->end};
    if (look->apart) {
        look->span.put_ns = put_ns(handle, now_ns);
        look->span.began_ns = began_ns(handle, now_ns);
        look->span.acked_ns = now_ns;
        look->span.words = b->held || b->split || handle->consumer.counted != 0 ? NULL : handle->consumer.words;
    } else if (latency_waiting(view) == 0) {
        begin_lane(handle, view, now_ns);
    }
    add_to_list(handle, view);
}

/* How many cells of a lane may wait to be counted: put times last until the cells are used again. */
static uint64_t cells_at_once(const struct ring *ring)
{
    const uint64_t block = UINT64_C(1) << ring->block_log2;
    return block < ring->cells / 4 ? block : ring->cells / 4;
}

/* How many batches like this one need not look at the clock. */
static uint32_t batches_to_skip(const struct shmq *handle)
{
    const struct batch *b = &handle->consumer.batch;
    if (handle->consumer.latency.looks < LATENCY_FAST || b->held)
        return 0;
    const uint64_t most = b->view->ring.cells / 4 / (b->end - b->start);
    return most < LATENCY_SKIPPED ? (uint32_t)most : LATENCY_SKIPPED;
}

void latency_look(struct shmq *handle, struct latency_look *look)
{
    struct latency *l = &handle->consumer.latency;
    struct lane_view *view = handle->consumer.batch.view;
    const int64_t now_ns = clock_coarse_ns();
    if (now_ns != l->tick_ns) {
        latency_count(handle);
        l->tick_ns = now_ns;
        l->looks = 0;
    }
    look->view = NULL;
    l->looks++;
    latency_set_skip(view, is_off(handle) ? UINT32_MAX : batches_to_skip(handle) + 1);
    if (is_off(handle))
        return;
    /* Now, because a consumer that is killed in a system call after its batch is done cannot say that it is. */
    (void)find_counts(handle);
    look_at_batch(handle, view, now_ns, look);
}

static void count_apart(struct shmq *handle, struct latency_look *look, uint64_t messages)
{
    struct latency *l = &handle->consumer.latency;
    look->span.count = messages;
    look->span.tick_ns = l->resolution_ns;
    look->span.buckets = l->counts;
    (void)latency_span_count(&look->span);
    l->counted += messages;
    look->view->latency.waiting -= messages << 32;
}

void latency_expect(struct shmq *handle)
{
    struct lane_view *view = handle->consumer.batch.view;
    latency_set_skip(view, 1);
    if (is_off(handle))
        return;
    if (latency_waiting(view) == 0)
        begin_lane(handle, view, clock_coarse_ns());
    add_to_list(handle, view);
}

void latency_looked(struct shmq *handle, struct latency_look *look, uint64_t messages)
{
    struct lane_view *view = look->view;
    if (view == NULL || handle->consumer.latency.counts == NULL)
        return;
    if (look->apart)
        count_apart(handle, look, messages);
    else if (look->span.to - view->latency.from >= cells_at_once(&view->ring))
        count_lane(handle, view, look->span.to, handle->consumer.latency.tick_ns);
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
