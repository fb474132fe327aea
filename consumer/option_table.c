/* SPDX-License-Identifier: MIT */
#include "consumer/option_table.h"

#include "common/cli/option_common.h"
#include "common/cli/option_nats.h"
#include "common/cli/progress.h"
#include "consumer/options.h"

#define AT(member) .at = offsetof(struct consumer_options, member)

static const struct option_entry sink[] = {
    {.name = "output",
     .code = SINK_OUTPUT,
     .argument = "FILE",
     .help =
         "append to FILE; \"-\" is stdout. Several consumers that share FILE write whole messages, but reorder "
         "them, even those of one producer (and so the bytes of --block or --raw); use one consumer or --mirror "
         "to keep the order. The next consumer removes what a killed one left unfinished. Fails if FILE is "
         "removed, replaced or truncated"},
    {.name = "mirror",
     .code = SINK_MIRROR,
     .argument = "PATTERN",
     .help =
         "write one file per lane, that is, per producer: byte for byte what it put, in order and exactly once, "
         "even if consumers are killed (and the producer, if it uses --resume). Overwrites existing files. In "
         "PATTERN, %l is the lane number and %% a percent sign"},
    {.name = "exec",
     .code = SINK_EXEC,
     .argument = "COMMAND",
     .help = "run COMMAND for each message, with the message on its stdin: by '/bin/sh -c' where it has anything "
             "that a shell may treat specially or is built into the shell, else its words as they are"},
    {.name = "pipe",
     .code = SINK_PIPE,
     .argument = "COMMAND",
     .help =
         "run '/bin/sh -c COMMAND' once and write all messages to its stdin. Once it has begun to read, a "
         "message is acknowledged when it is written to the pipe, before the command has processed it: what the "
         "command had not processed when it failed, was killed, or died with its machine is lost. See "
         "--pipe-ack"},
    {.name = "forward",
     .code = SINK_FORWARD,
     .argument = "QUEUE[,QUEUE...]",
     .help =
         "put each message into every QUEUE, exactly once even if consumers are killed, with its headers and, as "
         "Shmq-Id, its id; then acknowledge it. A QUEUE that is missing is made like this one. A full QUEUE holds "
         "up the others, too, once they have what was leased: see --forward-full. Do not forward in a circle"},
    {.name = "to",
     .code = SINK_NATS,
     .argument = "SERVERS",
     .help =
         "publish to NATS JetStream; SERVERS are HOST[:PORT] or nats:// URLs, separated by commas. Each message "
         "is stored in the stream exactly once, even if the connection, servers or the consumer fail. While no "
         "server can be reached, messages wait in the queue. Their headers are kept"},
    {.name = "discard", .code = SINK_DISCARD, .help = "acknowledge messages without writing them"},
    {.name = NULL},
};

const struct option_section consumer_sink_section = {.title = "Sink (at most one; default stdout):",
                                                     .entries = sink};

bool consumer_sink_is_framed(int code)
{
    return code == SINK_STDOUT || code == SINK_OUTPUT || code == SINK_PIPE || code == SINK_PIPE_ACK;
}

static const struct option_entry framing[] = {
    {.name = "delimiter",
     .letter = 'D',
     .code = CONSUMER_DELIMITER,
     .argument = "CHAR",
     .help = "write CHAR after each message: a character or \\n \\t \\r \\0 \\\\ \\xHH (newline); CHAR within a "
             "message is not escaped"},
    {.name = "null", .letter = '0', .code = CONSUMER_NULL, .help = "same as -D '\\0'"},
    {.name = "length-prefixed",
     .code = CONSUMER_LENGTH_PREFIXED,
     .help = "write a 32-bit big-endian length before each message"},
    {.name = "raw", .code = CONSUMER_RAW, .help = "write the messages without any framing"},
    {.name = "prefix",
     .code = CONSUMER_PREFIX,
     .incidental = true,
     .argument = "TEXT",
     .help = "write TEXT before each message"},
    {.name = NULL},
};

const struct option_section consumer_framing_section = {
    .title = "Framing (stdout, --output, --pipe, --batch):",
    .entries = framing,
};

