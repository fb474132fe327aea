/* SPDX-License-Identifier: MIT */
/*
 * Opens a copy of a queue in a file. To an observer it looks like a queue whose processes are all gone, because
 * the locks are not copied. No clock of this host says how old its content is: the copy may be of another host, or
 * of before a reboot. So ages count from when it was made.
 */
#include "common/core/marks.h"
#include "common/kernel/object_file.h"
#include "common/queue/mapping.h"
#include "common/queue/observe.h"

/* Later times are damaged: no machine has been up for so long. */
#define LATEST_NS (INT64_C(100) * 366 * 86400 * 1000000000)
/* Nor is it so late: the year 2150. */
#define LATEST_REAL_NS (INT64_C(180) * 366 * 86400 * 1000000000)

static void consider(int64_t *newest_ns, const shared_u64 *time_ns)
{
    const uint64_t time = atomic_load_explicit(time_ns, memory_order_relaxed);
    if (time <= (uint64_t)LATEST_NS && (int64_t)time > *newest_ns)
        *newest_ns = (int64_t)time;
}

static void consider_lanes(struct shmq *handle, int64_t *newest_ns)
{
    for (uint32_t i = 0; i < handle_geometry(handle)->parameters.lanes; i++) {
        struct lane_view *view;
        if (!handle_lane_used(handle, i) || mapping_lane(handle, i, &view) != 0)
            continue;
        const struct lane_counters *counters = &view->ring.control->counters;
        consider(newest_ns, &counters->attached_ns);
        consider(newest_ns, &counters->active_ns);
        consider(newest_ns, &counters->blocked_since);
        const int64_t put_ns = marks_latest_ns(&view->ring);
        *newest_ns = put_ns > *newest_ns ? put_ns : *newest_ns;
    }
}

static void consider_seats(const struct shmq *handle, int64_t *newest_ns)
{
    for (uint32_t i = 0; i < handle_geometry(handle)->parameters.seats; i++) {
        consider(newest_ns, &handle->seats[i].attached_ns);
        consider(newest_ns, &handle->seats[i].leased_ns);
        consider(newest_ns, &handle->seats[i].active_ns);
        consider(newest_ns, &handle->seats[i].held_put_ns);
    }
}

/* The latest times of the events: one moment, on both clocks. */
struct moment {
    int64_t monotonic_ns; /* 0: there is none */
    int64_t realtime_ns;
};

static int consider_event(void *context, const struct shmq_event *event)
{
    struct moment *latest = context;
    if (event->kind != SHMQ_EVENT_UNREADABLE && event->monotonic_ns <= LATEST_NS &&
        event->monotonic_ns > latest->monotonic_ns && event->realtime_ns > 0 &&
        event->realtime_ns <= LATEST_REAL_NS)
        *latest = (struct moment){.monotonic_ns = event->monotonic_ns, .realtime_ns = event->realtime_ns};
    return 0;
}

/* When the copy was made: as it says itself, or not before the latest time in it. */
static void find_time(struct shmq *handle)
{
    const struct header *h = handle->header;
    const uint64_t saved_realtime_ns = atomic_load_explicit(&h->saved_realtime_ns, memory_order_relaxed);
    struct moment event = {0};
    int64_t newest_ns = 0;
    consider(&newest_ns, &h->saved_ns);
    if (newest_ns == 0) {
        consider(&newest_ns, &h->empty_ns);
        consider_lanes(handle, &newest_ns);
        consider_seats(handle, &newest_ns);
        (void)shmq_events(handle, 0, consider_event, &event);
        newest_ns = event.monotonic_ns > newest_ns ? event.monotonic_ns : newest_ns;
    }
    handle->copied_ns = newest_ns;
    if (atomic_load_explicit(&h->saved_ns, memory_order_relaxed) != 0 &&
        saved_realtime_ns <= (uint64_t)LATEST_REAL_NS)
        handle->copied_realtime_ns = (int64_t)saved_realtime_ns;
    if (event.monotonic_ns != 0)
        handle->copied_realtime_ns = event.realtime_ns + (newest_ns - event.monotonic_ns);
}

int shmq_open_file(struct shmq **handle, const char *path)
{
    const struct shmq_options options = SHMQ_OPTIONS_INIT;
    struct object object;
    if (handle == NULL)
        return -EINVAL;
    *handle = NULL;
    int error = path == NULL ? -EINVAL : object_open_file(&object, path);
    if (error == 0)
        error = observe_begin(handle, &object, SHMQ_OBSERVER, &options);
    if (error != 0)
        return error;
    observe_done(*handle);
    find_time(*handle);
    return 0;
}
