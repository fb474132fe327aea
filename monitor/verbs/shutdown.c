/* SPDX-License-Identifier: MIT */
#include <inttypes.h>

#include "common/cli/say.h"
#include "common/cli/snapshot.h"
#include "common/cli/units.h"
#include "monitor/verbs/verbs.h"

/* What was shut down at once before stays so. */
static const char *outlook(const struct shmq_stat *stat)
{
    if (stat->shut_down == SHMQ_NOW)
        return "undelivered";
    return stat->paused ? "still to be delivered, when it is resumed" : "still to be delivered";
}

int verb_shutdown(const struct options *options)
{
    int error = shmq_shutdown(options->queue, options->now ? SHMQ_NOW : SHMQ_DRAIN);
    if (error != 0)
        return verb_fail(options, "cannot be shut down", error);
    struct snapshot snapshot;
    snapshot_take(&snapshot, options->queue, false);
    say_status("queue '%s' is shut down: it accepts no more messages; %" PRIu64 " message%s %s", options->queue,
               snapshot.stat.messages, units_plural(snapshot.stat.messages), outlook(&snapshot.stat));
    snapshot_free(&snapshot);
    return EXIT_DONE;
}
