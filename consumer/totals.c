/* SPDX-License-Identifier: MIT */
#include "consumer/totals.h"

#include <stdio.h>

#include "common/cli/stop.h"

void totals_init(struct totals *totals, bool progress)
{
    progress_init(&totals->progress, "consumed", progress);
    totals->redelivered = 0;
}

void totals_add(struct totals *totals, const struct shmq_message *messages, size_t count)
{
    uint64_t bytes = 0;

    for (size_t i = 0; i < count; i++) {
        bytes += messages[i].length;
        totals->redelivered += messages[i].redelivered;
    }
    totals->progress.messages += count;
    totals->progress.bytes += bytes;
}

void totals_tick(struct totals *totals)
{
    if (stop_statistics_wanted())
        totals_print(totals, NULL);
    progress_tick(&totals->progress);
}

void totals_print(struct totals *totals, const char *why)
{
    char redelivered[48] = "";
    char extra[160];

    if (totals->redelivered > 0)
        snprintf(redelivered, sizeof(redelivered), "%llu redelivered", (unsigned long long)totals->redelivered);
    snprintf(extra, sizeof(extra), "%s%s%s", redelivered, *redelivered && why ? ", " : "", why ? why : "");
    progress_end(&totals->progress);
    progress_total(&totals->progress, extra);
}
