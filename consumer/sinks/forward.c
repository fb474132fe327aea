/* SPDX-License-Identifier: MIT */
#include "consumer/sinks/sink.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/cli/say.h"
#include "common/cli/units.h"
#include "consumer/dead_letters.h"
#include "consumer/deadline.h"
#include "consumer/destination.h"

/*
 * --forward: each message goes into every destination, then it is acknowledged. A destination that is full holds
 * up the others, but only when they have got all that was leased, and those of --forward-full drop hold up nobody.
 */

/* Between attempts that fail at once. */
#define PAUSE_NS INT64_C(50000000)

enum { REASON_BYTES = SHMQ_NAME_MAX + 120 };

struct forward_sink {
    struct sink base;
    struct dead_letters dead_letters;
    size_t count;
    struct destination destinations[];
};

static enum sink_result result_of(enum destination_result result)
{
    return result == DESTINATION_UNFIT ? SINK_UNFIT : SINK_FAILED;
}

/* A destination is full. It waits itself, unless it has failed at once. */
static enum sink_result wait_for(struct forward_sink *sink, struct destination *destination)
{
    totals_tick(sink->base.totals);
    if (stop_requested)
        return SINK_STOPPED;
    destination_say_wait(destination);
    if (destination->error != -ETIMEDOUT)
        stop_sleep_until(stop_now_ns() + PAUSE_NS);
    return SINK_OK;
}

/* Does something for a destination until there is room. */
static enum sink_result do_for(struct forward_sink *sink, struct destination *destination,
                               enum destination_result (*act)(struct destination *destination))
{
    enum sink_result waited = SINK_OK;
    enum destination_result result = act(destination);

    while (result == DESTINATION_FULL && waited == SINK_OK) {
        waited = wait_for(sink, destination);
        if (waited == SINK_OK)
            result = act(destination);
    }
    if (waited != SINK_OK)
        return waited;
    destination_end_wait(destination);
    return result == DESTINATION_DONE ? SINK_OK : result_of(result);
}

/* ------------------------------------------------------------------ a message that is too long */

/* The message is the only one that is delivered, and so the oldest. */
static enum sink_result give_up(struct forward_sink *sink, const struct destination *destination,
                                const struct shmq_message *message)
{
    const struct consumer_options *options = sink->base.options;
    struct timespec now;
    char id[SHMQ_ID_SIZE];
    char largest[UNITS_SIZE];
    char reason[REASON_BYTES];
    struct history history = {
        .id = id, .queue = options->common.queue, .reason = reason, .attempts = message->attempts + 1};
    enum sink_result result;

    shmq_message_id(sink->base.handle, message, id);
    units_size(largest, destination->max_message_bytes);
    if (!dead_letters_are_kept(&sink->dead_letters)) {
        say_error("--forward: message %s of %zu bytes is too long for queue '%s', whose largest message is %s, "
                  "headers included (it "
                  "stays in the queue; make '%s' anew with a larger --max-message, or give a --dead-letter QUEUE)",
                  id, message->length, destination->queue.name, largest, destination->queue.name);
        return SINK_FAILED;
    }
    clock_gettime(CLOCK_REALTIME, &now);
    history.first_ns = history.last_ns = now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
    snprintf(reason, sizeof(reason), "too long for queue '%s', whose largest message is %s, headers included",
             destination->queue.name, largest);
    result = dead_letters_move(&sink->dead_letters, message, &history);
    if (result == SINK_MOVED)
        (void)shmq_count(sink->base.handle, SHMQ_COUNT_TOO_LONG, 1);
    if (result == SINK_MOVED)
        say_status("--forward: message %s: %s (moved to queue '%s')", id, reason, options->dead_letter);
    return result;
}

/* ------------------------------------------------------------------ delivering */

/* One call of the engine. */
struct round {
    const struct shmq_message *messages;
    size_t limit; /* how many of them are delivered now: all before the first that is too long */
    const struct destination *refuser; /* for which that one is too long; NULL: there is none */
};

/* How many messages all destinations have. */
static size_t least_done(const struct forward_sink *sink)
{
    size_t least = SIZE_MAX;

    for (size_t i = 0; i < sink->count; i++)
        if (sink->destinations[i].done < least)
            least = sink->destinations[i].done;
    return least;
}

static enum sink_result put_into(struct forward_sink *sink, struct round *round, struct destination *destination,
                                 int64_t timeout_ns)
{
    switch (destination_put(destination, sink->base.totals, round->messages, round->limit, timeout_ns)) {
    case DESTINATION_DONE:
        destination_end_wait(destination);
        return SINK_OK;
    case DESTINATION_FULL:
        return SINK_OK;
    case DESTINATION_TOO_LONG:
        round->limit = destination->done;
        round->refuser = destination;
        return SINK_OK;
    case DESTINATION_UNFIT:
        return SINK_UNFIT;
    case DESTINATION_FAILED:
        break;
    }
    return SINK_FAILED;
}

