/* SPDX-License-Identifier: MIT */
#include "producer/option_table.h"

#include "common/cli/option_common.h"
#include "common/cli/option_nats.h"
#include "common/cli/progress.h"
#include "producer/options.h"

#define AT(member) .at = offsetof(struct options, member)

static const struct option_entry source[] = {
    {.name = "input",
     .code = PRODUCER_INPUT,
     .argument = "FILE",
     .help =
         "read FILE; \"-\" is stdin. Repeat the option to read several files in turn. A FIFO or pipe ends when "
         "its last writer closes it (not with --follow)"},
    {.name = "listen",
     .code = PRODUCER_LISTEN,
     .argument = "ADDRESS",
     .help =
         "send what clients of a socket send: of unix:PATH (a stream) the messages of each connection, split as "
         "the framing says; of unix-dgram:PATH each datagram as one message. Repeat the option for several "
         "sockets. Ends at a signal or at --count. A client that has sent is not told when its message is in the "
         "queue: what the kernel holds dies with the producer"},
    {.name = "listen-mode",
     .code = PRODUCER_LISTEN_MODE,
     .incidental = true,
     .argument = "OCTAL",
     .help = "permissions of the --listen sockets (default: by the umask); whoever may write to one may send"},
    {.name = "from",
     .code = PRODUCER_FROM,
     .argument = "SERVERS",
     .help = "take messages from NATS JetStream; SERVERS are HOST[:PORT] or nats:// URLs, separated by commas. A "
             "message is acknowledged there once it is in the queue. Its headers are kept"},
    {.name = "source-headers",
     .kind = OPTION_IS_FLAG,
     AT(source_headers),
     .help = "put headers on each message that say where it comes from: Shmq-File and Shmq-Offset (of its first "
             "byte), with --listen Shmq-Peer-Pid and Shmq-Peer-Uid, with --from Shmq-Subject and Shmq-Sequence. "
             "They take 64 bytes or more of each message's room, and messages are put more slowly"},
    {.name = "random",
     .kind = OPTION_IS_FLAG,
     AT(random_given),
     .help = "send random integers from 1 to 100, without end or up to --count"},
    {.name = "split",
     .code = PRODUCER_SPLIT,
     .alone = true,
     .argument = "I/N",
     .help =
         "send only part I of N of each input, split between messages, so that N producers share it. The last "
         "input may grow: all parts use its size when the first part began, and part N reads on to its end. Of a "
         "file in /proc or /sys, which has no reliable size, part 1 reads all"},
    {.name = "resume",
     .kind = OPTION_IS_FLAG,
     AT(resume),
     .alone = true,
     .help =
         "continue after the last message that an earlier run put into this queue before it was killed or "
         "stopped. The earlier run must have had --resume and the same inputs and framing. The last input may "
         "have grown; any other change of an input fails with exit 1. A file replaced by another (a new inode) is "
         "a new source. A signal before the end of the inputs exits 0 but leaves the stream unfinished, as if the "
         "producer had been killed. A source that was sent is remembered until its lane is needed for another one "
         "(see --lanes). With --from, only this: a signal leaves the stream unfinished, and the place in it is "
         "kept as long as the queue"},
    {.name = "follow",
     .kind = OPTION_IS_FLAG,
     AT(follow),
     .alone = true,
     .help =
         "go on as the files of --input grow, through renaming, truncation and removal. FILE may be a pattern in "
         "quotes ('logs/*.log'), and need not exist yet. A FIFO is opened again when its last writer has gone. "
         "With --resume, exactly once across restarts, even if "
         "files were renamed meanwhile"},
    {.name = "rotate-wait",
     .kind = OPTION_IS_DURATION,
     AT(rotate_wait_ns),
     .incidental = true,
     .argument = "DURATION",
     .help = "with --follow: stop reading a file that was renamed or removed once nothing has been written to it "
             "for DURATION (5s)"},
    {.name = "partial",
     .kind = OPTION_IS_DURATION,
     AT(partial_ns),
     .argument = "DURATION",
     .help = "with --follow: put what stands at the end of a file without a delimiter after DURATION; the rest of "
             "it becomes another message"},
    {.name = "from-end",
     .kind = OPTION_IS_FLAG,
     AT(from_end),
     .help = "with --follow: begin at the end of the files that exist at the first run"},
    {.name = NULL},
};

const struct option_section producer_source_section = {
    .title = "Source (at most one; default stdin):",
    .text = "Each WORD after -- is one message.",
    .entries = source,
};

static const struct option_entry framing[] = {
    {.name = "delimiter",
     .letter = 'D',
     .code = PRODUCER_DELIMITER,
     .argument = "CHAR",
     .help =
         "end each message at CHAR: a character or \\n \\t \\r \\0 \\\\ \\xHH (newline); the last may lack it"},
    {.name = "null", .letter = '0', .code = PRODUCER_NULL, .help = "same as -D '\\0'"},
    {.name = "length-prefixed",
     .code = PRODUCER_LENGTH_PREFIXED,
     .help = "read a 32-bit big-endian length before each message"},
    {.name = "block",
     .code = PRODUCER_BLOCK,
     .argument = "SIZE",
     .help = "split inputs into blocks of SIZE bytes; the last may be shorter"},
    {.name = "whole", .code = PRODUCER_WHOLE, .help = "send each input as one message"},
    {.name = NULL},
};

