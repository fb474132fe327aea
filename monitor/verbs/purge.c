/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "common/cli/say.h"
#include "common/cli/stop.h"
#include "common/cli/units.h"
#include "monitor/verbs/verbs.h"

#define BATCH 1024u

struct purge {
    struct shmq *queue;
    uint64_t tails[SHMQ_LANES_MAX]; /* of the lanes, in the beginning; 0: nothing of that time is left */
    uint32_t waiting;               /* lanes in which something may be left */
    uint64_t thrown;                /* messages */
};

static int read_tails(struct purge *purge)
{
    struct shmq_info info = SHMQ_INFO_INIT;
    int error = shmq_info(purge->queue, &info);
    for (uint32_t i = 0; error == 0 && i < info.lanes; i++) {
        struct shmq_lane_stat lane = SHMQ_LANE_STAT_INIT;
        error = shmq_stat_lane(purge->queue, i, &lane);
        purge->tails[i] = lane.messages > 0 ? lane.tail_position : 0;
        purge->waiting += purge->tails[i] != 0;
    }
    return error;
}

/* What producers put meanwhile must not keep it going for ever. What the dead left comes first. */
static void note(struct purge *purge, const struct shmq_message *message)
{
    uint64_t *tail = &purge->tails[message->lane];
    if (*tail == 0 || message->position < *tail)
        return;
    *tail = 0;
    purge->waiting--;
}

/* Whether the error of a lease says that there is nothing to take. After a shutdown that lets consumers take what
 * is left, -ESHUTDOWN says so. */
static bool is_empty(const struct purge *purge, int error)
{
    struct shmq_info info = SHMQ_INFO_INIT;
    if (error == -ESHUTDOWN)
        return shmq_info(purge->queue, &info) == 0 && info.shut_down == SHMQ_DRAIN;
    return error == -EAGAIN || error == -ENODATA || error == -EOWNERDEAD;
}

/* Return: 0 when nothing is left of what was there in the beginning; negative errno. */
static int throw_away(struct purge *purge)
{
    static struct shmq_message messages[BATCH];
    size_t count;
    int error = 0;
    while (error == 0 && purge->waiting > 0 && !stop_requested) {
        error = shmq_lease_many(purge->queue, messages, BATCH, &count, 0);
        for (size_t i = 0; error == 0 && i < count; i++)
            note(purge, &messages[i]);
        if (error == 0)
            error = shmq_acknowledge(purge->queue, count);
        purge->thrown += error == 0 ? count : 0;
    }
    return is_empty(purge, error) ? 0 : error;
}

static int say_thrown(const struct options *options, uint64_t thrown, uint64_t left)
{
    if (options->format == FORMAT_JSON)
        printf("{\"thrown_away\": %" PRIu64 ", \"left\": %" PRIu64 "}\n", thrown, left);
    say_status("queue '%s': threw away %" PRIu64 " message%s", options->queue, thrown, units_plural(thrown));
    if (left > 0)
        say_status("queue '%s': %" PRIu64 " message%s in it: in the hands of consumers, or put meanwhile",
                   options->queue, left, left == 1 ? " is" : "s are");
    return EXIT_DONE;
}

static uint64_t messages_in(struct shmq *queue)
{
    struct shmq_stat stat = SHMQ_STAT_INIT;
    return shmq_stat(queue, &stat) == 0 ? stat.messages : 0;
}

/* Attaches a consumer that takes what waits aside, and from a paused queue, too. */
static int purge_queue(const struct options *options, struct purge *purge)
{
    const struct shmq_options eager = {SHMQ_OPTIONS_DEFAULTS, .prefetch = BATCH, .follow = true,
                                       .consumer_flags = SHMQ_CONSUMER_EAGER};
    int error = shmq_open(&purge->queue, options->queue, SHMQ_CONSUMER, &eager);
    if (error != 0)
        return error;
    error = read_tails(purge);
    if (error == 0)
        error = throw_away(purge);
    return error;
}

/* Without --force. Where nothing is in the queue, nothing is to be thrown away, and that is no failure. */
static int refuse(const struct options *options)
{
    struct shmq_stat stat = SHMQ_STAT_INIT;
    struct shmq *observer;
    int error = shmq_open(&observer, options->queue, SHMQ_OBSERVER, NULL);
    if (error == 0)
        error = shmq_stat(observer, &stat);
    (void)shmq_close(observer);
    if (error != 0)
        return verb_fail(options, "cannot be purged", error);
    if (stat.messages == 0)
        return say_thrown(options, 0, 0);
    say_error("queue '%s': not purged: %" PRIu64 " message%s in it (--force throws %s away)", options->queue,
              stat.messages, stat.messages == 1 ? " is" : "s are", stat.messages == 1 ? "it" : "them");
    return EXIT_FAILED;
}

int verb_purge(const struct options *options)
{
    static struct purge purge;
    if (!options->force)
        return refuse(options);
    const int error = purge_queue(options, &purge);
    const int status = error == 0 ? say_thrown(options, purge.thrown, messages_in(purge.queue))
                                  : verb_fail(options, "cannot be purged", error);
    if (error != 0 && purge.thrown > 0)
        say_status("queue '%s': threw away %" PRIu64 " message%s", options->queue, purge.thrown,
                   units_plural(purge.thrown));
    (void)shmq_close(purge.queue);
    return status;
}
