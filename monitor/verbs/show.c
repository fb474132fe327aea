/* SPDX-License-Identifier: MIT */
#include "monitor/output.h"
#include "monitor/verbs/verbs.h"

int verb_show(const struct options *options)
{
    struct snapshot snapshot;
    struct snapshots one = {&snapshot, 1};
    int error = snapshot_take(&snapshot, options->queue, true);
    /* Show as much as can be read of a damaged queue. */
    if (snapshot.opened || options->format == FORMAT_PROMETHEUS) {
        switch (options->format) {
        case FORMAT_TABLE:
            output_show_table(&snapshot);
            break;
        case FORMAT_JSON:
            output_show_json(&snapshot);
            break;
        case FORMAT_PROMETHEUS:
            output_prometheus(stdout, &one, true);
            break;
        }
    }
    snapshot_free(&snapshot);
    return error != 0 ? verb_fail(options, "cannot be read", error) : EXIT_DONE;
}
