/* SPDX-License-Identifier: MIT */
#include "consumer/sinks/sink.h"

struct sink *sink_open(const struct consumer_options *options, struct totals *totals)
{
    switch (options->sink) {
    case SINK_EXEC:
        return sink_exec_open(options, totals);
    case SINK_PIPE:
        return sink_pipe_open(options, totals);
    case SINK_PIPE_ACK:
        return sink_pipe_ack_open(options, totals);
    case SINK_MIRROR:
        return sink_mirror_open(options, totals);
    case SINK_NATS:
        return sink_nats_open(options, totals);
    case SINK_FORWARD:
        return sink_forward_open(options, totals);
    case SINK_DISCARD:
        return sink_discard_open(options, totals);
    case SINK_STDOUT:
    case SINK_OUTPUT:
        return sink_output_open(options, totals);
    }
    return NULL; /* no such kind; the compiler reports one without a case */
}
