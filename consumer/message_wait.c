/* SPDX-License-Identifier: MIT */
#include "consumer/message_wait.h"

#include <stdio.h>

#include "common/cli/attached.h"
#include "common/cli/say.h"
#include "common/cli/units.h"

enum { WHY_BYTES = 120 };

/* Describes in @why why the consumer does not end although no producer is attached; leaves it if nothing applies.
 */
static void describe_wait(const struct consumer_options *options, const struct shmq_stat *stat, char *why)
{
    const struct shmq_options *shmq = &options->common.shmq;
    uint32_t producers = shmq->producers > 0 ? shmq->producers : 1;
    char grace[UNITS_SIZE];

    if (stat->unfinished > 0 && shmq->follow)
        snprintf(why, WHY_BYTES, "; %u died before finishing", stat->unfinished);
    else if (stat->unfinished > 0)
        snprintf(why, WHY_BYTES, "; %u died before finishing and can be resumed within --grace %s",
                 stat->unfinished, units_time(grace, shmq->grace_ns));
    else if (stat->messages > 0)
        snprintf(why, WHY_BYTES, "; other consumers have %llu message%s in flight",
                 (unsigned long long)stat->messages, units_plural(stat->messages));
    else if (stat->finished > 0 && stat->finished < producers)
        snprintf(why, WHY_BYTES, "; %llu of %u ha%s finished", (unsigned long long)stat->finished, producers,
                 stat->finished == 1 ? "s" : "ve");
}

/* Messages that nobody has wait on purpose. */
static void describe_asides(const struct shmq_stat *stat, char *why)
{
    char left[UNITS_SIZE];

    snprintf(why, WHY_BYTES, "; %u message%s wait%s aside, the first for %s", stat->aside,
             units_plural(stat->aside), stat->aside == 1 ? "s" : "", units_duration(left, stat->aside_left_ns));
}

void message_wait_say(struct shmq *handle, const struct consumer_options *options)
{
    char who[ATTACHED_BYTES];
    char why[WHY_BYTES] = "";
    struct shmq_stat stat = SHMQ_STAT_INIT;

    const int error = shmq_stat(handle, &stat);
    if (error == 0 && stat.paused) {
        say_status("waiting for messages: the queue is paused, with %llu message%s in it (see '%smonitor resume "
                   "%s')",
                   (unsigned long long)stat.messages, units_plural(stat.messages), say_prefix(),
                   options->common.queue);
        return;
    }
    attached_producers(handle, who);
    if (error == 0 && stat.aside > 0)
        describe_asides(&stat, why);
    else if (error == 0 && stat.producers == 0)
        describe_wait(options, &stat, why);
    say_status("waiting for messages: %s%s", who, why);
}
