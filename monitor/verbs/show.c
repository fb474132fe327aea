/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "monitor/output.h"
#include "monitor/verbs/verbs.h"
#include "monitor/watch.h"

static void print(const struct options *options, FILE *out, struct snapshot *snapshot)
{
    const struct snapshots one = {.items = snapshot, .count = 1};
    switch (options->format) {
    case FORMAT_TABLE:
        output_show_table(out, snapshot);
        break;
    case FORMAT_JSON:
        output_show_json(snapshot);
        break;
    case FORMAT_PROMETHEUS:
        output_prometheus(stdout, &one, true);
        break;
    }
}

static int look(const struct options *options, FILE *out)
{
    struct snapshot snapshot;
    int status = EXIT_DONE;
    const int error = snapshot_take(&snapshot, options->queue, true);
    if (snapshot.opened)
        snapshot_add_latency(&snapshot, options->queue);
    /* Show as much as can be read of a damaged queue. */
    if ((snapshot.opened || options->format == FORMAT_PROMETHEUS) && !alert_is_silent(&options->alert))
        print(options, out, &snapshot);
    if (error == -EBADMSG && snapshot.opened && snapshot.file == NULL) {
        verb_say_damage(snapshot.name);
        status = EXIT_QUEUE;
    } else if (error != 0)
        status = verb_fail(options, "cannot be read", error);
    else if (alert_report(&options->alert, &snapshot))
        status = EXIT_TIMEOUT;
    snapshot_free(&snapshot);
    return status;
}

int verb_show(const struct options *options)
{
    return watch(options, look);
}
