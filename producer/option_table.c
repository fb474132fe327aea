/* SPDX-License-Identifier: MIT */
#include "producer/option_table.h"

#include "common/cli/option_common.h"
#include "producer/options.h"

#define AT(member) .at = offsetof(struct options, member)

static const struct option_entry source[] = {
    {.name = "input",
     .code = PRODUCER_INPUT,
     .argument = "FILE",
     .help = "read FILE; repeatable, one after the other; \"-\" is stdin. A FIFO or pipe has ended when its last "
             "writer has gone"},
    {.name = "random",
     .kind = OPTION_IS_FLAG,
     AT(random_given),
     .help = "integers from 1 to 100, for ever or --count of them"},
    {.name = "split",
     .code = PRODUCER_SPLIT,
     .alone = true,
     .argument = "I/N",
     .help = "take part I of N of each input, cut between messages: N producers of one queue share it. The last "
             "input may grow: all parts go by its size when the first began, and part N reads on to its end. Of a "
             "file of /proc or /sys, which does not know its size, part 1 reads all"},
    {.name = "resume",
     .kind = OPTION_IS_FLAG,
     AT(resume),
     .alone = true,
     .help =
         "give it to the first run as well: go on after the last message that an earlier run with --resume, "
         "the same inputs and framing put into this queue before it was killed or stopped. The last input may "
         "have grown; else an input that is not what it was is refused, with 1; a file that has taken the place "
         "of another (a new inode) is a new source. One that a signal stops "
         "before the end of its inputs exits 0, too, but leaves its stream unfinished, as if it had been killed. "
         "A source that was sent is known until its lane is needed for another one (see --lanes)"},
    {.name = NULL},
};

const struct option_section producer_source_section = {
    .title = "Source (one of):",
    .text = "Without one: stdin. WORDs behind -- are one message each.",
    .entries = source,
};

static const struct option_entry framing[] = {
    {.name = "delimiter",
     .letter = 'D',
     .code = PRODUCER_DELIMITER,
     .argument = "CHAR",
     .help =
         "a message ends with CHAR: a character or \\n \\t \\r \\0 \\\\ \\xHH (newline); the last may lack it"},
    {.name = "null", .letter = '0', .code = PRODUCER_NULL, .help = "the same as -D '\\0'"},
    {.name = "length-prefixed",
     .code = PRODUCER_LENGTH_PREFIXED,
     .help = "32-bit big-endian length, then the message"},
    {.name = "block",
     .code = PRODUCER_BLOCK,
     .argument = "SIZE",
     .help = "blocks of SIZE bytes; the last may be shorter"},
    {.name = "whole", .code = PRODUCER_WHOLE, .help = "each input is one message"},
    {.name = NULL},
};

const struct option_section producer_framing_section = {
    .title = "Framing (one of), what a message is in an input:",
    .entries = framing,
};

static const struct option_entry flow[] = {
    {.name = "count",
     .kind = OPTION_IS_COUNT,
     AT(count),
     .argument = "N",
     .help = "at most N messages (0: no limit); with --resume, those of earlier runs count"},
    {.name = "rate", .kind = OPTION_IS_RATE, AT(rate), .argument = "N", .help = "N messages a second"},
    {.name = "delay",
     .kind = OPTION_IS_RANGE,
     AT(delay_ns),
     .argument = "MIN[:MAX]",
     .help = "pause between two messages, at random up to MAX"},
    {.name = "seed", .code = PRODUCER_SEED, .argument = "N", .help = "make --random and --delay repeatable"},
    {.name = "echo",
     .code = PRODUCER_ECHO,
     .argument = "PREFIX",
     .help = "print PREFIX and each message on stdout once it is in the queue"},
    {.name = "on-full",
     .kind = OPTION_IS_CHOICE,
     AT(on_full),
     .argument = "HOW",
     .choices = "block fail drop", /* as enum on_full */
     .help = "when the queue is full: block (default), fail (exit 4), or drop the message. While all lanes are "
             "taken, block waits for one; fail and drop end with 4"},
    {.name = "timeout",
     .kind = OPTION_IS_DURATION,
     AT(timeout_ns),
     .argument = "DURATION",
     .help = "with block: give up, with exit 4, after so long without room, or without a lane"},
    {.name = "priority",
     .code = PRODUCER_PRIORITY,
     .argument = "N",
     .choices = "0 1 2 3 4 5 6 7",
     .help = "of its messages, 0 (served first) to 7 (4)"},
    {.name = "progress", .kind = OPTION_IS_FLAG, AT(progress), .help = "status line on stderr"},
    {.name = NULL},
};

const struct option_section producer_flow_section = {.title = "Flow:", .entries = flow};

static const struct option_group groups[] = {
    {.section = &producer_source_section},
    {.section = &producer_framing_section},
    {.section = &producer_flow_section},
    {.section = &option_common_section, AT(common)},
    {.section = &option_creating_section, AT(common)},
    {.section = NULL},
};

const struct option_table producer_options = {
    .usage = "[OPTION...] [-- WORD...]",
    .purpose = "put messages into a queue",
    .summary =
        "Puts messages into a queue, which it makes if there is none: by default, each line of stdin is one. "
        "Blocks while its lane of the queue is full. What it has put stays there when it ends, or is killed.",
    .groups = groups,
    .ending =
        "A wait for room of more than a second is told of, and its end if it took more than ten; after that, only "
        "a wait twice as long. -q hides it.\n\n"
        "The consumers of a stream that was left unfinished end with 3 after their --grace. The same command "
        "completes it if it has --resume and had it before; else '{prefix}monitor finish NAME' does.\n\n"
        "Exit status: 0 done, also after a first SIGINT or SIGTERM; 1 failed; 2 usage; 3 the queue was shut down; "
        "4 the queue was full, or no lane was free; 5 queue damaged, removed, or of another version or size; "
        "128+N ended by a second signal N (the same signal again within 100 ms counts once). SIGUSR1 prints the "
        "statistics. On a failure all messages before it are in the queue, and its stream is left unfinished.",
    .examples = {{"{self} -Q jobs -- a.txt b.txt", "two messages"},
                 {"tail -F app.log | {self} -Q log --on-full drop", "each line, or none while nobody keeps up"},
                 {"{self} -Q big --input big.csv --split 1/2 --resume",
                  "the first half, beside a producer of 2/2; repeated after a crash, it goes on where it was"}},
};
