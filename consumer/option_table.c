/* SPDX-License-Identifier: MIT */
#include "consumer/option_table.h"

#include "common/cli/option_common.h"
#include "consumer/options.h"

#define AT(member) .at = offsetof(struct consumer_options, member)

static const struct option_entry sink[] = {
    {.name = "output",
     .code = CONSUMER_OUTPUT,
     .argument = "FILE",
     .help = "append to FILE; \"-\" is stdout. Consumers that share it do not mix within a message, but they "
             "change the order of messages, also of one producer's (and so the bytes of --block or --raw): use "
             "one consumer, or --mirror, where that matters. What a killed consumer left unfinished, the next one "
             "takes back; a FILE that is removed, replaced or cut short is a failure"},
    {.name = "mirror",
     .code = CONSUMER_MIRROR,
     .argument = "PATTERN",
     .help = "a file for each lane, that is for each producer: byte for byte what it has put, in order and once, "
             "whichever consumer is killed (and, with its --resume, the producer); overwrites what was there. %l "
             "in PATTERN is the lane's number, %% a percent sign"},
    {.name = "exec",
     .code = CONSUMER_EXEC,
     .argument = "COMMAND",
     .help = "one '/bin/sh -c COMMAND' a message, with the message on its stdin"},
    {.name = "pipe",
     .code = CONSUMER_PIPE,
     .argument = "COMMAND",
     .help = "one '/bin/sh -c COMMAND' for all messages; once it has begun to read, a message is acknowledged "
             "when it is written to the pipe, which is before the command has worked on it"},
    {.name = "discard", .code = CONSUMER_DISCARD, .help = "acknowledge only"},
    {.name = NULL},
};

const struct option_section consumer_sink_section = {.title = "Sink (one of; stdout):", .entries = sink};

static const struct option_entry framing[] = {
    {.name = "delimiter",
     .letter = 'D',
     .code = CONSUMER_DELIMITER,
     .argument = "CHAR",
     .help = "what ends a message: a character or \\n \\t \\r \\0 \\\\ \\xHH (newline); a message that contains "
             "it is written as it is"},
    {.name = "null", .letter = '0', .code = CONSUMER_NULL, .help = "the same as -D '\\0'"},
    {.name = "length-prefixed",
     .code = CONSUMER_LENGTH_PREFIXED,
     .help = "32-bit big-endian length, then the message"},
    {.name = "raw", .code = CONSUMER_RAW, .help = "the messages alone"},
    {.name = "prefix", .code = CONSUMER_PREFIX, .argument = "TEXT", .help = "write TEXT before each message"},
    {.name = NULL},
};

const struct option_section consumer_framing_section = {
    .title = "Framing (stdout, --output, --pipe):",
    .entries = framing,
};

static const struct option_entry command[] = {
    {.name = "retries",
     .code = CONSUMER_RETRIES,
     .argument = "N",
     .help = "after a failed first attempt, try again up to N times (3)"},
    {.name = "backoff",
     .code = CONSUMER_BACKOFF,
     .argument = "MIN[:MAX]",
     .help = "pause before trying again; doubles from MIN to MAX (100ms:30s)"},
    {.name = "exec-timeout",
     .code = CONSUMER_EXEC_TIMEOUT,
     .argument = "DURATION",
     .help = "end a command that takes longer: SIGTERM, after 1 s SIGKILL (none)"},
    {.name = NULL},
};

const struct option_section consumer_command_section = {
    .title = "Commands (--exec):",
    .text = "Exit status 0 acknowledges, 75 puts off without counting an attempt, 65 gives up at once; any other, "
            "a signal or the timeout is a failed attempt. When it gives up, the consumer stops with 1 and the "
            "message stays in the queue. The command's environment has SHMQ_QUEUE, SHMQ_ID (the same at each "
            "delivery), SHMQ_ATTEMPT (1 is the first), SHMQ_REDELIVERED (1: was handed out before) and SHMQ_LANE.",
    .entries = command,
};

static const struct option_entry flow[] = {
    {.name = "work",
     .kind = OPTION_IS_RANGE,
     AT(work_ns),
     .argument = "DURATION[:MAX]",
     .help = "simulated work of so long, at random up to MAX, on each message"},
    {.name = "count",
     .kind = OPTION_IS_COUNT,
     AT(count),
     .alone = true,
     .argument = "N",
     .help =
         "end after N messages (0: no limit); with 3 if the stream ended before, with 4 if --idle passed before"},
    {.name = "prefetch",
     .kind = OPTION_IS_COUNT32,
     .min = 1,
     .max = SHMQ_PREFETCH_MAX,
     AT(common.shmq.prefetch),
     .argument = "N",
     .help = "take up to N messages at a time (1 with --exec and --work, else 1024)"},
    {.name = "follow",
     .kind = OPTION_IS_FLAG,
     AT(common.shmq.follow),
     .help = "do not end when all producers have finished"},
    {.name = "idle",
     .kind = OPTION_IS_DURATION,
     AT(idle_ns),
     .argument = "DURATION",
     .help = "end after so long without a message; with 4 if none came"},
    {.name = "grace",
     .kind = OPTION_IS_DURATION,
     AT(common.shmq.grace_ns),
     .alone = true,
     .argument = "DURATION",
     .help = "how long a dead producer's stream may be taken up again before the end (5s)"},
    {.name = "producers",
     .kind = OPTION_IS_COUNT32,
     .min = 1,
     AT(common.shmq.producers),
     .alone = true,
     .argument = "N",
     .help = "do not end before N producers have finished (1)"},
    {.name = "progress", .kind = OPTION_IS_FLAG, AT(progress), .help = "status line on stderr"},
    {.name = NULL},
};

const struct option_section consumer_flow_section = {.title = "Flow:", .entries = flow};

static const struct option_group groups[] = {
    {.section = &consumer_sink_section},
    {.section = &consumer_framing_section},
    {.section = &consumer_command_section},
    {.section = &consumer_flow_section},
    {.section = &option_common_section, AT(common)},
    {.section = &option_creating_section, AT(common)},
    {.section = NULL},
};

const struct option_table consumer_options = {
    .usage = "[OPTION...]",
    .purpose = "take messages from a queue and hand each to a sink",
    .summary =
        "Takes messages from a queue and hands each to its sink: by default, one a line on stdout. A message is "
        "acknowledged once the sink has it; one whose consumer dies before is delivered again. Waits for the "
        "queue if there is none yet; ends when all producers have finished and all is acknowledged.",
    .groups = groups,
    .ending =
        "A wait for messages of more than a second is told of, and its end if it took more than ten; after that, "
        "only a wait twice as long. -q hides it.\n\n"
        "Exit status: 0 done, also after a first SIGINT or SIGTERM; 1 failed; 2 usage; 3 the queue was shut down, "
        "a producer died before it had finished, or the stream ended before --count (a dead producer's --resume, "
        "or '{prefix}monitor finish NAME', completes its stream); 4 --idle passed and nothing, or less than "
        "--count, had come; 5 queue damaged, removed, or of another version or size; 128+N ended by a second "
        "signal N. SIGUSR1 prints the statistics.",
    .examples = {{"{self} -Q log --output all.log", "all lines into one file"},
                 {"{self} -Q jobs --exec 'gzip -k \"$(cat)\"' --retries 5", "one command a message"},
                 {"{self} -Q jobs --follow | jq .", "whatever comes, until Ctrl-C"}},
};
