/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>

#include "common/cli/say.h"
#include "monitor/output.h"
#include "monitor/verbs/verbs.h"
#include "monitor/watch.h"

static void print(const struct options *options, FILE *out, const struct snapshots *snapshots)
{
    switch (options->format) {
    case FORMAT_TABLE:
        output_list_table(out, snapshots, watch_columns(options));
        break;
    case FORMAT_JSON:
        output_list_json(snapshots);
        break;
    case FORMAT_PROMETHEUS:
        output_prometheus(stdout, snapshots, false);
        break;
    }
}

/*
 * Reports the queues for which an alert holds. A single look prints only these, and a table of none not at all:
 * cron mails whatever is printed.
 *
 * @shown  receives shallow copies of what is to be printed, in the same order; the caller frees the array
 */
static int judge(const struct options *options, const struct snapshots *snapshots, struct snapshots *shown)
{
    const bool all = options->alert.count == 0 || options->watch_ns > 0;
    size_t alerts = 0;
    for (size_t i = 0; i < snapshots->count; i++) {
        const bool holds = alert_report(&options->alert, &snapshots->items[i]);
        alerts += holds;
        if (all || holds)
            shown->items[shown->count++] = snapshots->items[i];
    }
    return alerts > 0 ? EXIT_TIMEOUT : EXIT_DONE;
}

/* What cannot be looked at may be full as well. One that is being made or removed is left out. */
static void say_unseen(const struct snapshots *snapshots)
{
    const struct snapshot *first = NULL;
    size_t count = 0;
    for (size_t i = 0; i < snapshots->count; i++) {
        const int error = snapshots->items[i].error;
        if (error == 0 || error == -EBADMSG || error == -ENOENT)
            continue;
        first = first != NULL ? first : &snapshots->items[i];
        count++;
    }
    if (count == 1)
        say_status("queue '%s': not looked at: %s", first->name, snapshot_reason(first));
    else if (count > 1)
        say_status("%zu queues were not looked at, such as '%s': %s (see '%smonitor list')", count, first->name,
                   snapshot_reason(first), say_prefix());
}

static int judge_and_print(const struct options *options, FILE *out, const struct snapshots *snapshots)
{
    struct snapshots shown = {calloc(snapshots->count + 1, sizeof(*shown.items)), 0};
    if (shown.items == NULL) {
        say_error("not enough memory for %zu queues", snapshots->count);
        return EXIT_FAILED;
    }
    const int status = judge(options, snapshots, &shown);
    const bool sifted = options->alert.count > 0 && options->watch_ns == 0;
    const bool nothing = sifted && shown.count == 0 && options->format == FORMAT_TABLE;
    if (!nothing && !alert_is_silent(&options->alert))
        print(options, out, &shown);
    if (sifted)
        say_unseen(snapshots);
    free(shown.items);
    return status;
}

static int look(const struct options *options, FILE *out)
{
    struct snapshots snapshots = {0};
    const int error =
        alert_needs_details(&options->alert) ? snapshots_take_whole(&snapshots) : snapshots_take(&snapshots);
    int status = EXIT_FAILED;
    if (error != 0) {
        say_error("/dev/shm: cannot be read: %s", shmq_strerror(error));
    } else {
        list_order_sort(&snapshots, options->order);
        status = judge_and_print(options, out, &snapshots);
    }
    snapshots_free(&snapshots);
    return status;
}

int verb_list(const struct options *options)
{
    return watch(options, look);
}
