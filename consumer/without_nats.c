/* SPDX-License-Identifier: MIT */
#include "common/cli/sibling_program.h"
#include "consumer/sinks/sink.h"

struct sink *sink_nats_open(const struct consumer_options *options, struct totals *totals)
{
    (void)totals;
    sibling_program_become_nats("--to", options->arguments);
}
