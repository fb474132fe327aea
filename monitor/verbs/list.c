/* SPDX-License-Identifier: MIT */
#include "common/cli/say.h"
#include "monitor/output.h"
#include "monitor/verbs/verbs.h"

int verb_list(const struct options *options)
{
    struct snapshots snapshots;
    int error = snapshots_take(&snapshots);
    if (error != 0) {
        say_error("/dev/shm: cannot be read: %s", shmq_strerror(error));
        snapshots_free(&snapshots);
        return EXIT_FAILED;
    }
    switch (options->format) {
    case FORMAT_TABLE:
        output_list_table(&snapshots);
        break;
    case FORMAT_JSON:
        output_list_json(&snapshots);
        break;
    case FORMAT_PROMETHEUS:
        output_prometheus(stdout, &snapshots, false);
        break;
    }
    snapshots_free(&snapshots);
    return EXIT_DONE;
}
