/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <unistd.h>

#include "common/cli/random.h"
#include "common/cli/say.h"
#include "common/cli/stop.h"
#include "producer/command_line.h"
#include "producer/inputs.h"
#include "producer/outlet.h"
#include "producer/resume.h"
#include "producer/source.h"

static enum flow check_output(struct outlet *outlet, const struct options *options)
{
    int flags = fcntl(STDOUT_FILENO, F_GETFL);
    if (options->echo != NULL && (flags < 0 || (flags & O_ACCMODE) == O_RDONLY))
        return outlet_fail(outlet, EXIT_FAILED, "standard output: not open for writing (which --echo needs)");
    return FLOW_ON;
}

/* A source that can be taken up again was not read to its end: its stream is not complete either. */
static void leave_unfinished(struct outlet *outlet, const struct inputs *inputs)
{
    uint64_t done = 0;
    struct shmq_info info = SHMQ_INFO_INIT;
    if (shmq_info(outlet->queue, &info) != 0 || info.removed || shmq_resume_offset(outlet->queue, &done) != 0)
        return; /* whatever is wrong, finishing reports it */
    outlet->unfinished = true;
    say_status("stopped by a signal after %" PRIu64 " of %" PRIu64
               " bytes (as long as the queue is kept, the same command goes on there)",
               done, inputs->bytes);
}

static enum flow produce(struct outlet *outlet, struct inputs *inputs, const struct options *options,
                         uint64_t seed)
{
    enum flow flow = check_output(outlet, options);
    if (flow == FLOW_ON)
        flow = inputs_check(inputs, outlet, options);
    if (flow == FLOW_ON)
        flow = outlet_open(outlet, options, &inputs->claim);
    if (flow == FLOW_ON)
        flow = inputs_agree(inputs, outlet, options);
    if (flow == FLOW_ON && options->resume)
        flow = resume_inputs(inputs, outlet, options);
    if (flow == FLOW_ON)
        flow = source_run(outlet, inputs, options, seed);
    if (flow == FLOW_END && outlet->left > 0 && options->resume)
        leave_unfinished(outlet, inputs);
    return flow;
}

int main(int argc, char **argv)
{
    static struct outlet outlet;
    struct options options;
    struct inputs inputs = {0};

    say_init("producer", argc, argv);
    stop_init();
    options_parse(&options, argc, argv);
    uint64_t seed = options.seed_given ? options.seed : generator_any_seed();
    /* The pauses draw from numbers of their own, so that they do not change those that are put. */
    outlet_init(&outlet, &options, seed + 1);

    produce(&outlet, &inputs, &options, seed);
    bool opened = outlet.queue != NULL;
    int status = outlet_close(&outlet);
    progress_end(&outlet.progress);
    if (opened || status == EXIT_DONE)
        outlet_report(&outlet);
    inputs_free(&inputs);
    options_free(&options);
    return status;
}
