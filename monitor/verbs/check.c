/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>

#include "common/cli/say.h"
#include "monitor/verbs/verbs.h"

struct report {
    const char *queue;
    unsigned problems;
};

static void report(void *context, const char *problem)
{
    struct report *to = context;
    to->problems++;
    say_error("queue '%s': %s", to->queue, problem);
}

int verb_check(const struct options *options)
{
    struct shmq *queue;
    int error = shmq_open(&queue, options->queue, SHMQ_OBSERVER, NULL);
    if (error != 0)
        return verb_fail(options, "cannot be checked", error);
    struct report found = {options->queue, 0};
    error = shmq_check(queue, report, &found);
    shmq_close(queue);
    if (error == -EBADMSG && found.problems > 0) {
        say_error(
            "queue '%s': damaged: %u invariant%s not hold (save what you need, then '%smonitor remove --force')",
            options->queue, found.problems, found.problems == 1 ? " does" : "s do", say_prefix());
        return EXIT_QUEUE;
    }
    if (error != 0)
        return verb_fail(options, "cannot be checked", error);
    printf("%s: all invariants hold\n", options->queue);
    return EXIT_DONE;
}
