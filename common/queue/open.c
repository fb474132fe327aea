/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/kernel/byte_lock.h"
#include "common/kernel/clock.h"
#include "common/queue/lane.h"
#include "common/queue/mapping.h"
#include "common/queue/seat.h"
#include "common/queue/sized.h"
#include "common/queue/supervision.h"
#include "common/queue/waiting.h"

#define PREFETCH_DEFAULT 256u
/* Between two looks for a lane or seat. */
#define PAUSE_LEAST_NS INT64_C(1000000)
#define PAUSE_MOST_NS INT64_C(50000000)

bool handle_is_stale(const struct shmq *handle)
{
    return (handle_flags(handle) & FLAG_REMOVED) != 0 || !object_is_current(&handle->object);
}

/* @given may be an earlier version's, or NULL. Return: 0; -EINVAL. */
static int take_options(struct shmq_options *known, const struct shmq_options *given)
{
    *known = (struct shmq_options)SHMQ_OPTIONS_INIT;
    return given == NULL ? 0 : sized_take(known, sizeof(*known), given, OPTIONS_FIRST_BYTES);
}

static int check_open_options(const struct shmq_options *o, enum shmq_role role)
{
    if (role < SHMQ_PRODUCER || role > SHMQ_SUPERVISOR || o->priority >= SHMQ_PRIORITIES ||
        o->prefetch > SHMQ_PREFETCH_MAX || (o->source_group == 0 && o->source_part != 0))
        return -EINVAL;
    return 0;
}

/* The handle's pages are wiped in a forked child, so that it is refused there whatever is done with it. */
static struct shmq *allocate(const struct object *object, enum shmq_role role)
{
    const struct geometry *g = &object->geometry;
    const uint64_t lanes_at = (sizeof(struct shmq) + 63) & ~UINT64_C(63);
    const uint64_t hands_at = lanes_at + g->parameters.lanes * sizeof(struct lane_view);
    const uint64_t active_at = hands_at + g->parameters.seats * sizeof(struct hand_view);
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
    handle->consumer.hands = (struct hand_view *)(base + hands_at);
    handle->consumer.active.lanes = (uint32_t *)(base + active_at);
    handle->consumer.busy.lanes = (uint32_t *)(base + busy_at);
    handle->consumer.words = (uint64_t *)(base + words_at);
    return handle;
}

static void configure(struct shmq *handle, enum shmq_role role, const struct shmq_options *o)
{
    handle->role = role;
    handle->stop = o->stop;
    interrupt_init(&handle->interrupt);
    handle->access = (struct doorbell_access){
        .owner = handle->object.owner, .group = handle->object.group, .mode = handle->object.mode};
    name_of_items(handle->items.name, handle->object.queue);
    spin_init(&handle->spin);
    handle->consumer.prefetch = o->prefetch != 0 ? o->prefetch : PREFETCH_DEFAULT;
    handle->consumer.producers = o->producers != 0 ? o->producers : 1;
    handle->consumer.grace_ns = o->grace_ns;
    handle->consumer.follow = o->follow;
}

static int attach(struct shmq *handle, const struct shmq_options *options)
{
    if (handle->role == SHMQ_OBSERVER)
        return 0;
    if (handle->role == SHMQ_SUPERVISOR)
        return supervision_attach(handle);
    if (barrier_register() != 0)
        atomic_fetch_or_explicit(&handle->header->flags, FLAG_FULL_FENCES, memory_order_seq_cst);
    return handle->role == SHMQ_PRODUCER ? lane_attach(handle, options) : seat_attach(handle);
}

/* Gives everything back that the system gave; locks go with the descriptor. */
static void destroy(struct shmq *handle)
{
    doorbell_close(&handle->items);
    view_unmap_all(handle);
    object_close(&handle->object);
    (void)munmap(handle, handle->handle_bytes);
}

/* Return: 0 with a handle that is attached; negative errno with nothing left open. */
static int open_attached(struct shmq **out, struct object *object, enum shmq_role role,
                         const struct shmq_options *options)
{
    struct shmq *handle = allocate(object, role);
    if (handle == NULL) {
        object_close(object);
        return -ENOMEM;
    }
    configure(handle, role, options);
    int error = view_map_front(handle);
    if (error == 0)
        error = attach(handle, options);
    if (error != 0) {
        destroy(handle);
        return error;
    }
    object_opened(&handle->object);
    handle->magic = HANDLE_MAGIC;
    *out = handle;
    return 0;
}

