/* SPDX-License-Identifier: MIT */
#include "consumer/sinks/sink.h"
#include "common/cli/say.h"

struct sink *sink_nats_open(const struct consumer_options *options, struct totals *totals)
{
    (void)totals;
    say_error("--to %s: is not there yet", options->nats.servers);
    return NULL;
}
