/* SPDX-License-Identifier: MIT */
#include "consumer/totals.h"

#include <stdio.h>
#include <string.h>

#include "common/cli/stop.h"
#include "common/cli/units.h"

void totals_init(struct totals *totals, const struct consumer_options *options)
{
    progress_init(&totals->progress, "consumed", options->progress, options->progress_interval_ns);
    totals->progress.total_messages = options->count;
    totals->progress.endless = options->common.shmq.follow;
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
    totals->progress.counts.messages += count;
    totals->progress.counts.bytes += bytes;
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
    snprintf(totals->progress.counts.extra, sizeof(totals->progress.counts.extra), "%llu dropped",
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
    handled = totals->progress.counts.messages + totals->dead_letters;
    unlock(totals);
    return handled;
}

void totals_attach(struct totals *totals, struct shmq *handle, const char *queue)
{
    lock(totals);
    progress_attach(&totals->progress, handle, queue, false);
    unlock(totals);
}

void totals_detach(struct totals *totals, const struct shmq *handle)
{
    lock(totals);
    if (totals->progress.queue == handle)
        totals->progress.queue = NULL;
    unlock(totals);
}

int64_t totals_poll_ns(const struct totals *totals, int64_t longest_ns)
{
    const struct progress *progress = &totals->progress;

    return progress->shown && progress->interval_ns < longest_ns ? progress->interval_ns : longest_ns;
}

void totals_await(struct totals *totals, const char *what)
{
    lock(totals);
    totals->progress.counts.waits_for = what;
    unlock(totals);
}

/* Writes without the lock: nobody is to wait for whoever reads stderr. */
void totals_draw(struct totals *totals)
{
    struct progress_counts counts;

    if (stop_statistics_wanted())
        totals_print(totals, NULL);
    if (!progress_is_due(&totals->progress))
        return;
    lock(totals);
    counts = totals->progress.counts;
    unlock(totals);
    progress_draw(&totals->progress, &counts);
}

void totals_tick(struct totals *totals)
{
    if (totals->lock == NULL)
        totals_draw(totals);
    else if (stop_statistics_wanted())
        totals_print(totals, NULL);
}

/* Adds a part to a list with commas. */
static void append(char *list, size_t size, const char *part)
{
    size_t used = strlen(list);

    snprintf(list + used, size - used, "%s%s", used > 0 ? ", " : "", part);
}

void totals_print(struct totals *totals, const char *why)
{
    struct progress_counts counts;
    uint64_t redelivered;
    uint64_t dead_letters;
    char part[48];
    char extra[160] = "";

    lock(totals);
    counts = totals->progress.counts;
    redelivered = totals->redelivered;
    dead_letters = totals->dead_letters;
    unlock(totals);
    if (redelivered > 0) {
        snprintf(part, sizeof(part), "%llu redelivered", (unsigned long long)redelivered);
        append(extra, sizeof(extra), part);
    }
    if (dead_letters > 0) {
        snprintf(part, sizeof(part), "%llu dead letter%s", (unsigned long long)dead_letters,
                 units_plural(dead_letters));
        append(extra, sizeof(extra), part);
    }
    if (why)
        append(extra, sizeof(extra), why);
    progress_total(&totals->progress, &counts, extra);
}
