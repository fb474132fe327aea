/* SPDX-License-Identifier: MIT */
#include "consumer/option_table.h"
#include "common/cli/option_common.h"
#include "common/cli/option_nats.h"
#include "common/cli/progress.h"
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
     .help = "number of producers (1)"},
    {.name = "consumers",
     .letter = 'c',
     .kind = OPTION_IS_COUNT,
     .min = 1,
     .max = 1024,
     AT(consumers),
     .argument = "N",
     .help = "number of consumers (1)"},
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
     .help = "read FILE; \"-\" is stdin. May be repeated. With -p N, each producer reads its part of the files"},
    {.name = "follow",
     .kind = OPTION_IS_FLAG,
     AT(follow),
     .help = "with --input: go on as the files grow and are rotated, until Ctrl-C or TERM. The queue is then kept "
             "even when it is drained, since it remembers how far each file is read; the same command goes on "
             "there. Without --input: consumers do not end when all producers have finished"},
    {.name = NULL},
};

static const struct option_section source_section = {
    .title = "Source (also --listen, --from, --random, -- WORD...; else a demonstration):",
    .entries = source,
};

static const struct option_entry framing[] = {
    {.name = "delimiter",
     .letter = 'D',
     .code = CODE_DELIMITER,
     .argument = "CHAR",
     .help = "end each message with CHAR (newline)"},
    {.name = "null", .letter = '0', .code = CODE_NULL, .help = "same as -D '\\0'"},
    {.name = "length-prefixed",
     .code = CODE_LENGTH_PREFIXED,
     .help = "put a 32-bit big-endian length before each message"},
    {.name = "block",
     .code = CODE_BLOCK,
     .argument = "SIZE",
     .help = "split inputs into blocks of SIZE bytes; consumers write them without framing"},
    {.name = "whole",
     .code = CODE_WHOLE,
     .help = "send each input as one message; consumers write it without framing"},
    {.name = "raw", .kind = OPTION_IS_FLAG, AT(raw), .help = "consumers write messages without framing"},
    {.name = NULL},
};

static const struct option_section framing_section = {.title = "Framing, for producers and consumers:",
                                                      .entries = framing};

static const struct option_entry sink[] = {
    {.name = "output",
     .code = CODE_OUTPUT,
     .argument = "FILE",
     .help = "make all consumers write to FILE, which must be new or empty unless this command continues an "
             "earlier run. \"-\" writes only messages to stdout; without a sink, each message on stdout has its "
             "consumer's name before it, and each line of --echo its producer's"},
    {.name = "append", .kind = OPTION_IS_FLAG, AT(append), .help = "append to FILE even if it is not empty"},
    {.name = NULL},
};

static const struct option_section sink_section = {
    .title = "Sink (at most one; also --mirror, --exec, --pipe, --forward, --to, --discard):",
    .text =
        "Words after -- are messages here. Give a program for each message with --exec: a COMMAND without shell "
        "syntax runs without a shell. If there are several consumers, what commands print is grouped, unless "
        "--line-buffer or --ungroup is given.",
    .entries = sink,
};

