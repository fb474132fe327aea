/* SPDX-License-Identifier: MIT */
#include "consumer/option_table.h"

static const struct option_entry sink[] = {
    {.name = "output",
     .argument = "FILE",
     .help = "append to FILE; consumers that share it do not mix within a message; \"-\" is stdout"},
    {.name = "mirror",
     .argument = "PATTERN",
     .help = "a file for each lane, that is for each producer: byte for byte what it has put, in order and once, "
             "whichever consumer is killed; overwrites what was there. %l in PATTERN is the lane's number, %% a "
             "percent sign"},
    {.name = "exec",
     .argument = "COMMAND",
     .help = "one '/bin/sh -c COMMAND' a message, with the message on its stdin"},
    {.name = "pipe",
     .argument = "COMMAND",
     .help = "one '/bin/sh -c COMMAND' for all messages; once it has begun to read, a message is acknowledged "
             "when it is written to the pipe, which is before the command has worked on it"},
    {.name = "discard", .help = "acknowledge only"},
    {.name = NULL},
};

const struct option_section consumer_sink_section = {.title = "Sink (one of; stdout):", .entries = sink};

static const struct option_entry framing[] = {
    {.name = "delimiter",
     .letter = 'D',
     .argument = "CHAR",
     .help = "what ends a message: a character or \\n \\t \\r \\0 \\\\ \\xHH (newline); a message that contains "
             "it is written as it is"},
    {.name = "null", .letter = '0', .help = "the same as -D '\\0'"},
    {.name = "length-prefixed", .help = "32-bit big-endian length, then the message"},
    {.name = "raw", .help = "the messages alone"},
    {.name = "prefix", .argument = "TEXT", .help = "write TEXT before each message"},
    {.name = NULL},
};

const struct option_section consumer_framing_section = {
    .title = "Framing (stdout, --output, --pipe):",
    .entries = framing,
};

static const struct option_entry command[] = {
    {.name = "retries", .argument = "N", .help = "after a failed first attempt, try again up to N times (3)"},
    {.name = "backoff",
     .argument = "MIN:MAX",
     .help = "pause before trying again; doubles from MIN to MAX (100ms:30s)"},
    {.name = "exec-timeout",
     .argument = "DURATION",
     .help = "end a command that takes longer: SIGTERM, after 1 s SIGKILL (none)"},
    {.name = NULL},
};

const struct option_section consumer_command_section = {.title = "Commands (--exec):", .entries = command};

static const struct option_entry flow[] = {
    {.name = "work",
     .argument = "DURATION[:MAX]",
     .help = "simulated work of so long, at random up to MAX, on each message"},
    {.name = "count",
     .alone = true,
     .argument = "N",
     .help =
         "end after N messages (0: no limit); with 3 if the stream ended before, with 4 if --idle passed before"},
    {.name = "prefetch",
     .argument = "N",
     .help = "take up to N messages at a time (1 with --exec and --work, else 1024)"},
    {.name = "follow", .help = "do not end when all producers have finished"},
    {.name = "idle", .argument = "DURATION", .help = "end after so long without a message; with 4 if none came"},
    {.name = "grace",
     .alone = true,
     .argument = "DURATION",
     .help = "how long a dead producer's stream may be taken up again before the end (5s)"},
    {.name = "producers",
     .alone = true,
     .argument = "N",
     .help = "do not end before N producers have finished (1)"},
    {.name = "progress", .help = "status line on stderr"},
    {.name = NULL},
};

const struct option_section consumer_flow_section = {.title = "Flow:", .entries = flow};
