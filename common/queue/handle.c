/* SPDX-License-Identifier: MIT */
#include "common/queue/handle.h"

#include <sys/mman.h>

bool handle_is_stale(const struct shmq *handle)
{
    return (handle_flags(handle) & FLAG_REMOVED) != 0 || !object_is_current(&handle->object);
}

struct shmq *handle_allocate(const struct object *object, enum shmq_role role)
{
    const struct geometry *g = &object->geometry;
    const uint64_t line = LINE_BYTES;
    const uint64_t lanes_at = (sizeof(struct shmq) + line - 1) & ~(line - 1);
    const uint64_t buffers_at = lanes_at + g->parameters.lanes * sizeof(struct lane_view);
    const uint64_t active_at = buffers_at + g->parameters.seats * sizeof(struct buffer_view);
    const uint64_t busy_at = active_at + g->parameters.lanes * sizeof(uint32_t);
    const uint64_t words_at = (busy_at + g->parameters.lanes * sizeof(uint32_t) + 63) & ~UINT64_C(63);
    const uint64_t bytes = words_at + (role == SHMQ_CONSUMER ? SHMQ_PREFETCH_MAX * sizeof(uint64_t) : 0);
    unsigned char *base = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (base == MAP_FAILED)
        return NULL;
    (void)madvise(base, bytes, MADV_WIPEONFORK);
    struct shmq *handle = (struct shmq *)base;
    handle->object = *object;
    handle->handle_bytes = bytes;
    handle->lanes = (struct lane_view *)(base + lanes_at);
    handle->consumer.buffers = (struct buffer_view *)(base + buffers_at);
    handle->consumer.active.lanes = (uint32_t *)(base + active_at);
    handle->consumer.busy.lanes = (uint32_t *)(base + busy_at);
    handle->consumer.words = (uint64_t *)(base + words_at);
    return handle;
}

void handle_free(struct shmq *handle)
{
    doorbell_close(&handle->items);
    object_close(&handle->object);
    (void)munmap(handle, handle->handle_bytes);
}
