/* SPDX-License-Identifier: MIT */
#include "consumer/totals.h"

#include <stdio.h>
#include <string.h>

#include "common/cli/stop.h"
#include "common/cli/units.h"

void totals_init(struct totals *totals, bool progress)
{
    progress_init(&totals->progress, "consumed", progress);
    totals->redelivered = 0;
    totals->cut_short = 0;
    totals->dead_letters = 0;
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

/* Adds a part to a list with commas. */
static void append(char *list, size_t size, const char *part)
{
    size_t used = strlen(list);

    snprintf(list + used, size - used, "%s%s", used > 0 ? ", " : "", part);
}

void totals_print(struct totals *totals, const char *why)
{
    char part[48];
    char extra[160] = "";

    if (totals->redelivered > 0) {
        snprintf(part, sizeof(part), "%llu redelivered", (unsigned long long)totals->redelivered);
        append(extra, sizeof(extra), part);
    }
    if (totals->dead_letters > 0) {
        snprintf(part, sizeof(part), "%llu dead letter%s", (unsigned long long)totals->dead_letters,
                 units_plural(totals->dead_letters));
        append(extra, sizeof(extra), part);
    }
    if (why)
        append(extra, sizeof(extra), why);
    progress_end(&totals->progress);
    progress_total(&totals->progress, extra);
}
