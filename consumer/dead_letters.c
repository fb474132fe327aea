/* SPDX-License-Identifier: MIT */
#include "consumer/dead_letters.h"

#include <errno.h>
#include <stdlib.h>

#include "common/cli/open_error.h"
#include "common/cli/say.h"
#include "common/cli/units.h"
#include "consumer/deadline.h"
#include "consumer/queue_like.h"

/* Between attempts that fail at once. */
#define PAUSE_NS INT64_C(50000000)

static enum sink_result refuse(const struct dead_letters *letters, int error)
{
    const char *queue = letters->options->dead_letter;

    say_error("--dead-letter: queue '%s': %s (give another --dead-letter QUEUE, or none; see '%smonitor list')",
              queue, open_error_brief(queue, error), say_prefix());
    return exit_status_of(error) == EXIT_QUEUE ? SINK_UNFIT : SINK_FAILED;
}

static enum sink_result refuse_small(const struct dead_letters *letters, const struct shmq_info *info)
{
    const char *queue = letters->options->dead_letter;
    char present[UNITS_SIZE];
    char needed[UNITS_SIZE];

    say_error("--dead-letter: queue '%s': its largest message of %s is less than the %s that a message of queue "
              "'%s' and its history may need (remove it, and it is made anew when needed; or give another "
              "--dead-letter QUEUE)",
              queue, units_size(present, info->max_message_bytes),
              units_size(needed, letters->sizes.max_message_bytes), letters->options->common.queue);
    return SINK_UNFIT;
}

/* Whether a failure of the move is about room, or another process that is about to go on. */
static bool may_pass(int error)
{
    return error == -EAGAIN || error == -ETIMEDOUT || error == -EINTR || error == -ENOSPC || error == -EBUSY ||
           error == -EUSERS || error == -ESTALE || error == -ENOENT || error == -EEXIST;
}

/*
 * Whether this user may put messages there: an observer, who may only read, need not. Takes no lane, which a kill
 * just then would leave unfinished. Return: 0; negative errno.
 */
static int try_to_write(const struct dead_letters *letters)
{
    int error = shmq_create(letters->options->dead_letter, &letters->sizes);

    return may_pass(error) ? 0 : error;
}

/* Checks the queue if there is one. */
static enum sink_result check(const struct dead_letters *letters)
{
    struct shmq_info info = SHMQ_INFO_INIT;
    struct shmq *observer;
    int error = shmq_open(&observer, letters->options->dead_letter, SHMQ_OBSERVER, NULL);

    if (error == -ENOENT)
        return SINK_OK;
    if (error < 0)
        return refuse(letters, error);
    error = shmq_info(observer, &info);
    (void)shmq_close(observer);
    if (error == 0 && info.shut_down != 0)
        error = -ESHUTDOWN;
    if (error == 0)
        error = try_to_write(letters);
    if (error < 0)
        return refuse(letters, error);
    return info.max_message_bytes < letters->sizes.max_message_bytes ? refuse_small(letters, &info) : SINK_OK;
}

enum sink_result dead_letters_begin(struct dead_letters *letters, const struct consumer_options *options,
                                    struct totals *totals, struct shmq *handle)
{
    enum sink_result result;
    int error;

    *letters = (struct dead_letters){.options = options, .totals = totals, .handle = handle};
    wait_notice_init(&letters->notice);
    if (!options->dead_letter)
        return SINK_OK;
    error = queue_like(handle, HEADERS_HISTORY_BYTES, &letters->sizes);
    if (error < 0)
        return refuse(letters, error);
    result = check(letters);
    if (result != SINK_OK)
        return result;
    letters->headers = malloc(SHMQ_HEADERS_MAX);
    error = letters->headers ? shmq_mover_open(&letters->mover, handle, options->dead_letter, NULL) : -ENOMEM;
    return error < 0 ? refuse(letters, error) : SINK_OK;
}

void dead_letters_end(struct dead_letters *letters)
{
    shmq_mover_close(letters->mover);
    free(letters->headers);
    *letters = (struct dead_letters){0};
}

static const char *describe_wait(int error)
{
    switch (error) {
    case -ENOSPC:
        return "/dev/shm has no room (free some)";
    case -EBUSY:
        return "another process is making, removing or using it";
    default:
        return "it is full, or all its lanes are in use (consume what is in it)";
    }
}

/* Return: SINK_OK: try again. */
static enum sink_result wait_for_room(struct dead_letters *letters, int error)
{
    int64_t now_ns = stop_now_ns();

    totals_tick(letters->totals);
    if (stop_requested)
        return SINK_STOPPED;
    if (letters->waiting_since_ns == 0)
        letters->waiting_since_ns = now_ns;
    if (wait_notice_is_due(&letters->notice, letters->waiting_since_ns))
        say_status("waiting for room in dead-letter queue '%s': %s", letters->options->dead_letter,
                   describe_wait(error));
    if (error != -ETIMEDOUT)
        stop_sleep_until(now_ns + PAUSE_NS);
    return SINK_OK;
}

/* Makes the queue if there is none. Another consumer may do so at the same time. */
static int make(const struct dead_letters *letters)
{
    int error = shmq_create(letters->options->dead_letter, &letters->sizes);

    if (error == 0)
        say_detail("made dead-letter queue '%s'", letters->options->dead_letter);
    return error;
}

/* Return: SINK_OK: try again. */
static enum sink_result handle_error(struct dead_letters *letters, int error)
{
    if (error == -ENOENT) {
        error = make(letters);
        if (error == 0)
            return SINK_OK;
    }
    if (error == -EEXIST || error == -EMSGSIZE) { /* somebody else made another one meanwhile */
        enum sink_result result = check(letters);

        if (result != SINK_OK)
            return result;
    }
    return may_pass(error) ? wait_for_room(letters, error) : refuse(letters, error);
}

enum sink_result dead_letters_move(struct dead_letters *letters, const struct shmq_message *message,
                                   const struct history *history)
{
    enum sink_result result = SINK_OK;
    size_t own_bytes;
    const char *own = shmq_message_headers(message, &own_bytes);
    size_t bytes = headers_write_history(letters->headers, own, own_bytes, history);

    letters->waiting_since_ns = 0;
    while (result == SINK_OK) {
        int error = shmq_move(letters->mover, letters->headers, bytes, POLL_NS);

        if (error == 0) {
            totals_add_dead_letter(letters->totals);
            (void)shmq_count(letters->handle, SHMQ_COUNT_DEAD_LETTERS, 1);
            wait_notice_end(&letters->notice);
            return SINK_MOVED;
        }
        result = handle_error(letters, error);
    }
    if (result != SINK_STOPPED)
        say_error("message %s stays in queue '%s'", history->id, letters->options->common.queue);
    return result;
}