static const struct option_entry command[] = {
    {.name = "pipe-ack",
     .kind = OPTION_IS_FLAG,
     AT(pipe_ack),
     .help = "the command of --pipe answers each message with a line on its stdout, in order: ok acknowledges it, "
             "retry is a failed attempt, dead gives it up at once; a reason may follow after a blank. Up to "
             "--prefetch N messages (64) wait for their answers"},
    {.name = "jobs",
     .letter = 'j',
     .code = CONSUMER_JOBS,
     .incidental = true,
     .argument = "N",
     .help = "run up to N commands at once (1). Each needs a seat of the queue: if fewer are free, as many run at "
             "once as there are"},
    {.name = "batch",
     .code = CONSUMER_BATCH,
     .argument = "N[:WAIT]",
     .help = "give a command up to N messages of one producer at once, in order: what is there, or, with WAIT, "
             "what has come when there are N, WAIT has passed, or no more can come. They come on stdin, framed"},
    {.name = "batch-ids",
     .kind = OPTION_IS_FLAG,
     AT(batch_ids),
     .help = "write each message's id and a tab before it, within its frame"},
    {.name = "batch-whole",
     .kind = OPTION_IS_FLAG,
     AT(batch_whole),
     .help = "do not split a batch that fails: retry and give up all of it. --count ends after a whole batch"},
    {.name = "retries",
     .code = CONSUMER_RETRIES,
     .argument = "N",
     .help = "retry up to N times after a failed first attempt (3)"},
    {.name = "backoff",
     .code = CONSUMER_BACKOFF,
     .argument = "MIN[:MAX]",
     .help = "pause before a retry; doubles from MIN to MAX (100ms:30s)"},
    {.name = "aside",
     .code = CONSUMER_ASIDE,
     .incidental = true,
     .argument = "N",
     .help = "during the pause, put the message aside and go on with others, unless N messages of the queue wait "
             "aside already (64), or all but a quarter of its --seats, of which each takes one; 0: never"},
    {.name = "in-order",
     .code = CONSUMER_IN_ORDER,
     .incidental = true,
     .help = "put no message aside: wait with it during the pause, so that those behind it do not overtake it; "
             "not with --jobs"},
    {.name = "exec-timeout",
     .code = CONSUMER_EXEC_TIMEOUT,
     .argument = "DURATION",
     .help = "end a command that takes longer than DURATION, with --pipe-ack for an answer (none)"},
    {.name = "kill-after",
     .code = CONSUMER_KILL_AFTER,
     .argument = "DURATION",
     .help = "to end a command, after --exec-timeout or --grace, send SIGTERM to its process group, and SIGKILL "
             "after DURATION (1s)"},
    {.name = "dead-letter",
     .code = CONSUMER_DEAD_LETTER,
     .argument = "QUEUE",
     .help =
         "move messages that are given up, and those too long for a queue of --forward, to QUEUE (NAME.dead; for "
         "a queue that ends in .dead: none). It is made when needed, like the queue itself, with room for the "
         "history. While it is full, the consumer waits. \"none\": the consumer exits 1 instead, and the message "
         "stays"},
    {.name = "max-failures",
     .code = CONSUMER_MAX_FAILURES,
     .argument = "N",
     .help = "after N messages were given up, start no more: commands that run finish, and the consumer exits 6"},
    {.name = NULL},
};

const struct option_section consumer_command_section = {
    .title = "Commands (--exec, -- PROGRAM, --pipe with --pipe-ack):",
    .text =
        "-- PROGRAM [ARG...] runs a program for each message, never through a shell. {} in an ARG, also in a part "
        "of it, is replaced by the message, and stdin is empty then; without {}, the message comes on stdin. A "
        "message that cannot be an argument (a NUL byte, or too long) is a failed attempt. Do not put {} into a "
        "text that PROGRAM executes, such as that of sh -c: pass it as \"$1\".\n\n"
        "The command's exit status 0 acknowledges the message, 75 retries it later without counting an attempt, "
        "65 gives up at once. Any other status, a signal or the timeout is a failed attempt, and so is the death "
        "of the consumer while it has the message. After more than --retries N failed attempts, whoever made "
        "them, the message is given up: it goes to the dead-letter queue, with its history in the headers "
        "Shmq-Id, "
        "Shmq-Attempts, Shmq-Reason, Shmq-First, Shmq-Last (times) and Shmq-Queue, and the consumer goes on. Give "
        "all consumers of a queue the same --retries and --dead-letter. The command's environment has SHMQ_QUEUE, "
        "SHMQ_ID (the same at each delivery), SHMQ_ATTEMPT (1 is the first), SHMQ_REDELIVERED (1: delivered "
        "before), SHMQ_LANE, and SHMQ_HEADER_NAME for each header of the message (its name in capitals, _ for "
        "other characters).\n\n"
        "With --pipe-ack, the command must answer each message before it waits for the next one, and flush its "
        "output. If it ends, its oldest message without an answer has failed; the others count no attempt. It is "
        "started again after the pause of --backoff, and gets them one at a time. A message that contains the "
        "delimiter is given up. Anything but an answer, or one answer too many, ends the command, and the "
        "consumer "
        "exits 1; so does a command that fails when it has answered everything. In the environment, it has "
        "SHMQ_QUEUE.\n\n"
        "With --batch, a command has its messages on stdin, framed, even if there is only one. The environment "
        "describes the first, and SHMQ_BATCH is their number. Status 0 acknowledges all, and 75 retries all "
        "later. Any other end is a failed attempt of each, and so is the death of the consumer; then they are "
        "tried one by one. Alone and in batches together, a message is executed at most N + 1 times (--retries "
        "N), so with --retries 0, a batch that fails is given up. Meanwhile the messages keep their room in the "
        "lane.",
    .entries = command,
};

