/* SPDX-License-Identifier: MIT */
#include <inttypes.h>

#include "common/cli/say.h"
#include "common/cli/snapshot.h"
#include "common/cli/units.h"
#include "monitor/verbs/verbs.h"

/* Says what has changed, and how much waits. */
static void say_state(const struct options *options, const char *state)
{
    struct snapshot snapshot;
    const int error = snapshot_take(&snapshot, options->queue, false);
    if (error == 0 && snapshot.stat.paused && snapshot.stat.shut_down == SHMQ_NOW)
        state = "is paused, but was shut down at once: it hands out nothing more";
    if (error != 0)
        say_status("queue '%s' %s", options->queue, state);
    else
        say_status("queue '%s' %s; %" PRIu64 " message%s in it", options->queue, state, snapshot.stat.messages,
                   units_plural(snapshot.stat.messages));
    snapshot_free(&snapshot);
}

int verb_pause(const struct options *options)
{
    const int error = shmq_pause(options->queue);
    if (error != 0)
        return verb_fail(options, "cannot be paused", error);
    say_state(options, "is paused: it hands out nothing until it is resumed");
    return EXIT_DONE;
}

/* @before  the queue before it was resumed */
static const char *resumed_state(const struct shmq_stat *before)
{
    if (before->shut_down == SHMQ_NOW)
        return "was shut down at once: it hands out nothing more";
    if (before->shut_down == SHMQ_DRAIN && before->messages == 0)
        return "is shut down, and nothing is left to hand out";
    return before->paused ? "hands out messages again" : "was not paused: it hands out messages";
}

int verb_resume(const struct options *options)
{
    struct snapshot before;
    (void)snapshot_take(&before, options->queue, false);
    const int error = shmq_resume(options->queue);
    if (error == 0)
        say_state(options, resumed_state(&before.stat));
    snapshot_free(&before);
    return error == 0 ? EXIT_DONE : verb_fail(options, "cannot be resumed", error);
}
