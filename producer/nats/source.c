/* SPDX-License-Identifier: MIT */
#include "producer/nats_source.h"

void nats_source_enter(const struct options *options)
{
    (void)options;
}

enum flow nats_source_run(struct publisher *publisher, const struct options *options)
{
    return publisher_fail(publisher, EXIT_FAILED, "--from %s: is not there yet", options->nats.servers);
}
