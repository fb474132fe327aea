/* SPDX-License-Identifier: MIT */
#include "producer/option_table.h"

static const struct option_entry source[] = {
    {.name = "input", .argument = "FILE", .help = "read FILE; repeatable, one after the other; \"-\" is stdin"},
    {.name = "random", .help = "integers from 1 to 100, for ever or --count of them"},
    {.name = "split",
     .alone = true,
     .argument = "I/N",
     .help = "take part I of N of each input, cut between messages: N producers share it"},
    {.name = "resume",
     .alone = true,
     .help = "go on after the last message that an earlier run with --resume and the same inputs and framing put "
             "into this queue before it was killed or stopped"},
    {.name = NULL},
};

const struct option_section producer_source_section = {.title = "Source (one of):", .entries = source};

static const struct option_entry framing[] = {
    {.name = "delimiter",
     .letter = 'D',
     .argument = "CHAR",
     .help = "a message ends with CHAR: a character or \\n \\t \\r \\0 \\\\ \\xHH (newline)"},
    {.name = "null", .letter = '0', .help = "the same as -D '\\0'"},
    {.name = "length-prefixed", .help = "32-bit big-endian length, then the message"},
    {.name = "block", .argument = "SIZE", .help = "blocks of SIZE bytes; the last may be shorter"},
    {.name = "whole", .help = "each input is one message"},
    {.name = NULL},
};

const struct option_section producer_framing_section = {
    .title = "Framing (one of), what a message is in an input:",
    .entries = framing,
};

static const struct option_entry flow[] = {
    {.name = "count",
     .argument = "N",
     .help = "at most N messages (0: no limit); with --resume, those of earlier runs count"},
    {.name = "rate", .argument = "N", .help = "N messages a second"},
    {.name = "delay", .argument = "MIN[:MAX]", .help = "pause between two messages, at random up to MAX"},
    {.name = "seed", .argument = "N", .help = "make --random and --delay repeatable"},
    {.name = "echo",
     .argument = "PREFIX",
     .help = "print PREFIX and each message on stdout once it is in the queue"},
    {.name = "on-full",
     .argument = "HOW",
     .help = "when the queue is full: block (default), fail (exit 4), or drop the message"},
    {.name = "timeout",
     .argument = "DURATION",
     .help = "with block: give up, with exit 4, after so long without room"},
    {.name = "priority", .argument = "0..7", .help = "of its messages, 0 (served first) to 7 (4)"},
    {.name = "progress", .help = "status line on stderr"},
    {.name = NULL},
};

const struct option_section producer_flow_section = {.title = "Flow:", .entries = flow};
