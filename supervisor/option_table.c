/* SPDX-License-Identifier: MIT */
#include "consumer/option_table.h"
#include "common/cli/option_common.h"
#include "producer/option_table.h"
#include "supervisor/option_codes.h"
#include "supervisor/options.h"

#define AT(member) .at = offsetof(struct options, member)

static const struct option_entry pipeline[] = {
    {.name = "producers",
     .letter = 'p',
     .kind = OPTION_IS_COUNT,
     .min = 1,
     .max = 1024,
     AT(producers),
     .argument = "N",
     .help = "producers (1)"},
    {.name = "consumers",
     .letter = 'c',
     .kind = OPTION_IS_COUNT,
     .min = 1,
     .max = 1024,
     AT(consumers),
     .argument = "N",
     .help = "consumers (1)"},
    {.name = "producer-args",
     .code = CODE_PRODUCER_ARGS,
     .argument = "ARGS",
     .help = "more options for each producer, split into words as a shell does by blanks, quotes and backslashes; "
             "nothing is expanded"},
    {.name = "consumer-args",
     .code = CODE_CONSUMER_ARGS,
     .argument = "ARGS",
     .help = "likewise for each consumer"},
    {.name = NULL},
};

static const struct option_section pipeline_section = {.title = "Pipeline:", .entries = pipeline};

static const struct option_entry source[] = {
    {.name = "input",
     .code = CODE_INPUT,
     .argument = "FILE",
     .help = "for the producers, repeatable; \"-\" is stdin; with -p N each reads its part of the files"},
    {.name = NULL},
};

static const struct option_section source_section = {
    .title = "Source (one of; without, a demonstration), also --random, and -- WORD...:",
    .entries = source,
};

static const struct option_entry framing[] = {
    {.name = "delimiter",
     .letter = 'D',
     .code = CODE_DELIMITER,
     .argument = "CHAR",
     .help = "what ends a message, on both sides (newline)"},
    {.name = "null", .letter = '0', .code = CODE_NULL, .help = "the same as -D '\\0'"},
    {.name = "length-prefixed",
     .code = CODE_LENGTH_PREFIXED,
     .help = "32-bit big-endian length, then the message"},
    {.name = "block",
     .code = CODE_BLOCK,
     .argument = "SIZE",
     .help = "blocks of SIZE bytes; consumers write the messages alone"},
    {.name = "whole", .code = CODE_WHOLE, .help = "each input is one message; likewise"},
    {.name = "raw", .kind = OPTION_IS_FLAG, AT(raw), .help = "consumers write the messages alone"},
    {.name = NULL},
};

static const struct option_section framing_section = {.title = "Framing, for both sides:", .entries = framing};

static const struct option_entry sink[] = {
    {.name = "output",
     .code = CODE_OUTPUT,
     .argument = "FILE",
     .help = "all consumers write to FILE; it must be new or empty, unless this very command was killed and goes "
             "on. \"-\" leaves stdout to the data; without a sink, each message there has its consumer's name "
             "before it, as what --echo prints has its producer's"},
    {.name = "append", .kind = OPTION_IS_FLAG, AT(append), .help = "add to FILE, whatever is in it"},
    {.name = NULL},
};

static const struct option_section sink_section = {
    .title = "Sink (one of), also --mirror, --exec, --pipe, --discard:",
    .entries = sink,
};

static const struct option_entry supervision[] = {
    {.name = "restart",
     .kind = OPTION_IS_CHOICE,
     AT(restart),
     .argument = "HOW",
     .choices = "on-failure never",
     .help =
         "what to do with a child that fails or is killed: on-failure (default) or never. Producers of regular "
         "files go on where they were. Those of stdin, of words and of a counted --random cannot know where, so "
         "that their death is a failure"},
    {.name = "restart-pause",
     .kind = OPTION_IS_RANGE,
     AT(restart_pause_ns),
     .argument = "MIN:MAX",
     .help =
         "how long to wait before that: longer each time in a minute (100ms:5s); at once after the first kill"},
    {.name = "max-restarts",
     .kind = OPTION_IS_COUNT,
     .max = 1000000,
     AT(max_restarts),
     .argument = "N",
     .help = "of a child in a minute, then give up (5)"},
    {.name = "grace",
     .code = CODE_GRACE,
     .argument = "DURATION",
     .help = "after Ctrl-C or TERM: how long producers may take to end, and consumers to drain (10s)"},
    {.name = "keep",
     .kind = OPTION_IS_FLAG,
     AT(keep),
     .help = "keep the queue, also when it is drained: after Ctrl-C the same command goes on with the files"},
    {.name = "take-over",
     .kind = OPTION_IS_FLAG,
     AT(take_over),
     .help =
         "take over what another command left in the queue, or what this one left where its source is read from "
         "the beginning again"},
    {.name = "progress",
     .kind = OPTION_IS_FLAG,
     AT(progress),
     .help = "one line about the whole pipeline on stderr; every 10 s where that is no terminal"},
    {.name = "resume", .code = CODE_IGNORED, .help = "producers of files always do"},
    {.name = NULL},
};

static const struct option_section supervision_section = {.title = "Supervision:", .entries = supervision};

static const struct option_group groups[] = {
    {.section = &pipeline_section},
    {.section = &source_section},
    {.section = &framing_section},
    {.section = &sink_section},
    {.section = &supervision_section},
    {.section = &option_common_section, AT(common)},
    {.section = &producer_source_section, .owner = "producer"},
    {.section = &producer_flow_section, .owner = "producer"},
    {.section = &consumer_sink_section, .owner = "consumer"},
    {.section = &consumer_framing_section, .owner = "consumer"},
    {.section = &consumer_command_section, .owner = "consumer"},
    {.section = &consumer_flow_section, .owner = "consumer"},
    {.section = &option_creating_section, AT(common)},
    {.section = NULL},
};

const struct option_table supervisor_options = {
    .usage = "[-p N] [-c N] [-Q NAME] [OPTION...] [-- WORD...]",
    .purpose = "start producers and consumers on a queue and supervise them",
    .summary =
        "Starts producers and consumers on a queue, supervises them, and removes the queue when all has arrived. "
        "Without a source it is a demonstration: each producer sends 10 random integers with random pauses "
        "(\"Produced: n\"), the consumers work on each for a while (\"Consumed: n\"). With --count 0 it goes on "
        "until Ctrl-C.",
    .groups = groups,
    .ending =
        "After the first Ctrl-C or TERM all that was read is delivered, and the status is 0; that there was more "
        "is "
        "told. A script that starts this with & has to send TERM: there, INT is ignored. If it is itself killed, "
        "its "
        "children die with it and the queue stays: the same command takes over. What another command left in the "
        "queue is refused unless --take-over is given.\n\n"
        "Exit status: 0 every message that was read arrived; 1 failed, or messages are left in the queue; 2 "
        "usage; "
        "else that of the first child that failed for good: 3 shut down or a producer died, 4 timed out or full, "
        "5 "
        "queue damaged or removed or of other sizes, 128+N killed by signal N; 128+N also if a second signal N "
        "cut "
        "it short. SIGUSR1 has all children print their statistics.",
    .examples = {{"{self} -p 2 -c 3 --input app.log --output all.log",
                  "two producers read a half each; no line is lost"},
                 {"{self} -c 4 --exec 'gzip -kf \"$(cat)\"' -- a.txt b.txt c.txt",
                  "jobs to commands, four at a time"},
                 {"{self} --count 0", "the demonstration, until Ctrl-C"}},
};
