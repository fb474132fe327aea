/* SPDX-License-Identifier: MIT */
/* The monitor's command line: words with a NUL between them. */
#include <string.h>

#include "monitor/options.h"
#include "tests/fuzz/support/command_line.h"

static const struct verb verbs[] = {
    {"list", false, VERB_FORMAT, NULL},
    {"show", true, VERB_FORMAT, NULL},
    {"wait", true, VERB_EMPTY | VERB_TIMEOUT, NULL},
    {"shutdown", true, VERB_NOW, NULL},
    {"remove", true, VERB_FORCE, NULL},
    {NULL, false, 0, NULL},
};

static struct options options;
static const struct verb *verb;

static void parse(int argc, char **argv)
{
    verb = options_parse(&options, verbs, argc, argv);
}

static void judge(void)
{
    fuzz_require(verb >= verbs && verb < verbs + 5 && strcmp(verb->name, options.verb) == 0,
                 "a verb that is none");
    fuzz_require(verb->takes_queue == (options.queue != NULL), "%s: with a queue or without", verb->name);
    fuzz_require(!options.force || (verb->allowed & VERB_FORCE) != 0, "%s: by force", verb->name);
    fuzz_require(!options.now || (verb->allowed & VERB_NOW) != 0, "%s: now", verb->name);
    fuzz_require(!options.empty || (verb->allowed & VERB_EMPTY) != 0, "%s: until empty", verb->name);
    fuzz_require(options.format == FORMAT_TABLE || (verb->allowed & VERB_FORMAT) != 0, "%s: with a format",
                 verb->name);
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
