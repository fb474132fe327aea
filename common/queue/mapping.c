/* SPDX-License-Identifier: MIT */
#include "common/queue/mapping.h"

#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

static int protection(const struct shmq *handle)
{
    return handle->object.writable ? PROT_READ | PROT_WRITE : PROT_READ;
}

/* Maps a part of the object. A forked child does not inherit the mapping. */
static void *map_part(const struct shmq *handle, void *where, uint64_t offset, uint64_t bytes)
{
    const int flags = MAP_SHARED | (where != NULL ? MAP_FIXED : 0);
    void *base = mmap(where, bytes, protection(handle), flags, handle->object.fd, (off_t)offset);
    if (base != MAP_FAILED)
        (void)madvise(base, bytes, MADV_DONTFORK);
    return base;
}

int mapping_front(struct shmq *handle)
{
    const struct geometry *g = handle_geometry(handle);
    void *base = map_part(handle, NULL, 0, g->buffers_offset);
    if (base == MAP_FAILED)
        return -ENOMEM; /* also for EAGAIN, when the memory would have to be locked */
    handle->header = base;
    handle->seats = (struct seat *)((unsigned char *)base + g->seats_offset);
    handle->front_bytes = g->buffers_offset;
    return 0;
}

static uint64_t lane_view_bytes(const struct geometry *g)
{
    return g->lane_bytes + g->parameters.capacity_bytes;
}

