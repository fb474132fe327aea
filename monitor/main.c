/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>

#include "common/cli/open_error.h"
#include "common/cli/queue_file.h"
#include "common/cli/say.h"
#include "common/cli/stop.h"
#include "monitor/command_line.h"
#include "monitor/output.h"
#include "monitor/verbs/verbs.h"

#define VERB_ENTRY(code, function) [VERB_##code] = verb_##function,
static int (*const verbs[VERBS])(const struct options *options) = {MONITOR_VERBS(VERB_ENTRY)};
#undef VERB_ENTRY

/* Of a file that could be opened, but not read as a whole, this is not the first message. */
static int fail_on_file(const struct options *options, const char *what, int error)
{
    struct shmq *queue;
    const bool opened = error == -EBADMSG && shmq_open_file(&queue, options->queue) == 0;
    if (opened)
        (void)shmq_close(queue);
    say_error("file '%s': %s: %s", options->queue, what, queue_file_error(options->queue, error, opened));
    return (int)exit_status_of(error);
}

int verb_fail(const struct options *options, const char *what, int error)
{
    if (queue_file_is_path(options->queue))
        return fail_on_file(options, what, error);
    if (error == -ENOENT)
        say_error("queue '%s': %s: no such queue (see '%smonitor list')", options->queue, what, say_prefix());
    else
        say_error("queue '%s': %s: %s", options->queue, what, open_error_text(options->queue, error));
    return (int)exit_status_of(error);
}

int main(int argc, char **argv)
{
    struct options options;
    say_init("monitor", argc, argv);
    stop_init();
    options_parse(&options, argc, argv);
    int status = verbs[options.verb](&options);
    int written = output_finish();
    return status != EXIT_DONE ? status : written;
}
