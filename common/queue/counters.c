/* SPDX-License-Identifier: MIT */
#include "common/queue/count.h"
#include "common/queue/events.h"
#include "common/queue/handle.h"

static struct lane_counters *own_lane(struct shmq *handle)
{
    return handle->role == SHMQ_PRODUCER ? &handle->producer.view->ring.control->counters : NULL;
}

static struct seat_counters *own_seat(struct shmq *handle)
{
    return handle->role == SHMQ_CONSUMER ? &handle->seats[handle->consumer.seat].counters : NULL;
}

static shared_u64 *find(struct shmq *handle, enum shmq_counter counter)
{
    struct lane_counters *const lane = own_lane(handle);
    struct seat_counters *const seat = own_seat(handle);
    if (lane == NULL && seat == NULL)
        return NULL;
    switch (counter) {
    case SHMQ_COUNT_DEAD_LETTERS:
        return lane != NULL ? &lane->dead_letters : &seat->dead_letters;
    case SHMQ_COUNT_DROPPED:
        return lane != NULL ? &lane->dropped : &seat->dropped;
    case SHMQ_COUNT_TOO_LONG:
        return lane != NULL ? &lane->too_long : &seat->too_long;
    default:
        return NULL;
    }
}

int shmq_count(struct shmq *handle, enum shmq_counter counter, uint64_t add)
{
    const int error = handle_check_any(handle);
    if (error != 0)
        return error;
    shared_u64 *const found = find(handle, counter);
    if (found == NULL)
        return -EINVAL;
    count_add(found, add);
    if (counter == SHMQ_COUNT_DEAD_LETTERS && add > 0)
        events_dead_letters(handle, add);
    return 0;
}

static shared_u64 *bridge_of(struct shmq *handle)
{
    if (handle->role == SHMQ_PRODUCER)
        return handle->producer.view->ring.control->bridge;
    return handle->role == SHMQ_CONSUMER ? handle->seats[handle->consumer.seat].bridge : NULL;
}

int shmq_set_bridge(struct shmq *handle, const uint64_t *words)
{
    const int error = handle_check_any(handle);
    if (error != 0)
        return error;
    shared_u64 *const bridge = bridge_of(handle);
    if (bridge == NULL || words == NULL)
        return -EINVAL;
    for (int i = 0; i < BRIDGE_WORDS; i++)
        atomic_store_explicit(&bridge[i], words[i], memory_order_relaxed);
    return 0;
}
