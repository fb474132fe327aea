/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>

#include "common/cli/say.h"
#include "monitor/verbs.h"

static void report(void *context, const char *problem)
{
    say_error("queue '%s': %s", (const char *)context, problem);
}

int verb_check(const struct options *options)
{
    struct shmq *queue;
    int error = shmq_open(&queue, options->queue, SHMQ_OBSERVER, NULL);
    if (error != 0)
        return verb_fail(options, "cannot be checked", error);
    error = shmq_check(queue, report, (void *)(uintptr_t)options->queue);
    shmq_close(queue);
    if (error != 0)
        return verb_fail(options, error == -EBADMSG ? "the check failed" : "cannot be checked", error);
    printf("%s: all invariants hold\n", options->queue);
    return EXIT_DONE;
}
