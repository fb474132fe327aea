/* SPDX-License-Identifier: MIT */
#include "common/queue/observe.h"

#include "common/queue/mapping.h"
#include "common/queue/waiting.h"

#define PREFETCH_DEFAULT 256u

static void configure(struct shmq *handle, enum shmq_role role, const struct shmq_options *o)
{
    handle->role = role;
    handle->stop = o->stop;
    interrupt_init(&handle->interrupt);
    handle->access = (struct doorbell_access){
        .owner = handle->object.owner, .group = handle->object.group, .mode = handle->object.mode};
    name_of_items(handle->items.name, handle->object.queue);
    spin_init(&handle->spin);
    handle->producer.reserved_at = UINT64_MAX; /* none; next is 0 in handles of other roles */
    handle->consumer.prefetch = o->prefetch != 0 ? o->prefetch : PREFETCH_DEFAULT;
    handle->consumer.producers = o->producers != 0 ? o->producers : 1;
    handle->consumer.grace_ns = o->grace_ns;
    handle->consumer.follow = o->follow;
    handle->consumer.shared_attempts = (o->consumer_flags & SHMQ_CONSUMER_SHARED_ATTEMPTS) != 0;
    handle->consumer.eager = (o->consumer_flags & SHMQ_CONSUMER_EAGER) != 0;
    handle->consumer.taboo = FLAG_REMOVED | FLAG_NOW | (handle->consumer.eager ? 0 : FLAG_PAUSED);
    handle->consumer.due_ns = INT64_MAX;
}

int observe_begin(struct shmq **out, struct object *object, enum shmq_role role,
                  const struct shmq_options *options)
{
    struct shmq *handle = handle_allocate(object, role);
    if (handle == NULL) {
        object_close(object);
        return -ENOMEM;
    }
    configure(handle, role, options);
    const int error = mapping_front(handle);
    if (error != 0) {
        observe_end(handle);
        return error;
    }
    *out = handle;
    return 0;
}

void observe_done(struct shmq *handle)
{
    object_unlock_creation(&handle->object);
    handle->magic = HANDLE_MAGIC;
}

void observe_end(struct shmq *handle)
{
    handle->magic = ~HANDLE_MAGIC;
    mapping_unmap_all(handle);
    handle_free(handle);
}

int observe_open(struct shmq **handle, const char *name)
{
    const struct shmq_options options = SHMQ_OPTIONS_INIT;
    struct object object;
    *handle = NULL;
    /* Cannot occur: -EEXIST (no sizes are requested), -ENOSPC, -EFBIG (it creates nothing). */
    int error = object_open(&object, name, false, true, &options);
    if (error == 0)
        error = observe_begin(handle, &object, SHMQ_OBSERVER, &options);
    if (error == 0)
        observe_done(*handle);
    return error;
}