const struct option_section producer_framing_section = {
    .title = "Framing, how inputs are split into messages (at most one):",
    .entries = framing,
};

static const struct option_entry nats[] = {
    {.name = "durable",
     .kind = OPTION_IS_TEXT,
     AT(nats_durable),
     .argument = "NAME",
     .help = "the stream's durable pull consumer, which no other client may read"},
    {.name = "batch",
     .kind = OPTION_IS_COUNT32,
     .min = 1,
     .max = 65536,
     AT(nats_batch),
     .incidental = true,
     .argument = "N",
     .help = "ask for N messages at a time (512)"},
    {.name = "make-durable",
     .kind = OPTION_IS_FLAG,
     AT(nats_make_durable),
     .help = "make it if it is missing, with an acknowledgement for each message"},
    {.name = NULL},
};

const struct option_section producer_nats_section = {.title = "NATS (--from):", .entries = nats};

static const struct option_entry flow[] = {
    {.name = "count",
     .kind = OPTION_IS_COUNT,
     AT(count),
     .argument = "N",
     .help = "send at most N messages (0: no limit); with --resume, those of earlier runs count (not with "
             "--from)"},
    {.name = "rate", .kind = OPTION_IS_RATE, AT(rate), .argument = "N", .help = "send N messages per second"},
    {.name = "delay",
     .kind = OPTION_IS_RANGE,
     AT(delay_ns),
     .argument = "MIN[:MAX]",
     .help = "pause between messages for MIN, or for a random time up to MAX"},
    {.name = "seed", .code = PRODUCER_SEED, .argument = "N", .help = "make --random and --delay repeatable"},
    {.name = "echo",
     .incidental = true,
     .code = PRODUCER_ECHO,
     .argument = "PREFIX",
     .help = "print PREFIX and each message on stdout once it is in the queue"},
    {.name = "on-full",
     .kind = OPTION_IS_CHOICE,
     AT(on_full),
     .argument = "HOW",
     .choices = "block fail drop", /* as enum on_full */
     .help =
         "when the queue is full: block (default), fail (exit 4) or drop the message. While all lanes are taken, "
         "block waits for one; fail and drop exit 4"},
    {.name = "timeout",
     .kind = OPTION_IS_DURATION,
     AT(timeout_ns),
     .argument = "DURATION",
     .help = "with block: exit 4 after DURATION without room or without a lane"},
    {.name = "priority",
     .code = PRODUCER_PRIORITY,
     .argument = "N",
     .choices = "0 1 2 3 4 5 6 7",
     .help = "set the priority of the messages, 0 (served first) to 7 (4)"},
    {.name = "header",
     .code = PRODUCER_HEADER,
     .argument = "HEADER",
     .help =
         "put the header 'NAME: VALUE' on every message; repeat the option for several. Consumers pass headers "
         "to the commands of --exec. They count towards the largest message"},
    {.name = "progress",
     .kind = OPTION_IS_FLAG,
     AT(progress),
     .help =
         "show a status line on stderr: messages in and out, rates, how full the lane is, how much is done where "
         "the size is known, and why nothing moves"},
    OPTION_PROGRESS_INTERVAL(AT(progress_interval_ns)),
    {.name = "supervised",
     .kind = OPTION_IS_FLAG,
     AT(common.supervised),
     .alone = true,
     .incidental = true,
     .help = "exit 78 instead of 1 if a restart would fail again, and leave advice about it to the supervisor"},
    {.name = NULL},
};

const struct option_section producer_flow_section = {.title = "Flow:", .entries = flow};

static const struct option_group groups[] = {
    {.section = &producer_source_section},
    {.section = &producer_framing_section},
    {.section = &producer_nats_section},
    {.section = &option_nats_section, AT(nats)},
    {.section = &producer_flow_section},
    {.section = &option_common_section, AT(common)},
    {.section = &option_creating_section, AT(common)},
    {.section = NULL},
};

const struct option_table producer_options = {
    .usage = "[OPTION...] [-- WORD...]",
    .purpose = "put messages into a queue",
    .summary =
        "Puts messages into a queue, by default one for each line of stdin. Creates the queue if it does not "
        "exist. Blocks while its lane of the queue is full. Messages stay in the queue when the producer ends or "
        "is killed.",
    .groups = groups,
    .ending =
        "Reports a wait for room after one second, and its end if it took more than ten; after that, reports only "
        "waits at least twice as long. -q hides these messages.\n\n"
        "Consumers of an unfinished stream exit 3 after their --grace. To complete the stream, run the same "
        "command again if it had --resume; otherwise run '{prefix}monitor finish NAME'.\n\n"
        "Exit status: 0 done, also after a first SIGINT or SIGTERM; 1 failed; 2 usage; 3 the queue was shut down; "
        "4 the queue was full, no lane was free, or --give-up passed; 5 queue damaged, removed, or of another "
        "version or size; "
        "128+N ended by a second signal N (the same signal again within 100 ms counts once). SIGUSR1 prints "
        "statistics. After a failure, all messages before it are in the queue, and the stream is left unfinished.",
    .examples = {{"{self} -Q jobs -- a.txt b.txt", "send two messages"},
                 {"tail -F app.log | {self} -Q log --on-full drop",
                  "send each line; drop lines while the queue is full"},
                 {"{self} -Q big --input big.csv --split 1/2 --resume",
                  "send the first half, beside a producer of 2/2; after a crash, the same command continues"}},
};
