/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>

#include "common/cli/queue_file.h"
#include "common/cli/say.h"
#include "monitor/formats/json_string.h"
#include "monitor/verbs/verbs.h"

struct report {
    const char *name;
    bool json;
    unsigned problems;
};

static void print_json_problem(struct report *to, const char *problem)
{
    fputs(to->problems > 1 ? ", " : "", stdout);
    json_string(stdout, problem);
}

static void report(void *context, const char *problem)
{
    struct report *to = context;
    to->problems++;
    if (to->json)
        print_json_problem(to, problem);
    else
        say_error("%s '%s': %s", queue_file_kind(to->name), to->name, problem);
}

static void print_begin(const struct report *to)
{
    if (!to->json)
        return;
    fputs("{\"name\": ", stdout);
    json_string(stdout, to->name);
    fputs(", \"problems\": [", stdout);
}

/* @error: of the check; "sound" is null if it could not be finished. */
static void print_end(const struct report *to, int error)
{
    const bool damaged = to->problems > 0 || error == -EBADMSG;
    if (to->json)
        printf("], \"sound\": %s}\n", damaged ? "false" : error != 0 ? "null" : "true");
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
    struct report found = {options->queue, options->format == FORMAT_JSON, 0};
    print_begin(&found);
    error = shmq_check(queue, report, &found);
    print_end(&found, error);
    shmq_close(queue);
    if (error == -EBADMSG && found.problems > 0) {
        say_damage(options, found.problems);
        return EXIT_QUEUE;
    }
    if (error != 0)
        return verb_fail(options, "cannot be checked", error);
    if (!found.json)
        printf("%s: all invariants hold\n", options->queue);
    return EXIT_DONE;
}
