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
    totals->dropped = 0;
    totals->lock = NULL;
}

void totals_share(struct totals *totals, pthread_mutex_t *lock)
{
    totals->lock = lock;
}

static void lock(const struct totals *totals)
{
    if (totals->lock)
        pthread_mutex_lock(totals->lock);
}

static void unlock(const struct totals *totals)
{
    if (totals->lock)
        pthread_mutex_unlock(totals->lock);
}

void totals_add(struct totals *totals, const struct shmq_message *messages, size_t count)
{
    uint64_t redelivered = 0;
    uint64_t bytes = 0;

    for (size_t i = 0; i < count; i++) {
        bytes += messages[i].length;
        redelivered += messages[i].redelivered;
    }
    lock(totals);
    totals->redelivered += redelivered;
    totals->progress.messages += count;
    totals->progress.bytes += bytes;
    unlock(totals);
}

void totals_add_dead_letter(struct totals *totals)
{
    lock(totals);
    totals->dead_letters++;
    unlock(totals);
}

void totals_add_cut_short(struct totals *totals)
{
    lock(totals);
    totals->cut_short++;
    unlock(totals);
}

void totals_add_dropped(struct totals *totals, uint64_t count)
{
    lock(totals);
    totals->dropped += count;
    snprintf(totals->progress.extra, sizeof(totals->progress.extra), "%llu dropped",
             (unsigned long long)totals->dropped);
    unlock(totals);
}

bool totals_failures_reach(const struct totals *totals, uint64_t max)
{
    bool reached;

    if (max == 0)
        return false;
    lock(totals);
    reached = totals->dead_letters >= max;
    unlock(totals);
    return reached;
}

uint64_t totals_handled(const struct totals *totals)
{
    uint64_t handled;

    lock(totals);
    handled = totals->progress.messages + totals->dead_letters;
    unlock(totals);
    return handled;
}

/* Writes without the lock: nobody is to wait for whoever reads stderr. */
void totals_tick(struct totals *totals)
{
    struct progress line;
    bool due;

    if (stop_statistics_wanted())
        totals_print(totals, NULL);
    if (!totals->progress.shown) /* it never changes */
        return;
    lock(totals);
    due = progress_take(&totals->progress, &line);
    unlock(totals);
    if (due)
        progress_draw(&line);
}

/* Adds a part to a list with commas. */
static void append(char *list, size_t size, const char *part)
{
    size_t used = strlen(list);

    snprintf(list + used, size - used, "%s%s", used > 0 ? ", " : "", part);
}

void totals_print(struct totals *totals, const char *why)
{
    struct totals now;
    char part[48];
    char extra[160] = "";

    lock(totals);
    now = *totals;
    unlock(totals);
    if (now.redelivered > 0) {
        snprintf(part, sizeof(part), "%llu redelivered", (unsigned long long)now.redelivered);
        append(extra, sizeof(extra), part);
    }
    if (now.dead_letters > 0) {
        snprintf(part, sizeof(part), "%llu dead letter%s", (unsigned long long)now.dead_letters,
                 units_plural(now.dead_letters));
        append(extra, sizeof(extra), part);
    }
    if (why)
        append(extra, sizeof(extra), why);
    progress_end(&now.progress);
    progress_total(&now.progress, extra);
}
