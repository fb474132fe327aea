/* SPDX-License-Identifier: MIT */
#include <dirent.h>
#include <fcntl.h>
#include <semaphore.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/kernel/byte_lock.h"
#include "common/kernel/clock.h"
#include "common/queue/end_of_stream.h"
#include "common/queue/events.h"
#include "common/queue/mapping.h"
#include "common/queue/observe.h"
#include "common/queue/waiting.h"

/* Whether a file of /dev/shm is one of the queue's semaphores: "sem.shmq.NAME.items" or ".space.LANE". */
static bool is_semaphore_of(const char *file, const char *queue)
{
    char prefix[SEMAPHORE_PATH_BYTES];
    const int length = snprintf(prefix, sizeof(prefix), "sem.shmq.%s.", queue);
    if (strncmp(file, prefix, (size_t)length) != 0)
        return false;
    const char *rest = file + length;
    if (strcmp(rest, "items") == 0)
        return true;
    if (strncmp(rest, "space.", 6) != 0)
        return false;
    rest += 6;
    return *rest != '\0' && rest[strspn(rest, "0123456789")] == '\0';
}

/* Reads the directory, so that it finds what any earlier queue of the name left. Return: how many there were. */
static int unlink_semaphores(const char *queue)
{
    int count = 0;
    DIR *directory = opendir("/dev/shm");
    if (directory == NULL)
        return 0;
    for (const struct dirent *entry = readdir(directory); entry != NULL; entry = readdir(directory)) {
        char name[OBJECT_NAME_BYTES];
        if (!is_semaphore_of(entry->d_name, queue))
            continue;
        (void)snprintf(name, sizeof(name), "/%.*s", OBJECT_NAME_BYTES - 2, entry->d_name + strlen("sem."));
        count += sem_unlink(name) == 0;
    }
    (void)closedir(directory);
    return count;
}

static int unlink_object(const char *queue)
{
    char name[OBJECT_NAME_BYTES];
    name_of_object(name, queue);
    return shm_unlink(name) == 0 || errno == ENOENT ? 0 : -errno; /* System errors: -EACCES, -EROFS. */
}

/* Exchanges the read lock on the creation byte, which object_open left, for a write lock. */
static int lock_for_removal(struct shmq *handle)
{
    const int64_t deadline = clock_deadline(OBJECT_WAIT_NS);
    for (;;) {
        byte_lock_release(handle->object.fd, OBJECT_CREATION_BYTE);
        const int error = byte_lock_try(handle->object.fd, OBJECT_CREATION_BYTE);
        if (error != -EAGAIN)
            return error;
        if (clock_now_ns() >= deadline)
            return -EBUSY;
        clock_sleep_until(clock_now_ns() + 1000000);
    }
}

static int check_unused(struct shmq *handle)
{
    if (object_in_use(&handle->object))
        return -EBUSY;
    const int drained = end_of_stream_is_drained(handle);
    return drained == 1 ? 0 : drained == 0 ? -ENOTEMPTY : drained;
}

/* Opens the semaphores that have sleepers while the names still lead to them. */
static void open_doorbells(struct shmq *handle)
{
    const uint32_t generation = atomic_load_explicit(&handle->header->bell_generation, memory_order_relaxed);
    mapping_used_lanes(handle);
    if ((uint32_t)atomic_load_explicit(&handle->header->bell, memory_order_relaxed) != 0 ||
        waiting_seats(handle) != 0)
        (void)doorbell_open(&handle->items, &handle->access, generation);
    for (uint32_t i = 0; i < handle_geometry(handle)->parameters.lanes; i++) {
        struct lane_view *view = &handle->lanes[i];
        if (view->base != NULL &&
            atomic_load_explicit(&view->ring.control->wanted_head, memory_order_relaxed) != 0)
            (void)doorbell_open(&view->space, &handle->access, generation);
    }
}

/*
 * Unlinks the semaphores first: without them the queue still works, and creates them again. Then the object; only
 * if that is permitted, marks the queue as removed and wakes all. Then the semaphores again, because some may have
 * been created meanwhile. So a remover that is killed in between, or refused, leaves either a working queue or
 * nothing.
 */
static int unlink_and_mark(struct shmq *handle)
{
    open_doorbells(handle);
    (void)unlink_semaphores(handle->object.queue);
    const int error = unlink_object(handle->object.queue);
    if (error != 0)
        return error;
    atomic_fetch_or_explicit(&handle->header->flags, FLAG_REMOVED, memory_order_seq_cst);
    atomic_store_explicit(&handle->header->state, OBJECT_REMOVED, memory_order_seq_cst);
    events_record(handle, SHMQ_EVENT_REMOVED, 0); /* for those who still have it open */
    waiting_wake_everybody(handle);
    (void)unlink_semaphores(handle->object.queue);
    return 0;
}

static int remove_ready(struct shmq *handle, bool force)
{
    int error = lock_for_removal(handle);
    if (error == 0 && !object_is_current(&handle->object))
        error = -ENOENT;
    if (error == 0 && !force)
        error = check_unused(handle);
    return error != 0 ? error : unlink_and_mark(handle);
}

/* Removes what has the name but is not a ready queue: an incomplete object, or semaphores alone. Return: 0;
 * -ENOENT; -EAGAIN. */
static int remove_leftovers(const char *queue)
{
    const int error = object_remove_unusable(queue);
    if (error != 0 && error != -ENOENT)
        return error;
    return unlink_semaphores(queue) > 0 || error == 0 ? 0 : -ENOENT;
}

/* Removes whatever has the name: another user's object, or not a plain file. */
static int remove_by_force(const char *queue)
{
    const int error = unlink_object(queue);
    (void)unlink_semaphores(queue);
    return error;
}

static int try_remove(const char *name, bool force)
{
    struct shmq *handle;
    int error = observe_open(&handle, name);
    if (error == -ENOENT)
        return remove_leftovers(name);
    if (force && (error == -EBADMSG || error == -EPROTO))
        return remove_leftovers(name);
    if (force && error == -EPERM)
        return remove_by_force(name);
    if (error != 0)
        return error;
    error = remove_ready(handle, force);
    (void)shmq_close(handle);
    return error;
}

int shmq_remove(const char *name, bool force)
{
    int error = shmq_name_check(name);
    if (error != 0)
        return error;
    const int64_t deadline = clock_deadline(OBJECT_WAIT_NS);
    while ((error = try_remove(name, force)) == -EAGAIN) {
        if (clock_now_ns() >= deadline)
            return -EBUSY;
        clock_sleep_until(clock_now_ns() + 1000000);
    }
    return error;
}
