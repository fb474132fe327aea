/* SPDX-License-Identifier: MIT */
#include "common/cli/nats_program.h"
#include "consumer/sinks/sink.h"

struct sink *sink_nats_open(const struct consumer_options *options, struct totals *totals)
{
    (void)totals;
    nats_program_become("--to", options->arguments);
}
