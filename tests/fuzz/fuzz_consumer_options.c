/* SPDX-License-Identifier: MIT */
/* The consumer's command line: words with a NUL between them. */
#include <string.h>

#include "consumer/command_line.h"
#include "tests/fuzz/support/command_line.h"

static struct consumer_options options;

static void parse(int argc, char **argv)
{
    consumer_options_read(&options, argc, argv);
}

static void judge(void)
{
    const bool aimed = options.sink != SINK_STDOUT && options.sink != SINK_DISCARD;
    fuzz_require(!aimed || (options.target != NULL && options.target[0] != '\0'), "a sink without a target");
    fuzz_require(options.program == NULL || (options.sink == SINK_EXEC && options.program[0] == options.target),
                 "a program that is not run");
    fuzz_require(!options.direct || options.sink == SINK_EXEC, "a sink that is executed");
    fuzz_require(options.framing.prefix != NULL &&
                     options.framing.prefix_length == strlen(options.framing.prefix) &&
                     options.framing.prefix_length <= FRAMING_PREFIX_MAX,
                 "a prefix that is none");
    fuzz_require(options.common.shmq.prefetch >= 1, "a prefetch of nothing");
    fuzz_require(options.count == 0 || options.common.shmq.prefetch <= options.count,
                 "more prefetched than counted");
    fuzz_require(options.backoff_min_ns >= 0 && options.backoff_min_ns <= options.backoff_max_ns &&
                     options.work_ns[0] >= -1 && options.work_ns[0] <= options.work_ns[1],
                 "a range that is none");
    command_line_judge_ns(options.backoff_max_ns);
    command_line_judge_ns(options.work_ns[1]);
    command_line_judge_ns(options.idle_ns);
    command_line_judge_ns(options.exec_timeout_ns);
    command_line_judge_ns(options.common.shmq.grace_ns);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (command_line_run("consumer", data, size, parse)) {
        command_line_judge(&options.common);
        judge();
    }
    command_line_end();
    return 0;
}
