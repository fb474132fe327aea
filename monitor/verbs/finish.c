/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <inttypes.h>
#include <stddef.h>

#include "common/cli/say.h"
#include "common/cli/snapshot.h"
#include "common/cli/units.h"
#include "monitor/verbs/verbs.h"

/* Returns the exit status; increments @finished if this call finished the lane. */
static int finish_lane(const struct options *options, const struct shmq_lane_stat *lane, unsigned *finished)
{
    const int error = shmq_finish_lane(options->queue, lane->lane);
    if (error == -EALREADY) /* finished by somebody else meanwhile */
        return EXIT_DONE;
    if (error == -EBUSY) {
        say_status("queue '%s': lane %" PRIu32 ": another producer has taken it meanwhile", options->queue,
                   lane->lane);
        return options->lane != LANE_ANY ? EXIT_FAILED : EXIT_DONE;
    }
    if (error != 0)
        return verb_fail(options, "cannot be finished", error);
    *finished += 1;
    say_status("queue '%s': finished lane %" PRIu32 ", which a producer (pid %ld) had left after %" PRIu64
               " message%s",
               options->queue, lane->lane, (long)lane->pid, lane->put_messages, units_plural(lane->put_messages));
    return EXIT_DONE;
}

static int say_nothing_to_finish(const struct options *options)
{
    say_status("queue '%s': nothing to finish: no dead producer left a lane unfinished", options->queue);
    return EXIT_DONE;
}

static int finish_all(const struct options *options, const struct snapshot *snapshot)
{
    unsigned finished = 0;
    int status = EXIT_DONE;
    for (uint32_t i = 0; i < snapshot->lane_count && status == EXIT_DONE; i++)
        if (!snapshot->lanes[i].alive && !snapshot->lanes[i].finished)
            status = finish_lane(options, &snapshot->lanes[i], &finished);
    return status == EXIT_DONE && finished == 0 ? say_nothing_to_finish(options) : status;
}

static const struct shmq_lane_stat *find_lane(const struct snapshot *snapshot, uint32_t number)
{
    for (uint32_t i = 0; i < snapshot->lane_count; i++)
        if (snapshot->lanes[i].lane == number)
            return &snapshot->lanes[i];
    return NULL;
}

static int finish_one(const struct options *options, const struct snapshot *snapshot)
{
    unsigned finished = 0;
    const struct shmq_lane_stat *lane = find_lane(snapshot, options->lane);
    if (options->lane >= snapshot->stat.lanes) {
        say_error("queue '%s': has no lane %" PRIu32 " (its lanes are 0 to %" PRIu32 ")", options->queue,
                  options->lane, snapshot->stat.lanes - 1);
        return EXIT_FAILED;
    }
    if (lane == NULL) {
        say_status("queue '%s': lane %" PRIu32 ": nothing to finish: no producer has used it", options->queue,
                   options->lane);
        return EXIT_DONE;
    }
    if (lane->alive && !lane->finished) {
        say_error("queue '%s': lane %" PRIu32 ": not finished: its producer is alive (%s, pid %ld; stop it first)",
                  options->queue, options->lane, lane->program, (long)lane->pid);
        return EXIT_FAILED;
    }
    /* A dead mover's lane counts as finished, but is kept for its successor until it really is. */
    const int status = finish_lane(options, lane, &finished);
    if (status == EXIT_DONE && finished == 0)
        say_status("queue '%s': lane %" PRIu32 ": nothing to finish: it is finished", options->queue,
                   options->lane);
    return status;
}

int verb_finish(const struct options *options)
{
    struct snapshot snapshot;
    int status;
    const int error = snapshot_take(&snapshot, options->queue, true);
    if (error != 0)
        status = verb_fail(options, "cannot be finished", error);
    else
        status = options->lane != LANE_ANY ? finish_one(options, &snapshot) : finish_all(options, &snapshot);
    snapshot_free(&snapshot);
    return status;
}
