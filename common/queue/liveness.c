/* SPDX-License-Identifier: MIT */
#include "common/queue/liveness.h"

#include <string.h>

#include "common/kernel/byte_lock.h"

/* byte_lock_held does not see our own lock. */
bool liveness_lane_now(const struct shmq *handle, uint32_t lane)
{
    if (handle->role == SHMQ_PRODUCER && handle->producer.view->ring.lane == lane)
        return true;
    return byte_lock_held(handle->object.fd, handle_lane_byte(handle, lane));
}

bool liveness_seat_now(const struct shmq *handle, uint32_t seat)
{
    if (handle_owns_seat(handle, seat))
        return true;
    return byte_lock_held(handle->object.fd, handle_seat_byte(handle, seat));
}

/* Bytes that are as far apart as lanes or seats are. */
struct row {
    int fd;
    uint64_t first;
    uint64_t step;
    uint64_t *held; /* a bit for each */
};

/* The kernel tells of some lock in the range, not of the first. */
static void find_held(const struct row *row, uint32_t from, uint32_t end)
{
    while (from < end) {
        const uint64_t begin = row->first + from * row->step;
        uint64_t at;
        if (!byte_lock_find(row->fd, begin, (end - from) * row->step, &at))
            return;
        const uint64_t index = at <= begin ? from : from + (at - begin) / row->step;
        row->held[index / 64] |= UINT64_C(1) << (index % 64);
        find_held(row, from, (uint32_t)index);
        from = (uint32_t)index + 1;
    }
}

static void add_own(const struct shmq *handle, struct liveness *liveness)
{
    if (handle->role == SHMQ_PRODUCER) {
        const uint32_t lane = handle->producer.view->ring.lane;
        liveness->lanes[lane / 64] |= UINT64_C(1) << (lane % 64);
    }
    for (uint32_t i = 0; handle->role == SHMQ_CONSUMER && i < handle_geometry(handle)->parameters.seats; i++)
        if (handle_owns_seat(handle, i))
            liveness->seats[i / 64] |= UINT64_C(1) << (i % 64);
}

void liveness_look(const struct shmq *handle, struct liveness *liveness)
{
    const struct geometry *g = handle_geometry(handle);
    memset(liveness, 0, sizeof(*liveness));
    const struct row lanes = {.fd = handle->object.fd,
                              .first = handle_lane_byte(handle, 0),
                              .step = g->lane_bytes,
                              .held = liveness->lanes};
    const struct row seats = {.fd = handle->object.fd,
                              .first = handle_seat_byte(handle, 0),
                              .step = sizeof(struct seat),
                              .held = liveness->seats};
    find_held(&lanes, 0, g->parameters.lanes);
    find_held(&seats, 0, g->parameters.seats);
    add_own(handle, liveness);
}
