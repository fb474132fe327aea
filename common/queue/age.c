/* SPDX-License-Identifier: MIT */
#include "common/queue/age.h"

/* The clock of a copy in a file stands still, perhaps before the last messages were put. */
static int64_t latest_ns(const struct shmq *handle)
{
    return handle->object.copy ? INT64_MAX : clock_now_ns();
}

int64_t age_in_lane(const struct shmq *handle, const struct ring *ring, uint64_t position)
{
    struct put_time put;
    if (!marks_put_time(ring, position, latest_ns(handle), &put))
        return -1;
    return handle_age_ns(handle, (uint64_t)put.ns);
}

int64_t age_in_seat(const struct shmq *handle, const struct seat *seat)
{
    return handle_age_ns(handle, atomic_load_explicit(&seat->held_put_ns, memory_order_relaxed));
}