/* Gives each destination what it has room for; waits for the first that lacks some. */
static enum sink_result put_into_all(struct forward_sink *sink, struct round *round)
{
    enum sink_result result = SINK_OK;
    struct destination *full = NULL;

    for (size_t i = 0; i < sink->count && result == SINK_OK; i++) {
        struct destination *destination = &sink->destinations[i];

        if (destination->done < round->limit)
            result = put_into(sink, round, destination, 0);
        if (!full && destination->done < round->limit)
            full = destination;
    }
    if (result != SINK_OK || !full || full->done >= round->limit)
        return result;
    result = put_into(sink, round, full, POLL_NS);
    return result == SINK_OK && full->done < round->limit ? wait_for(sink, full) : result;
}

static enum sink_result forward_deliver(struct sink *base, const struct shmq_message *messages, size_t count,
                                        size_t *done)
{
    struct forward_sink *sink = (struct forward_sink *)base;
    struct round round = {.messages = messages, .limit = count};
    enum sink_result result = SINK_OK;

    for (size_t i = 0; i < sink->count; i++)
        sink->destinations[i].done = 0;
    while (result == SINK_OK && least_done(sink) < round.limit)
        result = put_into_all(sink, &round);
    *done = least_done(sink) < round.limit ? least_done(sink) : round.limit;
    if (result != SINK_OK || !round.refuser)
        return result;
    return count > 1 ? SINK_SPLIT : give_up(sink, round.refuser, messages);
}

/* ------------------------------------------------------------------ beginning and end */

static enum sink_result forward_begin(struct sink *base)
{
    struct forward_sink *sink = (struct forward_sink *)base;
    enum sink_result result = dead_letters_begin(&sink->dead_letters, base->options, base->totals, base->handle);

    for (size_t i = 0; i < sink->count && result == SINK_OK; i++) {
        sink->destinations[i].handle = base->handle;
        result = do_for(sink, &sink->destinations[i], destination_open);
    }
    return result;
}

static enum sink_result forward_check(struct sink *base)
{
    struct forward_sink *sink = (struct forward_sink *)base;

    for (size_t i = 0; i < sink->count; i++) {
        enum destination_result result = destination_check(&sink->destinations[i]);

        if (result != DESTINATION_DONE && result != DESTINATION_FULL)
            return result_of(result);
    }
    return SINK_OK;
}

/* Only now the destinations' streams end. */
static enum sink_result forward_finish(struct sink *base)
{
    struct forward_sink *sink = (struct forward_sink *)base;
    enum sink_result result = SINK_OK;

    for (size_t i = 0; i < sink->count && result == SINK_OK; i++)
        result = do_for(sink, &sink->destinations[i], destination_finish);
    return result;
}

static void forward_end(struct sink *base)
{
    struct forward_sink *sink = (struct forward_sink *)base;

    for (size_t i = 0; i < sink->count; i++)
        destination_close(&sink->destinations[i]);
    dead_letters_end(&sink->dead_letters);
}

static enum sink_result forward_close(struct sink *base)
{
    struct forward_sink *sink = (struct forward_sink *)base;

    for (size_t i = 0; i < sink->count; i++) {
        const struct destination *destination = &sink->destinations[i];

        if (destination->dropped > 0)
            say_error("--forward-full: %llu message%s dropped for queue '%s', which was full",
                      (unsigned long long)destination->dropped, destination->dropped == 1 ? " was" : "s were",
                      destination->queue.name);
    }
    free(sink);
    return SINK_OK;
}

static const struct sink_operations forward_operations = {
    .begin = forward_begin,
    .deliver = forward_deliver,
    .check = forward_check,
    .finish = forward_finish,
    .end = forward_end,
    .close = forward_close,
};

struct sink *sink_forward_open(const struct consumer_options *options, struct totals *totals)
{
    const size_t count = options->forward.count;
    struct forward_sink *sink = calloc(1, sizeof(*sink) + count * sizeof(sink->destinations[0]));

    if (!sink) {
        say_error("memory: %s", strerror(ENOMEM));
        return NULL;
    }
    sink->base = (struct sink){.operations = &forward_operations, .options = options, .totals = totals};
    sink->count = count;
    for (size_t i = 0; i < count; i++)
        destination_init(&sink->destinations[i], &options->forward.queues[i], options->common.queue);
    return &sink->base;
}
