/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <inttypes.h>

#include "common/cli/say.h"
#include "common/cli/snapshot.h"
#include "common/cli/units.h"
#include "monitor/verbs/verbs.h"

static int refuse_in_use(const struct options *options, const struct shmq_stat *stat)
{
    say_error("queue '%s': not removed: in use by %" PRIu32 " producer%s and %" PRIu32
              " consumer%s (stop them, or use --force)",
              options->queue, stat->producers, units_plural(stat->producers), stat->consumers,
              units_plural(stat->consumers));
    return EXIT_FAILED;
}

static int refuse_full(const struct options *options, const struct shmq_stat *stat)
{
    say_error("queue '%s': not removed: %" PRIu64 " message%s in it (consume them, or use --force)",
              options->queue, stat->messages, stat->messages == 1 ? " is" : "s are");
    return EXIT_FAILED;
}

static void say_removed(const struct options *options, const struct snapshot *snapshot)
{
    if (!snapshot->opened)
        say_status("removed the remains of queue '%s'", options->queue);
    else if (snapshot->stat.messages > 0)
        say_status("removed queue '%s' and %" PRIu64 " message%s in it", options->queue, snapshot->stat.messages,
                   units_plural(snapshot->stat.messages));
    else
        say_status("removed queue '%s'", options->queue);
}

int verb_remove(const struct options *options)
{
    struct snapshot snapshot;
    snapshot_take(&snapshot, options->queue, false);
    snapshot_free(&snapshot);
    int error = shmq_remove(options->queue, options->force);
    if (error == -EBUSY || error == -ENOTEMPTY) {
        /* What made it fail may have come after the first snapshot. */
        snapshot_take(&snapshot, options->queue, false);
        snapshot_free(&snapshot);
    }
    if (error == -EBUSY)
        return refuse_in_use(options, &snapshot.stat);
    if (error == -ENOTEMPTY)
        return refuse_full(options, &snapshot.stat);
    if (error != 0)
        return verb_fail(options, "not removed", error);
    say_removed(options, &snapshot);
    return EXIT_DONE;
}
