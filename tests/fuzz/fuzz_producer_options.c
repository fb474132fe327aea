/* SPDX-License-Identifier: MIT */
/* The producer's command line: words with a NUL between them. */
#include <stdlib.h>
#include <string.h>

#include "producer/command_line.h"
#include "tests/fuzz/support/command_line.h"

/* What was allocated when a program exits needs nobody to free it. */
int __lsan_is_turned_off(void);
int __lsan_is_turned_off(void)
{
    return 1;
}

static struct options options;

static void parse(int argc, char **argv)
{
    options_parse(&options, argc, argv);
}

static void judge_source(void)
{
    fuzz_require(options.source != SOURCE_INPUTS || options.input_count > 0, "no input");
    fuzz_require(options.source == SOURCE_INPUTS || !options.input_given, "inputs besides another source");
    for (size_t i = 0; i < options.input_count; i++)
        fuzz_require(options.inputs[i] != NULL && options.inputs[i][0] != '\0', "an input without a name");
    fuzz_require((options.source == SOURCE_LISTEN) == (options.listen_count > 0),
                 "sockets besides another source");
    for (size_t i = 0; i < options.listen_count; i++)
        fuzz_require(options.listens[i].path[0] != '\0' && strlen(options.listens[i].path) <= LISTEN_PATH_MAX,
                     "a socket that cannot be");
    fuzz_require(options.listen_mode >= -1 && options.listen_mode <= 0777, "a mode of %d", options.listen_mode);
    for (size_t i = 0; i < options.word_count; i++)
        fuzz_require(options.words[i] != NULL, "fewer words than it says");
    fuzz_require(options.split_part >= 1 && options.split_part <= options.split_parts &&
                     options.split_parts <= 1000000,
                 "part %ju of %ju", (uintmax_t)options.split_part, (uintmax_t)options.split_parts);
    fuzz_require(options.framing != FRAMING_BLOCK ||
                     (options.block_bytes >= 1 && options.block_bytes <= UINT64_C(64) << 30),
                 "blocks of %ju", (uintmax_t)options.block_bytes);
}

static void judge_flow(void)
{
    fuzz_require(options.rate == 0 || (options.rate >= 1e-6 && options.rate <= 1e9), "a rate of %g", options.rate);
    fuzz_require(options.rate == 0 || options.delay_ns[0] < 0, "a rate and a delay");
    fuzz_require(options.delay_ns[0] >= -1 && options.delay_ns[0] <= options.delay_ns[1], "a delay that is none");
    command_line_judge_ns(options.delay_ns[1]);
    command_line_judge_ns(options.timeout_ns);
    fuzz_require(options.on_full <= ON_FULL_DROP, "a policy that is none");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    memset(&options, 0, sizeof(options));
    if (command_line_run("producer", data, size, parse)) {
        command_line_judge(&options.common);
        judge_source();
        judge_flow();
    }
    options_free(&options);
    command_line_end();
    return 0;
}
