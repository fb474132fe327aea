/* SPDX-License-Identifier: MIT */
/* The monitor's command line: words with a NUL between them. */
#include "monitor/command_line.h"
#include "tests/fuzz/support/command_line.h"

static struct options options;

static void parse(int argc, char **argv)
{
    options_parse(&options, argc, argv);
}

static void judge(void)
{
    const enum monitor_verb verb = options.verb;
    fuzz_require(verb < VERBS, "a verb that is none");
    fuzz_require((verb == VERB_LIST) == (options.queue == NULL), "verb %d: with a queue or without", (int)verb);
    fuzz_require(!options.force || verb == VERB_REMOVE, "verb %d: by force", (int)verb);
    fuzz_require(!options.now || verb == VERB_SHUTDOWN, "verb %d: now", (int)verb);
    fuzz_require(!options.empty || verb == VERB_WAIT, "verb %d: until empty", (int)verb);
    fuzz_require(options.timeout_ns < 0 || verb == VERB_WAIT, "verb %d: with a timeout", (int)verb);
    fuzz_require(options.lane == LANE_ANY || (verb == VERB_FINISH && options.lane < SHMQ_LANES_MAX),
                 "verb %d: of lane %u", (int)verb, options.lane);
    fuzz_require(options.format == FORMAT_TABLE || verb == VERB_LIST || verb == VERB_SHOW,
                 "verb %d: with a format", (int)verb);
    command_line_judge_ns(options.timeout_ns);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (command_line_run("monitor", data, size, parse)) {
        command_line_judge(&options.common);
        judge();
    }
    command_line_end();
    return 0;
}
