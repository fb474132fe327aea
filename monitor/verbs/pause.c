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

int verb_resume(const struct options *options)
{
    const int error = shmq_resume(options->queue);
    if (error != 0)
        return verb_fail(options, "cannot be resumed", error);
    say_state(options, "hands out messages again");
    return EXIT_DONE;
}
