/* SPDX-License-Identifier: MIT */
#include "supervisor/dead_letters.h"

#include <errno.h>
#include <inttypes.h>

#include "common/cli/open_error.h"
#include "common/cli/say.h"
#include "common/shmq.h"

/* Return: 0; -ENOENT if there is no such queue; negative errno if it cannot be read. */
static int look(const struct dead_letters *letters, struct shmq_stat *stat)
{
    struct shmq *observer;
    int error = letters->name != NULL ? shmq_open(&observer, letters->name, SHMQ_OBSERVER, NULL) : -ENOENT;
    if (error != 0)
        return error;
    error = shmq_stat(observer, stat);
    (void)shmq_close(observer);
    return error;
}

void dead_letters_begin(struct dead_letters *letters, const struct options *options)
{
    struct shmq_stat stat = SHMQ_STAT_INIT;
    *letters = (struct dead_letters){.name = NULL};
    if (options_run_commands(options))
        letters->name =
            dead_letter_name(options->common.queue, options_passed(options, "dead-letter"), letters->text);
    const int error = look(letters, &stat);
    if (error == 0) {
        letters->queue_id = stat.queue_id;
        letters->put_before = stat.put_messages;
    } else if (error != -ENOENT) {
        letters->error = error;
    }
}

int dead_letters_count(const struct dead_letters *letters, uint64_t *count)
{
    struct shmq_stat stat = SHMQ_STAT_INIT;
    const int error = look(letters, &stat);
    *count = 0;
    if (error == -ENOENT)
        return 0;
    if (error != 0)
        return error;
    if (stat.queue_id != letters->queue_id && letters->error != 0)
        return letters->error;
    *count = stat.put_messages - (stat.queue_id == letters->queue_id ? letters->put_before : 0);
    return 0;
}

void dead_letters_report_uncounted(const struct dead_letters *letters, int error)
{
    say_error("messages that were given up cannot be counted: queue '%s': %s (see '%smonitor show %s')",
              letters->name, open_error_brief(letters->name, error), say_prefix(), letters->name);
}

void dead_letters_report(const struct dead_letters *letters, uint64_t count)
{
    say_error("%" PRIu64
              " message%s given up and moved to queue %s, which is kept (look: '%smonitor peek %s'; run "
              "again: '%sconsumer -Q %s --exec COMMAND')",
              count, count == 1 ? " was" : "s were", letters->name, say_prefix(), letters->name, say_prefix(),
              letters->name);
}
