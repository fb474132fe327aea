/* SPDX-License-Identifier: MIT */
/*
 * Copies a queue into a file while it is in use, without a lock and without changing anything in it, so that what
 * is in the copy fits together. In this order:
 *
 *  1. The histograms, then for each seat what it has delivered: so nothing counts more than what is counted in the
 *     next steps.
 *  2. For each lane: tail with its checkpoint, the lease words from head on, and the messages before tail.
 *     Everything before tail is published, and stays until head passes it. Boundaries of batches never change,
 *     and their words only from leased to done.
 *  3. For each lane: head. What is not before it was copied whole.
 *  4. For each seat: what it has, at one moment.
 *
 * A message goes from unleased to leased by a seat, perhaps to this seat's buffer, and is acknowledged. A seat is
 * read later than the lanes, so it is never behind them:
 *  - what was not leased in step 2 is not leased in the copy, whatever has become of it since; a seat that has it
 *    now has nothing in the copy;
 *  - what was leased by a seat that names it no longer in step 4 was acknowledged or has moved to its buffer, so
 *    its batch is done, and the buffer counts.
 * So each message that is in the queue all the time is in the copy once. One that is put or acknowledged meanwhile
 * may be in it or not.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/kernel/sparse.h"
#include "common/queue/save.h"

union header_words {
    struct header header;
    uint64_t words[sizeof(struct header) / sizeof(uint64_t)];
};

static int copy_region(const struct save *save, uint64_t offset, uint64_t end)
{
    uint64_t done;
    return sparse_copy(save->handle->object.fd, save->fd, offset, end, &done);
}

/* The number of events comes first: those that are recorded meanwhile do not count. */
static void read_header(struct save *save, union header_words *copy)
{
    save_load(copy->words, save->handle->header, sizeof(*copy));
    for (size_t i = 0; i < LANE_WORDS; i++)
        save->used[i] = atomic_load_explicit(&copy->header.lanes_used[i], memory_order_relaxed);
    atomic_thread_fence(memory_order_acquire);
}

/* It is written last: without it, a file is no copy. A copy of a copy is of the same time. */
static int write_header(const struct save *save, union header_words *copy)
{
    const struct shmq *handle = save->handle;
    const bool again = handle->object.copy;
    atomic_store_explicit(&copy->header.saved_ns, (uint64_t)handle_now_ns(handle), memory_order_relaxed);
    atomic_store_explicit(&copy->header.saved_realtime_ns,
                          (uint64_t)(again ? handle->copied_realtime_ns : clock_wall_ns()), memory_order_relaxed);
    return sparse_write(save->fd, copy->words, sizeof(*copy), 0);
}

static int save_lanes(struct save *save)
{
    const uint32_t lanes = handle_geometry(save->handle)->parameters.lanes;
    int error = 0;
    for (uint32_t i = 0; error == 0 && i < lanes; i++)
        if (save_has_lane(save, i))
            error = save_lane(save, i);
    for (uint32_t i = 0; error == 0 && i < lanes; i++)
        if (save_has_lane(save, i))
            save_lane_settle(save, i);
    return error;
}

static int save_seats(struct save *save, struct saved_seat *seats)
{
    const struct parameters *p = &handle_geometry(save->handle)->parameters;
    int error = 0;
    for (uint32_t i = 0; error == 0 && i < p->seats; i++)
        error = save_seat(save, i, &seats[i]);
    for (uint32_t i = 0; error == 0 && i < p->lanes; i++)
        if (save_has_lane(save, i))
            error = save_lane_words(save, i, seats);
    return error;
}

static int save_all(struct save *save, struct saved_seat *seats)
{
    const struct geometry *g = handle_geometry(save->handle);
    union header_words header;
    int error = copy_region(save, g->latency_offset, g->object_bytes);
    save_read_delivered(save);
    read_header(save, &header); /* lanes that come later are not in the copy */
    if (error == 0)
        error = save_lanes(save);
    if (error == 0)
        error = save_seats(save, seats);
    if (error == 0)
        error = copy_region(save, g->events_offset, g->latency_offset);
    return error != 0 ? error : write_header(save, &header);
}

static int save_consistent(struct shmq *handle, int fd)
{
    const struct parameters *p = &handle_geometry(handle)->parameters;
    struct save save = {.handle = handle,
                        .fd = fd,
                        .lanes = calloc(p->lanes, sizeof(*save.lanes)),
                        .delivered = calloc(p->seats, sizeof(*save.delivered))};
    struct saved_seat *seats = calloc(p->seats, sizeof(*seats));
    const bool there = save.lanes != NULL && save.delivered != NULL && seats != NULL;
    int error = there ? save_all(&save, seats) : -ENOMEM;
    if (error == 0 && !object_is_whole(&handle->object))
        error = -EBADMSG; /* what is missing would be zeros */
    for (uint32_t i = 0; save.lanes != NULL && i < p->lanes; i++)
        free(save.lanes[i].batches);
    free(save.lanes);
    free(save.delivered);
    free(seats);
    return error;
}

/* How much of the object there is. */
static uint64_t bytes_there(const struct object *object)
{
    struct stat st;
    if (object->copy)
        return object->readable_bytes;
    return fstat(object->fd, &st) == 0 ? (uint64_t)st.st_size : object->geometry.object_bytes;
}

/* What is cut off is cut off in the copy, too. */
static int save_as_it_is(struct shmq *handle, int fd)
{
    const uint64_t bytes = handle_geometry(handle)->object_bytes;
    const uint64_t there = bytes_there(&handle->object);
    uint64_t done;
    const int error = sparse_copy(handle->object.fd, fd, 0, there < bytes ? there : bytes, &done);
    if (error != 0 || there >= bytes)
        return error;
    return ftruncate(fd, (off_t)there) == 0 ? 0 : -errno; /* System errors: none that shmq.h names. */
}

/* Makes the file one hole of the object's size. */
static int make_empty(const struct shmq *handle, int fd)
{
    const uint64_t bytes = handle_geometry(handle)->object_bytes;
    struct stat st;
    if (fstat(fd, &st) != 0)
        return -errno; /* System errors: none that shmq.h names. */
    if (!S_ISREG(st.st_mode))
        return -EINVAL;
    const int error = object_check_size_limit(bytes);
    if (error != 0)
        return error;
    if (ftruncate(fd, 0) != 0 || ftruncate(fd, (off_t)bytes) != 0)
        return -errno; /* System errors: -EINVAL, -EFBIG. */
    return 0;
}

int shmq_save(struct shmq *handle, int fd, bool as_it_is)
{
    int error = handle_check_any(handle);
    if (error == 0)
        error = make_empty(handle, fd);
    if (error == 0)
        error = as_it_is ? save_as_it_is(handle, fd) : save_consistent(handle, fd);
    return error;
}