static const struct option_entry command_output[] = {
    {.name = "grouped",
     .code = CONSUMER_GROUPED,
     .incidental = true,
     .help = "keep what a command prints, and write it in one turn when the command has ended (the default with "
             "--jobs 2 or more; --group without NAME is the same)"},
    {.name = "line-buffer",
     .code = CONSUMER_LINE_BUFFER,
     .incidental = true,
     .help = "write what a command prints by whole lines, as they come"},
    {.name = "ungroup",
     .code = CONSUMER_UNGROUPED,
     .incidental = true,
     .help =
         "let commands write to the consumer's own stdout and stderr; what several print at the same time mixes, "
         "even within lines (the default with one job)"},
    {.name = "tag",
     .kind = OPTION_IS_FLAG,
     AT(tagged),
     .incidental = true,
     .help = "begin each line that a command prints with the message's first line and a tab; if that is empty or "
             "not text, with the message's id. Implies --grouped unless --line-buffer is given"},
    {.name = "results",
     .kind = OPTION_IS_TEXT,
     AT(results),
     .incidental = true,
     .argument = "DIR",
     .help = "store each command's output also in DIR/ID/stdout and DIR/ID/stderr, and how it ended in "
             "DIR/ID/status; ID is the message's id. A later attempt at the message replaces them in one step. "
             "Implies --grouped unless --line-buffer is given"},
    {.name = "joblog",
     .kind = OPTION_IS_TEXT,
     AT(job_log),
     .incidental = true,
     .argument = "FILE",
     .help = "append a line to FILE for each command that has ended, in the form of GNU parallel's --joblog, with "
             "the columns Attempt and Id at the end. Several consumers may share FILE"},
    {.name = NULL},
};

const struct option_section consumer_command_output_section = {
    .title = "Output of commands:",
    .text =
        "With --grouped and --line-buffer, commands that run at the same time, of this consumer and of others "
        "that share its stdout or stderr, do not mix within a turn. Up to 1 MiB for each of a command's stdout "
        "and stderr is kept in memory, the rest in an unnamed file in $TMPDIR (/tmp). What processes left "
        "behind by a command print after its end is lost. Output, results and log are written before the "
        "message is acknowledged: if one of them cannot be written, the message stays in the queue, and the "
        "consumer ends with 1. So the output of a message that is delivered again can be there twice.",
    .entries = command_output,
};

static const struct option_entry nats[] = {
    {.name = "subject",
     .kind = OPTION_IS_TEXT,
     AT(nats_subject),
     .argument = "SUBJECT",
     .help = "publish under SUBJECT; {lane} in it is the number of the message's lane"},
    {.name = "window",
     .kind = OPTION_IS_COUNT32,
     .min = 1,
     .max = SHMQ_PREFETCH_MAX,
     AT(nats_window),
     .incidental = true,
     .argument = "N",
     .help = "lease and publish up to N messages before the first is acknowledged (4096)"},
    {.name = "order",
     .kind = OPTION_IS_CHOICE,
     AT(nats_order),
     .argument = "HOW",
     .choices = "strict none", /* as enum nats_order */
     .help = "strict (default): the stream has the messages of a lane in their order, and this consumer should be "
             "the only one that writes to it; none: a message that is published again may come behind later ones"},
    {.name = "ack-timeout",
     .kind = OPTION_IS_DURATION,
     AT(nats_ack_timeout_ns),
     .incidental = true,
     .argument = "DURATION",
     .help = "publish again what is not acknowledged after DURATION (5s)"},
    {.name = NULL},
};

const struct option_section consumer_nats_section = {
    .title = "NATS (--to):",
    .text = "A message that the server refuses because of its length goes to the --dead-letter queue.",
    .entries = nats,
};

