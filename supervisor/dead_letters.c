/* SPDX-License-Identifier: MIT */
#include "supervisor/dead_letters.h"

#include <inttypes.h>

#include "common/cli/say.h"
#include "common/shmq.h"

/* Return: whether the queue could be read. */
static bool look(const struct dead_letters *letters, struct shmq_stat *stat)
{
    struct shmq *observer;
    if (letters->name == NULL || shmq_open(&observer, letters->name, SHMQ_OBSERVER, NULL) != 0)
        return false;
    const int error = shmq_stat(observer, stat);
    (void)shmq_close(observer);
    return error == 0;
}

void dead_letters_begin(struct dead_letters *letters, const struct options *options)
{
    struct shmq_stat stat = SHMQ_STAT_INIT;
    *letters = (struct dead_letters){.name = NULL};
    if (options->sink == SINK_EXEC)
        letters->name =
            dead_letter_name(options->common.queue, options_passed(options, "dead-letter"), letters->text);
    if (!look(letters, &stat))
        return;
    letters->queue_id = stat.queue_id;
    letters->put_before = stat.put_messages;
}

uint64_t dead_letters_count(const struct dead_letters *letters)
{
    struct shmq_stat stat = SHMQ_STAT_INIT;
    if (!look(letters, &stat))
        return 0;
    return stat.put_messages - (stat.queue_id == letters->queue_id ? letters->put_before : 0);
}

void dead_letters_report(const struct dead_letters *letters, uint64_t count)
{
    say_error("%" PRIu64
              " message%s given up and moved to queue %s, which is kept (look: '%smonitor show %s'; run "
              "again: '%sconsumer -Q %s --exec COMMAND')",
              count, count == 1 ? " was" : "s were", letters->name, say_prefix(), letters->name, say_prefix(),
              letters->name);
}
