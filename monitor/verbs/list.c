/* SPDX-License-Identifier: MIT */
#include "common/cli/say.h"
#include "monitor/output.h"
#include "monitor/verbs/verbs.h"
#include "monitor/watch.h"

static void print(const struct options *options, FILE *out, const struct snapshots *snapshots)
{
    switch (options->format) {
    case FORMAT_TABLE:
        output_list_table(out, snapshots);
        break;
    case FORMAT_JSON:
        output_list_json(snapshots);
        break;
    case FORMAT_PROMETHEUS:
        output_prometheus(stdout, snapshots, false);
        break;
    }
}

static int look(const struct options *options, FILE *out)
{
    struct snapshots snapshots = {0};
    const int error =
        alert_needs_details(&options->alert) ? snapshots_take_whole(&snapshots) : snapshots_take(&snapshots);
    int status = EXIT_DONE;
    if (error != 0) {
        say_error("/dev/shm: cannot be read: %s", shmq_strerror(error));
        status = EXIT_FAILED;
    } else {
        list_order_sort(&snapshots, options->order);
        print(options, out, &snapshots);
        for (size_t i = 0; i < snapshots.count; i++)
            if (alert_report(&options->alert, &snapshots.items[i]))
                status = EXIT_TIMEOUT;
    }
    snapshots_free(&snapshots);
    return status;
}

int verb_list(const struct options *options)
{
    return watch(options, look);
}
