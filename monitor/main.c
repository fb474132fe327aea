/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>

#include "common/cli/refusal.h"
#include "common/cli/say.h"
#include "common/cli/stop.h"
#include "monitor/options.h"
#include "monitor/output.h"
#include "monitor/verbs.h"

static const struct verb verbs[] = {
    {"list", false, VERB_FORMAT, verb_list},
    {"show", true, VERB_FORMAT, verb_show},
    {"check", true, 0, verb_check},
    {"wait", true, VERB_EMPTY | VERB_TIMEOUT, verb_wait},
    {"finish", true, VERB_LANE, verb_finish},
    {"shutdown", true, VERB_NOW, verb_shutdown},
    {"remove", true, VERB_FORCE, verb_remove},
    {NULL, false, 0, NULL},
};

int verb_fail(const struct options *options, const char *what, int error)
{
    if (error == -ENOENT)
        say_error("queue '%s': %s: no such queue (see '%smonitor list')", options->queue, what, say_prefix());
    else
        say_error("queue '%s': %s: %s", options->queue, what, refusal_text(options->queue, error));
    return (int)exit_status_of(error);
}

int main(int argc, char **argv)
{
    struct options options;
    say_init("monitor", argc, argv);
    stop_init();
    const struct verb *verb = options_parse(&options, verbs, argc, argv);
    int status = verb->run(&options);
    int written = output_finish();
    return status != EXIT_DONE ? status : written;
}