/* Maps the lane, and its arena a second time right behind it. */
static unsigned char *map_lane(const struct shmq *handle, uint32_t lane)
{
    const struct geometry *g = handle_geometry(handle);
    const uint64_t offset = geometry_lane_offset(g, lane);
    const uint64_t total = lane_view_bytes(g);
    unsigned char *base = mmap(NULL, total, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (base == MAP_FAILED)
        return NULL;
    if (map_part(handle, base, offset, g->lane_bytes) == MAP_FAILED ||
        map_part(handle, base + g->lane_bytes, offset + g->arena_offset, g->parameters.capacity_bytes) ==
            MAP_FAILED) {
        (void)munmap(base, total);
        return NULL;
    }
    return base;
}

int mapping_lane(struct shmq *handle, uint32_t lane, struct lane_view **view)
{
    const struct geometry *g = handle_geometry(handle);
    struct lane_view *v = &handle->lanes[lane];
    *view = v;
    if (v->base != NULL)
        return 0;
    v->base = map_lane(handle, lane);
    if (v->base == NULL)
        return -ENOMEM;
    v->ring = (struct ring){
        .control = (struct lane_control *)v->base,
        .leases = (shared_u64 *)(v->base + g->lease_offset),
        .records = (struct record *)(v->base + g->record_offset),
        .arena = v->base + g->arena_offset,
        .marks = (struct lane_mark *)(v->base + g->marks_offset),
        .times = (shared_u32 *)(v->base + g->times_offset),
        .marks_mask = g->marks - 1,
        .block_log2 = g->block_log2,
        .cells = g->cells,
        .mask = g->cells - 1,
        .max_position = g->max_position,
        .max_message_bytes = g->parameters.max_message_bytes,
        .format = {.seat_bits = g->seat_bits, .cells_log2 = g->cells_log2},
        .lane = lane,
    };
    v->priority = SHMQ_PRIORITY_DEFAULT;
    name_of_space(v->space.name, handle->object.queue, lane);
    if (lane >= handle->lanes_end)
        handle->lanes_end = lane + 1;
    return 0;
}

void mapping_used_lanes(struct shmq *handle)
{
    for (uint32_t i = 0; i < handle_geometry(handle)->parameters.lanes; i++) {
        struct lane_view *view;
        if (handle_lane_used(handle, i))
            (void)mapping_lane(handle, i, &view);
    }
}

int mapping_seat_buffer(struct shmq *handle, uint32_t seat, uint64_t bytes, unsigned char **base)
{
    const struct geometry *g = handle_geometry(handle);
    struct buffer_view *buffer = &handle->consumer.buffers[seat];
    const uint64_t offset = geometry_buffer_offset(g, seat);
    if (bytes > buffer->reserved_bytes) {
        const int error = object_reserve(&handle->object, offset, bytes);
        if (error != 0)
            return error;
        buffer->reserved_bytes = bytes;
    }
    if (buffer->base == NULL) {
        void *fresh = map_part(handle, NULL, offset, g->buffer_bytes);
        if (fresh == MAP_FAILED)
            return -ENOMEM;
        buffer->base = fresh;
    }
    *base = buffer->base;
    return 0;
}

/* Reserves in whole pages, so only one slot of many needs a system call. */
int mapping_slots(struct shmq *handle, uint32_t count)
{
    const struct geometry *g = handle_geometry(handle);
    struct producer_side *p = &handle->producer;
    const uint64_t offset = geometry_slots_offset(g, p->view->ring.lane);
    const uint32_t in_page = g->parameters.page_bytes / (uint32_t)sizeof(struct source_slot);
    const uint32_t whole = (count + in_page - 1) / in_page * in_page;
    if (count > p->slots_reserved) {
        const int error = object_reserve(&handle->object, offset, whole * sizeof(struct source_slot));
        if (error != 0)
            return error;
    }
    if (p->slots == NULL) {
        void *fresh = map_part(handle, NULL, offset, g->slots_bytes);
        if (fresh == MAP_FAILED)
            return -ENOMEM;
        p->slots = fresh;
    }
    if (whole > p->slots_reserved)
        p->slots_reserved = whole;
    return 0;
}

int mapping_event(struct shmq *handle, uint32_t slot, struct event **event)
{
    struct recorder *r = &handle->recorder;
    const uint64_t offset = handle_geometry(handle)->events_offset;
    const uint32_t chunk = slot / EVENTS_IN_CHUNK;
    const uint64_t chunk_bytes = EVENTS_IN_CHUNK * sizeof(struct event);
    if ((r->reserved >> chunk & 1) == 0) {
        const int error = object_reserve(&handle->object, offset + chunk * chunk_bytes, chunk_bytes);
        if (error != 0)
            return error;
        r->reserved |= UINT64_C(1) << chunk;
    }
    if (r->slots == NULL) {
        void *fresh = map_part(handle, NULL, offset, EVENTS * sizeof(struct event));
        if (fresh == MAP_FAILED)
            return -ENOMEM;
        r->slots = fresh;
    }
    *event = &r->slots[slot];
    return 0;
}

/* Maps those of all seats at once: a consumer may change its seat for each message that it puts aside. */
int mapping_latency(struct shmq *handle, uint32_t seat, shared_u64 **counts)
{
    const struct geometry *g = handle_geometry(handle);
    struct consumer_side *c = &handle->consumer;
    const int error = object_reserve(&handle->object, geometry_latency_offset(g, seat), g->latency_bytes);
    if (error != 0)
        return error;
    if (c->histograms == NULL) {
        void *fresh = map_part(handle, NULL, g->latency_offset, g->latency_bytes * g->parameters.seats);
        if (fresh == MAP_FAILED)
            return -ENOMEM;
        c->histograms = fresh;
    }
    *counts = (shared_u64 *)(c->histograms + g->latency_bytes * seat);
    return 0;
}

void mapping_unmap_all(struct shmq *handle)
{
    const struct geometry *g = handle_geometry(handle);
    for (uint32_t i = 0; i < handle->lanes_end; i++) {
        struct lane_view *v = &handle->lanes[i];
        doorbell_close(&v->space);
        if (v->base != NULL)
            (void)munmap(v->base, lane_view_bytes(g));
    }
    for (uint32_t i = 0; handle->consumer.buffers != NULL && i < g->parameters.seats; i++)
        if (handle->consumer.buffers[i].base != NULL)
            (void)munmap(handle->consumer.buffers[i].base, g->buffer_bytes);
    if (handle->producer.slots != NULL)
        (void)munmap(handle->producer.slots, g->slots_bytes);
    if (handle->consumer.histograms != NULL)
        (void)munmap(handle->consumer.histograms, g->latency_bytes * g->parameters.seats);
    if (handle->recorder.slots != NULL)
        (void)munmap(handle->recorder.slots, EVENTS * sizeof(struct event));
    if (handle->header != NULL)
        (void)munmap(handle->header, handle->front_bytes);
}
