/* SPDX-License-Identifier: MIT */
#include "common/cli/nats_program.h"
#include "producer/nats_source.h"

void nats_source_enter(const struct options *options)
{
    nats_program_become("--from", options->arguments);
}

enum flow nats_source_run(struct publisher *publisher, const struct options *options)
{
    nats_source_enter(options);
    return publisher_fail(publisher, EXIT_FAILED, "--from is elsewhere"); /* not reached */
}
