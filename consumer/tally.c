/* SPDX-License-Identifier: MIT */
#include "consumer/tally.h"

#include <stdio.h>

#include "common/cli/stop.h"

void tally_init(struct tally *tally, bool progress)
{
    progress_init(&tally->progress, "consumed", progress);
    tally->redelivered = 0;
}

void tally_count(struct tally *tally, const struct shmq_message *messages, size_t count)
{
    uint64_t bytes = 0;

    for (size_t i = 0; i < count; i++) {
        bytes += messages[i].length;
        tally->redelivered += messages[i].redelivered;
    }
    tally->progress.messages += count;
    tally->progress.bytes += bytes;
}

void tally_attend(struct tally *tally)
{
    if (stop_statistics_wanted())
        tally_total(tally, NULL);
    progress_tick(&tally->progress);
}

void tally_total(struct tally *tally, const char *why)
{
    char redelivered[48] = "";
    char extra[160];

    if (tally->redelivered > 0)
        snprintf(redelivered, sizeof(redelivered), "%llu redelivered", (unsigned long long)tally->redelivered);
    snprintf(extra, sizeof(extra), "%s%s%s", redelivered, *redelivered && why ? ", " : "", why ? why : "");
    progress_end(&tally->progress);
    progress_total(&tally->progress, extra);
}
