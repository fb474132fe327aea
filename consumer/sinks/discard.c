/* SPDX-License-Identifier: MIT */
#include "consumer/sinks/sink.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/cli/say.h"

static enum sink_result discard_deliver(struct sink *sink, const struct shmq_message *messages, size_t count,
                                        size_t *done)
{
    (void)sink;
    (void)messages;
    *done = count;
    return SINK_OK;
}

static enum sink_result discard_close(struct sink *sink)
{
    free(sink);
    return SINK_OK;
}

static const struct sink_operations discard_operations = {
    .deliver = discard_deliver,
    .close = discard_close,
};

struct sink *sink_discard_open(const struct consumer_options *options, struct totals *totals)
{
    struct sink *sink = calloc(1, sizeof(*sink));

    if (!sink) {
        say_error("memory: %s", strerror(ENOMEM));
        return NULL;
    }
    sink->operations = &discard_operations;
    sink->options = options;
    sink->totals = totals;
    return sink;
}