static const struct option_entry flow[] = {
    {.name = "work",
     .kind = OPTION_IS_RANGE,
     AT(work_ns),
     .argument = "DURATION[:MAX]",
     .help = "simulate work on each message for DURATION, or for a random time up to MAX"},
    {.name = "count",
     .kind = OPTION_IS_COUNT,
     AT(count),
     .alone = true,
     .argument = "N",
     .help = "end after N messages (0: no limit); exit 3 if the stream ends first, 4 if --idle expires first"},
    {.name = "rate",
     .kind = OPTION_IS_RATE,
     AT(rate),
     .alone = true,
     .incidental = true,
     .argument = "N",
     .help = "start, or deliver, at most N messages per second. Batches are no larger than that allows, "
             "except with --batch-whole"},
    {.name = "forward-full",
     .code = CONSUMER_FORWARD_FULL,
     .argument = "drop:QUEUE",
     .help = "drop messages of --forward for which QUEUE has no room, instead of waiting; may be repeated. Their "
             "number is reported, and the other queues get them"},
    {.name = "prefetch",
     .kind = OPTION_IS_COUNT32,
     .min = 1,
     .max = SHMQ_PREFETCH_MAX,
     AT(common.shmq.prefetch),
     .argument = "N",
     .help = "lease up to N messages at a time (1 with --exec, -- PROGRAM or --work, 64 with --pipe-ack, else "
             "1024)"},
    {.name = "follow",
     .kind = OPTION_IS_FLAG,
     AT(common.shmq.follow),
     .help = "do not end when all producers have finished"},
    {.name = "idle",
     .kind = OPTION_IS_DURATION,
     AT(idle_ns),
     .argument = "DURATION",
     .help = "end after DURATION without a message, but not while messages wait aside for a retry; exit 4 if none "
             "arrived at all"},
    {.name = "grace",
     .kind = OPTION_IS_DURATION,
     AT(common.shmq.grace_ns),
     .alone = true,
     .incidental = true,
     .argument = "DURATION",
     .help = "wait DURATION for a dead producer to be resumed before ending; after INT or TERM, let running "
             "commands go on for DURATION, then end them and give their messages back (5s)"},
    {.name = "producers",
     .kind = OPTION_IS_COUNT32,
     .min = 1,
     AT(common.shmq.producers),
     .alone = true,
     .argument = "N",
     .help = "do not end before N producers have finished (1)"},
    {.name = "progress",
     .kind = OPTION_IS_FLAG,
     AT(progress),
     .help =
         "show a status line on stderr: messages in and out, rates, how full the queue is, how much is done where "
         "the size is known, and why nothing moves"},
    OPTION_PROGRESS_INTERVAL(AT(progress_interval_ns)),
    {.name = "supervised",
     .kind = OPTION_IS_FLAG,
     AT(common.supervised),
     .alone = true,
     .incidental = true,
     .help = "exit 78 instead of 1 if a restart would fail again, 79 instead of 6 after --max-failures, and leave "
             "advice about it to the supervisor"},
    {.name = NULL},
};

const struct option_section consumer_flow_section = {.title = "Flow:", .entries = flow};

static const struct option_group groups[] = {
    {.section = &consumer_sink_section},
    {.section = &consumer_framing_section},
    {.section = &consumer_command_section},
    {.section = &consumer_command_output_section},
    {.section = &consumer_nats_section},
    {.section = &option_nats_section, AT(nats)},
    {.section = &consumer_flow_section},
    {.section = &option_common_section, AT(common)},
    {.section = &option_creating_section, AT(common)},
    {.section = NULL},
};

const struct option_table consumer_options = {
    .usage = "[OPTION...] [-- PROGRAM [ARG...]]",
    .purpose = "deliver the messages of a queue to a sink",
    .summary =
        "Delivers the messages of a queue to a sink: by default, one per line to stdout. Acknowledges a message "
        "once the sink has it; if the consumer dies before that, the message is delivered again. Waits for the "
        "queue to appear. Ends when all producers have finished and all messages are acknowledged.",
    .groups = groups,
    .ending =
        "Reports a wait for messages after one second, and its end if it took more than ten; after that, reports "
        "only waits at least twice as long. -q hides these messages.\n\n"
        "Exit status: 0 done, also after a first SIGINT or SIGTERM; 1 failed; 2 usage; 3 the queue was shut down, "
        "a producer died before finishing, or the stream ended before --count (restart the producer with "
        "--resume, or run '{prefix}monitor finish NAME', to complete its stream); 4 --idle expired before any "
        "message, or before --count, or --give-up; 5 queue damaged, removed, or of another version or size; 6 all "
        "else was "
        "done, but messages were given up and are in the dead-letter queue; 128+N ended by a second signal N (the "
        "same signal again within 100 ms counts once). SIGUSR1 prints statistics.",
    .examples = {{"{self} -Q log --output all.log", "append all messages to one file"},
                 {"{self} -Q jobs --retries 5 -- gzip -k {}", "run one program per message"},
                 {"{self} -Q jobs --follow | jq .", "print messages until Ctrl-C"}},
    /* GNU parallel's name, which the creating option has, too */
    .bare = "group",
    .other = "grouped",
};
