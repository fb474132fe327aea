/* SPDX-License-Identifier: MIT */
#include "producer/source.h"

#include "producer/block.h"
#include "producer/random.h"
#include "producer/stream.h"
#include "producer/whole.h"
#include "producer/words.h"

static enum flow run_input(struct outlet *outlet, const struct inputs *inputs, const struct options *options,
                           size_t i)
{
    struct input input;
    enum flow flow = input_open(&input, outlet, inputs->paths[i], inputs->ranges[i]);
    uint64_t unused = input.offset;
    if (flow == FLOW_ON) {
        if (options->framing == FRAMING_WHOLE)
            flow = whole_run(outlet, &input, options, &unused);
        else if (options->framing == FRAMING_BLOCK && block_fits(outlet, options))
            flow = block_run(outlet, &input, options, &unused);
        else
            flow = stream_run(outlet, &input, options, &unused);
    }
    if (flow == FLOW_ON)
        inputs_tell_growth(inputs, options, &input);
    return input_close(&input, outlet, unused, flow);
}

static enum flow run_inputs(struct outlet *outlet, const struct inputs *inputs, const struct options *options)
{
    if (options->framing == FRAMING_BLOCK && options->block_bytes > outlet->max_message)
        return outlet_fail(outlet, EXIT_FAILED,
                           "--block: larger than the queue's longest message of %llu bytes (make the queue with a "
                           "larger --max-message)",
                           (unsigned long long)outlet->max_message);
    enum flow flow = FLOW_ON;
    for (size_t i = inputs->first; i < inputs->count && flow == FLOW_ON; i++)
        flow = run_input(outlet, inputs, options, i);
    return flow;
}

enum flow source_run(struct outlet *outlet, const struct inputs *inputs, const struct options *options,
                     uint64_t seed)
{
    switch (options->source) {
    case SOURCE_RANDOM:
        return random_run(outlet, seed);
    case SOURCE_WORDS:
        return words_run(outlet, options);
    case SOURCE_INPUTS:
        break;
    }
    return run_inputs(outlet, inputs, options);
}
