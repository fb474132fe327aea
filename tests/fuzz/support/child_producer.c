/* SPDX-License-Identifier: MIT */
#include "producer/command_line.h"
#include "tests/fuzz/support/child_line.h"

static struct options options;

void child_line_of_producer(struct child_line *line, int argc, char **argv)
{
    options_free(&options);
    options_parse(&options, argc, argv);
    line->common = options.common;
    line->inputs = options.inputs;
    line->input_count = options.input_given ? options.input_count : 0;
    line->words = options.words;
    line->word_count = options.word_count;
    line->sends_words = options.source == SOURCE_WORDS;
    line->part = options.split_part;
    line->parts = options.split_parts;
}