static const struct option_entry supervision[] = {
    {.name = "restart",
     .kind = OPTION_IS_CHOICE,
     AT(restart),
     .argument = "HOW",
     .choices = "on-failure never",
     .help =
         "when to restart a child that fails or is killed: on-failure (default) or never. Producers of regular "
         "files resume where they left off, and so does --from; --listen begins anew. Those of stdin, words or a "
         "counted --random cannot, so their death is a failure"},
    {.name = "restart-pause",
     .kind = OPTION_IS_RANGE,
     AT(restart_pause_ns),
     .argument = "MIN:MAX",
     .help =
         "pause before a restart; doubles from MIN to MAX within a minute (100ms:5s); none after the first kill"},
    {.name = "max-restarts",
     .kind = OPTION_IS_COUNT,
     .max = 1000000,
     AT(max_restarts),
     .argument = "N",
     .help = "give up after N restarts of a child within a minute (5). A consumer that is killed while it runs a "
             "command is restarted at once, and that does not count: it is a failure of the message, which "
             "--retries limits; unless 100 follow each other and nothing else is done"},
    {.name = "grace",
     .code = CODE_GRACE,
     .argument = "DURATION",
     .help = "after Ctrl-C or TERM, how long producers may take to end and consumers to drain (10s). Commands of "
             "--exec have that long to end, instead (5s, and then --kill-after)"},
    {.name = "keep",
     .kind = OPTION_IS_FLAG,
     AT(keep),
     .help = "keep the queue even when it is drained, so that after Ctrl-C the same command continues the files"},
    {.name = "take-over",
     .kind = OPTION_IS_FLAG,
     AT(take_over),
     .help =
         "deliver messages that another command left in the queue along with its own; also continue a run whose "
         "source is not a file, which sends that source again from its beginning"},
    {.name = "progress",
     .kind = OPTION_IS_FLAG,
     AT(progress),
     .help =
         "show a status line of the whole pipeline on stderr: messages in and out, rates, how full the queue is, "
         "how much is done where the size is known, and why nothing moves"},
    OPTION_PROGRESS_INTERVAL(AT(progress_interval_ns)),
    {.name = "resume", .code = CODE_IGNORED, .help = "accepted and ignored: producers of files always resume"},
    {.name = NULL},
};

static const struct option_section supervision_section = {.title = "Supervision:", .entries = supervision};

static const struct option_group groups[] = {
    {.section = &pipeline_section},
    {.section = &source_section},
    {.section = &framing_section},
    {.section = &sink_section},
    {.section = &supervision_section},
    {.section = &option_common_section, .shared = true, AT(common)},
    {.section = &producer_source_section, .owner = "producer"},
    {.section = &producer_flow_section, .owner = "producer"},
    {.section = &consumer_sink_section, .owner = "consumer"},
    {.section = &consumer_framing_section, .owner = "consumer"},
    {.section = &consumer_command_section, .owner = "consumer"},
    {.section = &consumer_command_output_section, .owner = "consumer"},
    {.section = &consumer_flow_section, .owner = "consumer"},
    {.section = &producer_nats_section, .owner = "producer"},
    {.section = &consumer_nats_section, .owner = "consumer"},
    {.section = &option_nats_section, .owner = OPTIONS_OF_BRIDGES},
    {.section = &option_creating_section, AT(common)},
    {.section = NULL},
};

const struct option_table supervisor_options = {
    .usage = "[-p N] [-c N] [-Q NAME] [OPTION...] [-- WORD...]",
    .purpose = "start and supervise producers and consumers on one queue",
    .summary =
        "Starts producers and consumers on one queue, supervises them, and removes the queue when all messages "
        "have arrived. Without a source it runs a demonstration: each producer sends 10 random integers with "
        "random pauses (\"Produced: n\"), and the consumers process each for a while (\"Consumed: n\"). With "
        "--count 0 it runs until Ctrl-C.",
    .groups = groups,
    .ending =
        "After the first Ctrl-C or TERM, everything that was read is delivered, unread input is reported, and the "
        "exit status is 0. With --exec, no more commands are started instead; those that run have --grace; what "
        "is "
        "left stays in the queue, and the exit status is 1 if anything is. A script that starts this with & has "
        "to send TERM, because a shell makes it ignore "
        "INT. If it is killed, its children die with it and the queue stays; the same command takes over. A queue "
        "with messages of another command is refused unless --take-over is given.\n\n"
        "Exit status: 0 every message that was read has arrived; 1 failed, or messages are left in the queue; 2 "
        "usage; otherwise that of the first child that failed for good: 3 shut down or a producer died, 4 timed "
        "out or full, 5 queue damaged, removed or of other sizes, 6 all else was done, but messages were given up "
        "and are in the dead-letter queue, 128+N killed by signal N; 128+N also after a "
        "second signal N. SIGUSR1 makes all children print their statistics.",
    .examples = {{"{self} -p 2 -c 3 --input app.log --output all.log",
                  "copy all lines; each of the two producers reads half"},
                 {"{self} -c 4 --exec 'gzip -kf \"$(cat)\"' -- a.txt b.txt c.txt",
                  "run a command per word, four at a time"},
                 {"{self} --count 0", "run the demonstration until Ctrl-C"}},
    /* as for the consumer */
    .bare = "group",
    .other = "grouped",
};
