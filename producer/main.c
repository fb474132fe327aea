/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <unistd.h>

#include "common/cli/random.h"
#include "common/cli/say.h"
#include "common/cli/stop.h"
#include "common/cli/units.h"
#include "producer/command_line.h"
#include "producer/follow.h"
#include "producer/inputs.h"
#include "producer/listen.h"
#include "producer/nats_source.h"
#include "producer/publisher.h"
#include "producer/resume.h"
#include "producer/source.h"
#include "producer/words.h"

static enum flow check_output(struct publisher *publisher, const struct options *options)
{
    int flags = fcntl(STDOUT_FILENO, F_GETFL);
    if (options->echo != NULL && (flags < 0 || (flags & O_ACCMODE) == O_RDONLY))
        return publisher_fail(publisher, EXIT_FAILED,
                              "standard output: not open for writing (which --echo needs)");
    return FLOW_CONTINUE;
}

/* A resumable source was not read to its end, so its stream is left unfinished for a later run. */
static void leave_unfinished(struct publisher *publisher, const struct inputs *inputs,
                             const struct options *options)
{
    uint64_t done = 0;
    struct shmq_info info = SHMQ_INFO_INIT;
    if (shmq_info(publisher->queue, &info) != 0 || info.removed ||
        shmq_resume_offset(publisher->queue, &done) != 0)
        return; /* shmq_finish will report the error */
    publisher->unfinished = true;
    /* Whether the queue will be kept is for the supervisor to say. */
    say_status("stopped by a signal after %" PRIu64 " of %" PRIu64 " byte%s%s", done, inputs->bytes,
               units_plural(inputs->bytes),
               options->common.supervised ? ""
                                          : " (the same command continues there, as long as the queue is kept)");
}

/* @bytes: of the source, including what an earlier run has put; 0: not known */
static void show_source(struct publisher *publisher, const struct options *options, uint64_t bytes)
{
    uint64_t done = 0;
    /* With --count, what is done is read again, and counts when it is skipped. */
    if (options->resume && publisher->skip == 0 && shmq_resume_offset(publisher->queue, &done) != 0)
        done = 0;
    progress_set_source(&publisher->progress, done, bytes);
}

static enum flow produce(struct publisher *publisher, struct inputs *inputs, const struct options *options,
                         uint64_t seed)
{
    enum flow flow = check_output(publisher, options);
    if (flow == FLOW_CONTINUE && options->source == SOURCE_NATS)
        return nats_source_run(publisher, options);
    if (flow == FLOW_CONTINUE && options->source == SOURCE_FOLLOW)
        return follow_run(publisher, options);
    if (flow == FLOW_CONTINUE)
        flow = inputs_check(inputs, publisher, options);
    if (flow == FLOW_CONTINUE)
        flow = listen_check(publisher, options);
    if (flow == FLOW_CONTINUE)
        flow = publisher_open(publisher, options, &inputs->identity);
    if (flow == FLOW_CONTINUE)
        flow = inputs_find_ranges(inputs, publisher, options);
    const uint64_t bytes = inputs_bytes(inputs);
    if (flow == FLOW_CONTINUE && options->resume)
        flow = resume_inputs(inputs, publisher, options);
    if (flow == FLOW_CONTINUE)
        show_source(publisher, options, bytes);
    if (flow == FLOW_CONTINUE)
        flow = source_run(publisher, inputs, options, seed);
    if (flow == FLOW_END && options->source == SOURCE_WORDS)
        flow = words_stopped(publisher, options);
    if (flow == FLOW_END && publisher->left > 0 && options->resume)
        leave_unfinished(publisher, inputs, options);
    return flow;
}

int main(int argc, char **argv)
{
    static struct publisher publisher;
    struct options options;
    struct inputs inputs = {0};

    say_init("producer", argc, argv);
    stop_init();
    options_parse(&options, argc, argv);
    if (options.source == SOURCE_NATS)
        nats_source_enter(&options);
    uint64_t seed = options.seed_given ? options.seed : generator_any_seed();
    /* --delay uses a seed of its own, so that it does not change the numbers of --random. */
    publisher_init(&publisher, &options, seed + 1);

    produce(&publisher, &inputs, &options, seed);
    bool opened = publisher.queue != NULL;
    int status = publisher_close(&publisher);
    progress_end(&publisher.progress);
    if (opened || status == EXIT_DONE)
        publisher_report(&publisher);
    inputs_free(&inputs);
    status = exit_status_told(&options.common, status, publisher.may_pass);
    options_free(&options);
    return status;
}
