/* SPDX-License-Identifier: MIT */
#include "producer/source.h"
#include "common/cli/units.h"

#include "producer/block_input.h"
#include "producer/buffered_input.h"
#include "producer/listen.h"
#include "producer/random.h"
#include "producer/source_headers.h"
#include "producer/whole_input.h"
#include "producer/words.h"

static enum flow run_input(struct publisher *publisher, const struct inputs *inputs, const struct options *options,
                           size_t i)
{
    struct input input;
    enum flow flow = input_open(&input, publisher, inputs->paths[i], inputs->ranges[i]);
    uint64_t unused = input.offset;
    if (flow == FLOW_CONTINUE) {
        if (options->framing == FRAMING_WHOLE)
            flow = whole_input_run(publisher, &input, options, &unused);
        else if (options->framing == FRAMING_BLOCK && block_input_fits(publisher, options))
            flow = block_input_run(publisher, &input, options, &unused);
        else
            flow = buffered_input_run(publisher, &input, options, &unused);
    }
    if (flow == FLOW_CONTINUE)
        inputs_report_growth(inputs, options, &input);
    return input_close(&input, publisher, unused, flow);
}

static enum flow check_block(struct publisher *publisher, const struct options *options)
{
    char texts[2][UNITS_SIZE];
    if (options->framing == FRAMING_BLOCK && options->block_bytes > publisher->max_message)
        return publisher_fail(publisher, EXIT_FAILED,
                              "--block %s: larger than the queue's largest message of %s (create the queue with "
                              "--max-message %s or more)",
                              units_size(texts[0], options->block_bytes),
                              units_size(texts[1], publisher->max_message), texts[0]);
    return FLOW_CONTINUE;
}

static enum flow run_inputs(struct publisher *publisher, const struct inputs *inputs,
                            const struct options *options)
{
    enum flow flow = check_block(publisher, options);
    for (size_t i = inputs->first; i < inputs->count && flow == FLOW_CONTINUE; i++)
        flow = run_input(publisher, inputs, options, i);
    return flow;
}

static enum flow run_listen(struct publisher *publisher, const struct options *options)
{
    enum flow flow = FLOW_CONTINUE;
    if (options->source_headers)
        flow = publisher_set_own_headers(publisher, SOURCE_HEADERS_PEER_BYTES);
    if (flow == FLOW_CONTINUE)
        flow = check_block(publisher, options);
    return flow == FLOW_CONTINUE ? listen_run(publisher, options) : flow;
}

enum flow source_run(struct publisher *publisher, const struct inputs *inputs, const struct options *options,
                     uint64_t seed)
{
    switch (options->source) {
    case SOURCE_RANDOM:
        return random_run(publisher, seed);
    case SOURCE_WORDS:
        return words_run(publisher, options);
    case SOURCE_LISTEN:
        return run_listen(publisher, options);
    case SOURCE_NATS: /* nats_source_run */
    case SOURCE_INPUTS:
    case SOURCE_FOLLOW: /* does not come here */
        break;
    }
    return run_inputs(publisher, inputs, options);
}