/* Looks once for a lane or seat. Return: as shmq_open. */
static int open_once(struct shmq **handle, const char *name, enum shmq_role role, bool writable,
                     const struct shmq_options *options)
{
    struct object object;
    int error = object_open(&object, name, options->create && role != SHMQ_OBSERVER, writable, options);
    if (error != 0)
        return error;
    const bool created = object.created;
    error = open_attached(handle, &object, role, options);
    if (error != 0 && created)
        (void)shmq_remove(name, false);
    return error;
}

/*
 * Looks again and again while all lanes or seats are taken: with growing pauses, in which it holds nothing, so
 * that the queue can be removed meanwhile; what has the name then is opened.
 */
static int open_patiently(struct shmq **handle, const char *name, enum shmq_role role, bool writable,
                          const struct shmq_options *options)
{
    const int64_t deadline = clock_deadline(options->attach_wait_ns);
    int64_t pause = PAUSE_LEAST_NS;
    for (;;) {
        const int error = open_once(handle, name, role, writable, options);
        if (error != -EUSERS)
            return error;
        if (options->stop != NULL && *options->stop != 0)
            return -EINTR;
        const int64_t now = clock_now_ns();
        if (now >= deadline)
            return -EUSERS;
        clock_sleep_until(deadline - now < pause ? deadline : now + pause);
        pause = pause < PAUSE_MOST_NS / 2 ? 2 * pause : PAUSE_MOST_NS;
    }
}

/* @writable lets an observer say something to the queue as a whole. */
static int open_as(struct shmq **handle, const char *name, enum shmq_role role, bool writable,
                   const struct shmq_options *options)
{
    struct shmq_options known;
    if (handle == NULL)
        return -EINVAL;
    *handle = NULL;
    int error = take_options(&known, options);
    if (error == 0)
        error = check_open_options(&known, role);
    return error != 0 ? error : open_patiently(handle, name, role, writable, &known);
}

int shmq_open(struct shmq **handle, const char *name, enum shmq_role role, const struct shmq_options *options)
{
    return open_as(handle, name, role, role != SHMQ_OBSERVER, options);
}

int handle_observe(struct shmq **handle, const char *name)
{
    /* Cannot come: -EEXIST (no sizes are asked for), -EUSERS, -EINTR, -ESHUTDOWN (it takes no
     * lane or seat), -ENOSPC, -EFBIG (it makes
     * nothing). */
    return open_as(handle, name, SHMQ_OBSERVER, true, NULL);
}

int shmq_create(const char *name, const struct shmq_options *options)
{
    struct shmq_options known;
    struct object object;
    int error = take_options(&known, options);
    if (error == 0)
        error = object_open(&object, name, true, true, &known);
    if (error == 0)
        object_close(&object);
    return error; /* Cannot come: -ENOENT (what is missing is made). */
}

static void detach(struct shmq *handle)
{
    if (handle->role == SHMQ_PRODUCER)
        byte_lock_release(handle->object.fd, handle_lane_byte(handle, handle->producer.view->ring.lane));
    else if (handle->role == SHMQ_CONSUMER)
        seat_detach(handle);
    else if (handle->role == SHMQ_SUPERVISOR)
        supervision_detach(handle);
    handle->magic = ~HANDLE_MAGIC;
    destroy(handle);
}

int shmq_close(struct shmq *handle)
{
    if (handle == NULL)
        return 0;
    int error = handle_check_any(handle);
    if (error != 0)
        return error;
    if (handle->role == SHMQ_PRODUCER)
        error = lane_finish(handle);
    detach(handle);
    return error;
}

void shmq_abandon(struct shmq *handle)
{
    if (handle_check_any(handle) == 0)
        detach(handle);
}

void shmq_withdraw(struct shmq *handle)
{
    if (handle_check_any(handle) != 0)
        return;
    if (handle->role == SHMQ_PRODUCER)
        lane_restore(handle);
    detach(handle);
}

void shmq_message_id(const struct shmq *handle, const struct shmq_message *message, char *text)
{
    (void)snprintf(text, SHMQ_ID_SIZE, "%016llx-%u-%llu", (unsigned long long)handle->object.queue_id,
                   message->lane, (unsigned long long)message->position);
}
