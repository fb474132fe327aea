/* SPDX-License-Identifier: MIT */
/* Starts producers and consumers on one queue and supervises them. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "common/cli/bus_guard.h"
#include "common/cli/say.h"
#include "supervisor/files.h"
#include "supervisor/loop.h"
#include "supervisor/preflight.h"
#include "supervisor/programs.h"
#include "supervisor/signals.h"
#include "supervisor/summary.h"

/* The supervisor needs two descriptors per child; the children get the original limit. */
static void raise_descriptors(struct supervisor *supervisor)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= limit.rlim_max)
        return;
    supervisor->descriptors = limit.rlim_cur;
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
        supervisor->descriptors = 0;
}

static void make_children(struct supervisor *supervisor)
{
    const struct options *options = supervisor->options;
    supervisor->count = (size_t)(options->producers + options->consumers);
    supervisor->children = calloc(supervisor->count, sizeof(*supervisor->children));
    if (supervisor->children == NULL) {
        say_error("memory: %s", "cannot be allocated");
        exit(EXIT_FAILED);
    }
    for (size_t i = 0; i < supervisor->count; i++) {
        struct child *child = &supervisor->children[i];
        bool producer = i < options->producers;
        child->role = producer ? ROLE_PRODUCER : ROLE_CONSUMER;
        child->number = (unsigned)(producer ? i + 1 : i + 1 - options->producers);
        child->pidfd = -1;
        label_name(child->name, child->role, child->number);
    }
}

static void check_stdout(const struct options *options, bool closed)
{
    if (!closed || !options_use_stdout(options))
        return;
    say_error("stdout: is closed, but messages go there");
    exit(EXIT_FAILED);
}

int main(int argc, char **argv)
{
    static struct supervisor supervisor;
    static struct options options;
    bool stdout_closed = fcntl(STDOUT_FILENO, F_GETFD) < 0;

    say_init("run", argc, argv); /* installed as shmq-run, beside shmq-producer */
    supervisor_options_read(&options, argc, argv);
    supervisor_options_default(&options);
    check_stdout(&options, stdout_closed);
    files_check_inputs(&options);
    supervisor.options = &options;
    supervisor.pid = getpid();
    supervisor.programs = (struct programs){programs_find("producer"), programs_find("consumer")};
    preflight_run(&options, &supervisor.programs);
    supervisor_options_warn(&options);

    signals_init();
    bus_guard_init();
    /* Checks everything before anything is changed. */
    queue_begin(&supervisor.queue, &options);
    dead_letters_begin(&supervisor.dead_letters, &options);
    raise_descriptors(&supervisor);
    make_children(&supervisor);
    relay_init(&supervisor.relay);
    loop_run(&supervisor);
    loop_finish_output(&supervisor);
    int status = summary_finish(&supervisor);
    loop_finish_output(&supervisor);
    return status;
}
