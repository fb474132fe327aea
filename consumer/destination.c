/* SPDX-License-Identifier: MIT */
#include "consumer/destination.h"

#include <errno.h>

#include "common/cli/attached.h"
#include "common/cli/open_error.h"
#include "common/cli/say.h"
#include "common/cli/stop.h"
#include "consumer/queue_like.h"

static enum destination_result refuse(const struct destination *destination, int error)
{
    const char *name = destination->queue.name;

    say_error("--forward: queue '%s': %s (what it has not got stays in the queue)", name,
              open_error_text(name, error));
    return exit_status_of(error) == EXIT_QUEUE ? DESTINATION_UNFIT : DESTINATION_FAILED;
}

static enum destination_result judge(struct destination *destination, int error)
{
    destination->error = error;
    switch (error) {
    case 0:
        return DESTINATION_DONE;
    case -EAGAIN:
    case -ETIMEDOUT:
    case -EINTR:
    case -EUSERS:
    case -EBUSY:
    case -ENOSPC:
        return DESTINATION_FULL;
    case -EMSGSIZE:
        return DESTINATION_TOO_LONG;
    default:
        return refuse(destination, error);
    }
}

/* Learns the sizes of the queue. Return: 0; -ENOENT; -ESHUTDOWN; other errors. */
static int look(struct destination *destination)
{
    struct shmq_info info = SHMQ_INFO_INIT;
    struct shmq *observer;
    int error = shmq_open(&observer, destination->queue.name, SHMQ_OBSERVER, NULL);

    if (error < 0)
        return error;
    error = shmq_info(observer, &info);
    (void)shmq_close(observer);
    destination->max_message_bytes = info.max_message_bytes;
    return error == 0 && info.shut_down != 0 ? -ESHUTDOWN : error;
}

static int make(struct destination *destination)
{
    struct shmq_options sizes;
    int error = queue_like(destination->handle, DESTINATION_ADDED_BYTES, &sizes);

    if (error == 0)
        error = shmq_create(destination->queue.name, &sizes);
    if (error == 0)
        say_detail("made queue '%s'", destination->queue.name);
    if (error == 0 || error == -EEXIST) /* somebody else was quicker */
        error = look(destination);
    return error;
}

void destination_init(struct destination *destination, const struct forward_queue *queue, const char *source)
{
    *destination = (struct destination){.queue = *queue, .source = source};
    wait_notice_init(&destination->notice);
}

enum destination_result destination_open(struct destination *destination)
{
    int error = look(destination);

    if (error == -ENOENT)
        error = make(destination);
    if (error == 0 && !destination->mover)
        error = shmq_mover_open(&destination->mover, destination->handle, destination->queue.name, NULL);
    if (error == 0)
        error = shmq_mover_put(destination->mover, NULL, 0, NULL, 0);
    if (error == -ENOENT || error == -ESTALE) /* removed at this moment */
        return DESTINATION_FULL;
    if (destination->queue.drops && judge(destination, error) == DESTINATION_FULL)
        return DESTINATION_DONE;
    return judge(destination, error);
}

void destination_close(struct destination *destination)
{
    shmq_mover_close(destination->mover);
    destination->mover = NULL;
}

static void drop(struct destination *destination, struct totals *totals, size_t count)
{
    destination->done += count;
    destination->dropped += count;
    totals_add_dropped(totals, count);
    (void)shmq_count(destination->handle, SHMQ_COUNT_DROPPED, count);
}

enum destination_result destination_put(struct destination *destination, struct totals *totals,
                                        const struct shmq_message *messages, size_t count, int64_t timeout_ns)
{
    enum destination_result result = DESTINATION_DONE;

    while (destination->done < count && result == DESTINATION_DONE) {
        size_t left = count - destination->done;
        size_t put;
        int error = shmq_mover_put(destination->mover, messages + destination->done, left, &put,
                                   destination->queue.drops ? 0 : timeout_ns);

        destination->done += put;
        result = judge(destination, error);
        if (!destination->queue.drops || result != DESTINATION_FULL)
            continue;
        drop(destination, totals, error == -EAGAIN ? 1 : left - put); /* otherwise there is not even a lane */
        result = DESTINATION_DONE;
    }
    return result;
}

enum destination_result destination_check(struct destination *destination)
{
    return judge(destination, shmq_mover_put(destination->mover, NULL, 0, NULL, 0));
}

enum destination_result destination_finish(struct destination *destination)
{
    int error = shmq_mover_finish(destination->mover);

    if (error != -EBUSY)
        return judge(destination, error);
    say_status(
        "--forward: queue '%s' waits for the rest: a consumer that died had put more than this one has taken "
        "over (forward them without --count)",
        destination->queue.name);
    return DESTINATION_DONE;
}

/* ------------------------------------------------------------------ waiting */

/* Why nobody makes room. */
static void say_full(const char *name)
{
    struct shmq_info info = SHMQ_INFO_INIT;
    struct shmq *observer;
    char who[ATTACHED_BYTES];

    if (shmq_open(&observer, name, SHMQ_OBSERVER, NULL) < 0) {
        say_status("waiting for room in queue '%s': its lane is full", name);
        return;
    }
    if (shmq_info(observer, &info) == 0 && info.paused)
        say_status("waiting for room in queue '%s': its lane is full, and the queue is paused (see '%smonitor "
                   "resume %s')",
                   name, say_prefix(), name);
    else
        say_status("waiting for room in queue '%s': its lane is full, and %s", name,
                   attached_consumers(observer, who));
    (void)shmq_close(observer);
}

void destination_say_wait(struct destination *destination)
{
    const char *name = destination->queue.name;

    if (destination->waiting_since_ns == 0)
        destination->waiting_since_ns = stop_now_ns();
    if (!wait_notice_is_due(&destination->notice, destination->waiting_since_ns))
        return;
    switch (destination->error) {
    case -EUSERS:
        say_status(
            "waiting for room in queue '%s': all its lanes are taken (it needs one for each consumer of queue "
            "'%s', and one for each of its other producers)",
            name, destination->source);
        return;
    case -ENOSPC:
        say_status("waiting for room in queue '%s': /dev/shm has no room (free some)", name);
        return;
    case -EBUSY:
        say_status("waiting for room in queue '%s': another process is making, removing or using it", name);
        return;
    default:
        say_full(name);
    }
}

void destination_end_wait(struct destination *destination)
{
    destination->waiting_since_ns = 0;
    wait_notice_end(&destination->notice);
}
