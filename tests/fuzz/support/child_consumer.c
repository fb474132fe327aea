/* SPDX-License-Identifier: MIT */
#include "consumer/command_line.h"
#include "tests/fuzz/support/child_line.h"

static struct consumer_options options;

void child_line_of_consumer(struct child_line *line, int argc, char **argv)
{
    consumer_options_read(&options, argc, argv);
    line->common = options.common;
    line->sink = (int)options.sink;
    line->target = options.target;
}
