/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>

#include "common/cli/queue_file.h"
#include "common/cli/say.h"
#include "monitor/verbs/verbs.h"

struct report {
    const char *name;
    unsigned problems;
};

static void report(void *context, const char *problem)
{
    struct report *to = context;
    to->problems++;
    say_error("%s '%s': %s", queue_file_kind(to->name), to->name, problem);
}

static void say_damage(const struct options *options, unsigned problems)
{
    const char *do_not = problems == 1 ? " does" : "s do";
    if (queue_file_is_path(options->queue))
        say_error("file '%s': damaged: %u invariant%s not hold ('%smonitor show' and '%smonitor peek' read what "
                  "they can)",
                  options->queue, problems, do_not, say_prefix(), say_prefix());
    else
        say_error(
            "queue '%s': damaged: %u invariant%s not hold (save what you need, then '%smonitor remove --force')",
            options->queue, problems, do_not, say_prefix());
}

int verb_check(const struct options *options)
{
    struct shmq *queue;
    int error = queue_file_open(&queue, options->queue);
    if (error != 0)
        return verb_fail(options, "cannot be checked", error);
    struct report found = {options->queue, 0};
    error = shmq_check(queue, report, &found);
    shmq_close(queue);
    if (error == -EBADMSG && found.problems > 0) {
        say_damage(options, found.problems);
        return EXIT_QUEUE;
    }
    if (error != 0)
        return verb_fail(options, "cannot be checked", error);
    printf("%s: all invariants hold\n", options->queue);
    return EXIT_DONE;
}
