/* SPDX-License-Identifier: MIT */
#include "common/cli/sibling_program.h"
#include "producer/nats_source.h"

void nats_source_enter(const struct options *options)
{
    sibling_program_become_nats("--from", options->arguments);
}

enum flow nats_source_run(struct publisher *publisher, const struct options *options)
{
    nats_source_enter(options);
    return publisher_fail(publisher, EXIT_FAILED, "--from is elsewhere"); /* not reached */
}
