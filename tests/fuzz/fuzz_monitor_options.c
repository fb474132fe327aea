/* SPDX-License-Identifier: MIT */
/* The monitor's command line: words with a NUL between them. */
#include "monitor/command_line.h"
#include "tests/fuzz/support/command_line.h"

static struct options options;

static void parse(int argc, char **argv)
{
    options_parse(&options, argc, argv);
}

/* Whether the verb is one of those in the list, which ends with VERBS. */
static bool is_one_of(enum monitor_verb verb, const enum monitor_verb *list)
{
    while (*list != VERBS && *list != verb)
        list++;
    return *list == verb && verb != VERBS;
}
#define ONE_OF(...) is_one_of(options.verb, (const enum monitor_verb[]){__VA_ARGS__, VERBS})

static void judge(void)
{
    const int verb = (int)options.verb;
    fuzz_require(options.verb < VERBS, "a verb that is none");
    fuzz_require(ONE_OF(VERB_TOP, VERB_METRICS, VERB_DOCTOR) || ONE_OF(VERB_LIST) == (options.queue == NULL),
                 "verb %d: with a queue or without", verb);
    fuzz_require(!options.force || ONE_OF(VERB_REMOVE, VERB_PURGE, VERB_SAVE), "verb %d: by force", verb);
    fuzz_require(!options.now || ONE_OF(VERB_SHUTDOWN), "verb %d: now", verb);
    fuzz_require(!options.empty || ONE_OF(VERB_WAIT), "verb %d: until empty", verb);
    fuzz_require(options.timeout_ns < 0 || ONE_OF(VERB_WAIT, VERB_KICK), "verb %d: with a timeout", verb);
    fuzz_require(options.lane == LANE_ANY || (ONE_OF(VERB_FINISH, VERB_PEEK) && options.lane < SHMQ_LANES_MAX),
                 "verb %d: of lane %u", verb, options.lane);
    fuzz_require(options.format != FORMAT_PROMETHEUS || ONE_OF(VERB_LIST, VERB_SHOW), "verb %d: metrics", verb);
    fuzz_require(options.watch_ns == 0 || (ONE_OF(VERB_LIST, VERB_SHOW) && options.watch_ns >= WATCH_MIN_NS),
                 "verb %d: watched", verb);
    fuzz_require(options.alert.count <= ALERT_CONDITIONS, "%zu conditions", options.alert.count);
    command_line_judge_ns(options.timeout_ns);
    command_line_judge_ns(options.watch_ns > 0 ? options.watch_ns : -1);
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
