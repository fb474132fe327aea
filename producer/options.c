/* SPDX-License-Identifier: MIT */
#include "producer/options.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/cli/parse.h"
#include "common/cli/say.h"

enum {
    OPTION_INPUT = OPTION_OWN,
    OPTION_RANDOM,
    OPTION_LENGTH_PREFIXED,
    OPTION_BLOCK,
    OPTION_WHOLE,
    OPTION_SPLIT,
    OPTION_RESUME,
    OPTION_COUNT,
    OPTION_RATE,
    OPTION_DELAY,
    OPTION_SEED,
    OPTION_ECHO,
    OPTION_ON_FULL,
    OPTION_TIMEOUT,
    OPTION_PRIORITY,
    OPTION_PROGRESS,
};

/* With '+', the first word that is no option ends them: it must have stood behind "--". */
static const char short_options[] = "+" OPTIONS_COMMON_SHORT "D:0";

static const struct option long_options[] = {
    OPTIONS_COMMON_LONG,
    {"input", required_argument, NULL, OPTION_INPUT},
    {"random", no_argument, NULL, OPTION_RANDOM},
    {"delimiter", required_argument, NULL, 'D'},
    {"null", no_argument, NULL, '0'},
    {"length-prefixed", no_argument, NULL, OPTION_LENGTH_PREFIXED},
    {"block", required_argument, NULL, OPTION_BLOCK},
    {"whole", no_argument, NULL, OPTION_WHOLE},
    {"split", required_argument, NULL, OPTION_SPLIT},
    {"resume", no_argument, NULL, OPTION_RESUME},
    {"count", required_argument, NULL, OPTION_COUNT},
    {"rate", required_argument, NULL, OPTION_RATE},
    {"delay", required_argument, NULL, OPTION_DELAY},
    {"seed", required_argument, NULL, OPTION_SEED},
    {"echo", required_argument, NULL, OPTION_ECHO},
    {"on-full", required_argument, NULL, OPTION_ON_FULL},
    {"timeout", required_argument, NULL, OPTION_TIMEOUT},
    {"priority", required_argument, NULL, OPTION_PRIORITY},
    {"progress", no_argument, NULL, OPTION_PROGRESS},
    {NULL, 0, NULL, 0},
};

const char *input_label(const char *path)
{
    return strcmp(path, "-") == 0 ? "standard input" : path;
}

static void take_framing(struct options *options, enum framing framing, const char *name)
{
    if (options->framing_given != NULL)
        options_usage("%s and %s: only one framing can be given", options->framing_given, name);
    options->framing = framing;
    options->framing_given = name;
}

static void take_delimiter(struct options *options, const char *argument)
{
    take_framing(options, FRAMING_DELIMITER, "--delimiter");
    if (parse_delimiter(argument, &options->delimiter) != 0)
        options_bad("delimiter", argument, "not one byte (a character, or \\n \\t \\r \\0 \\\\ \\xHH)");
}

static void take_block(struct options *options, const char *argument)
{
    take_framing(options, FRAMING_BLOCK, "--block");
    if (parse_size(argument, &options->block_bytes) != 0)
        options_bad("block", argument, "not a size (bytes, or K, M, G)");
    if (options->block_bytes == 0 || options->block_bytes > UINT64_C(64) << 30)
        options_bad("block", argument, "out of range (1 to 64G)");
}

static void take_split(struct options *options, const char *argument)
{
    static const char allowed[] = "not a part (I/N, with I from 1 to N, N at most 1000000)";
    char *text = strdup(argument);
    if (text == NULL)
        options_usage("--split: out of memory");
    char *slash = strchr(text, '/');
    if (slash == NULL)
        options_bad("split", argument, allowed);
    *slash = '\0';
    if (parse_count(slash + 1, 1, 1000000, &options->split_parts) != 0 ||
        parse_count(text, 1, options->split_parts, &options->split_part) != 0)
        options_bad("split", argument, allowed);
    free(text);
    options->split_given = true;
}

static void take_duration(const char *name, const char *argument, int64_t *value_ns)
{
    if (parse_duration(argument, value_ns) != 0)
        options_bad(name, argument, "not a duration (like 500ms, 2s or 5m)");
}

static uint64_t take_count(const char *name, const char *argument, uint64_t max, const char *allowed)
{
    uint64_t value = 0;
    if (parse_count(argument, 0, max, &value) != 0)
        options_bad(name, argument, allowed);
    return value;
}

static void take_on_full(struct options *options, const char *argument)
{
    static const char *const names[] = {
        [ON_FULL_BLOCK] = "block", [ON_FULL_FAIL] = "fail", [ON_FULL_DROP] = "drop"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(argument, names[i]) == 0) {
            options->on_full = (enum on_full)i;
            return;
        }
    }
    options_bad("on-full", argument, "not a policy (block, fail or drop)");
}

static void take_input(struct options *options, const char *argument)
{
    if (argument[0] == '\0')
        options_bad("input", "''", "no file's name (\"-\" is stdin)");
    options->inputs[options->input_count++] = argument;
    options->input_given = true;
}

static void take_flow_option(struct options *options, int code, const char *argument)
{
    switch (code) {
    case OPTION_COUNT:
        options->count = take_count("count", argument, UINT64_MAX, "not a number (0 for no limit)");
        break;
    case OPTION_RATE:
        if (parse_rate(argument, &options->rate) != 0)
            options_bad("rate", argument, "not a rate (messages a second, above 0, at most 1000000000)");
        break;
    case OPTION_DELAY:
        if (parse_duration_range(argument, &options->delay_min_ns, &options->delay_max_ns) != 0)
            options_bad("delay", argument, "not a pause (MIN or MIN:MAX, like 100ms or 0:2s)");
        options->delay_given = true;
        break;
    case OPTION_SEED:
        options->seed = take_count("seed", argument, UINT64_MAX, "not a number (0 to 18446744073709551615)");
        options->seed_given = true;
        break;
    case OPTION_ECHO:
        options->echo = argument;
        break;
    case OPTION_ON_FULL:
        take_on_full(options, argument);
        break;
    case OPTION_TIMEOUT:
        take_duration("timeout", argument, &options->timeout_ns);
        break;
    case OPTION_PRIORITY:
        options->common.shmq.priority_plus1 =
            1 + (uint32_t)take_count("priority", argument, SHMQ_PRIORITIES - 1, "not a priority (0 to 7)");
        break;
    case OPTION_PROGRESS:
        options->progress = true;
        break;
    default:
        options_take_common(&options->common, code, argument, producer_help);
    }
}

static void take_option(struct options *options, int code, const char *argument)
{
    switch (code) {
    case OPTION_INPUT:
        take_input(options, argument);
        break;
    case OPTION_RANDOM:
        options->random_given = true;
        break;
    case 'D':
        take_delimiter(options, argument);
        break;
    case '0':
        take_framing(options, FRAMING_DELIMITER, "--null");
        options->delimiter = '\0';
        break;
    case OPTION_LENGTH_PREFIXED:
        take_framing(options, FRAMING_LENGTH32, "--length-prefixed");
        break;
    case OPTION_BLOCK:
        take_block(options, argument);
        break;
    case OPTION_WHOLE:
        take_framing(options, FRAMING_WHOLE, "--whole");
        break;
    case OPTION_SPLIT:
        take_split(options, argument);
        break;
    case OPTION_RESUME:
        options->resume = true;
        break;
    case 'V': /* after the other options, so that it also tells whether they are right */
        options->version = true;
        break;
    default:
        take_flow_option(options, code, argument);
    }
}

static void choose_source(struct options *options, bool words_given)
{
    if (options->input_given && options->random_given)
        options_usage("--input and --random: only one source can be given");
    if (words_given && (options->input_given || options->random_given))
        options_usage("%s and words after --: only one source can be given",
                      options->input_given ? "--input" : "--random");
    if (options->random_given)
        options->source = SOURCE_RANDOM;
    else if (words_given)
        options->source = SOURCE_WORDS;
    else if (!options->input_given)
        options->inputs[options->input_count++] = "-";
}

static void check_source(const struct options *options)
{
    if (options->source != SOURCE_INPUTS && options->framing != FRAMING_DELIMITER)
        options_usage("%s: only for inputs (not with --random or words)", options->framing_given);
    if (options->split_given && !options->input_given)
        options_usage("--split: needs --input FILE");
    if (options->resume && !options->input_given)
        options_usage("--resume: needs --input FILE");
    for (size_t i = 0; i < options->input_count; i++) {
        const char *path = options->inputs[i];
        if ((options->split_given || options->resume) && path != NULL && strcmp(path, "-") == 0)
            options_usage("%s: standard input cannot be read from the middle (use --input FILE)",
                          options->resume ? "--resume" : "--split");
    }
    if (options->split_given && (options->framing == FRAMING_LENGTH32 || options->framing == FRAMING_WHOLE))
        options_usage("--split and %s: messages cannot be found from the middle of a file",
                      options->framing_given);
}

static void check_flow(const struct options *options)
{
    if (options->rate > 0 && options->delay_given)
        options_usage("--rate and --delay: only one of them can be given");
    if (options->timeout_ns >= 0 && options->on_full != ON_FULL_BLOCK)
        options_usage("--timeout: only with --on-full block");
    if (options->resume && options->on_full == ON_FULL_DROP)
        options_usage("--resume and --on-full drop: what was dropped could not be told from what is to come");
    uint64_t max = options->common.shmq.max_message_bytes;
    if (options->framing == FRAMING_BLOCK && max != 0 && options->block_bytes > max)
        options_usage("--block: larger than --max-message");
}

void options_parse(struct options *options, int argc, char **argv)
{
    *options = (struct options){.delimiter = '\n', .timeout_ns = -1, .split_part = 1, .split_parts = 1};
    options_init(&options->common);
    options->inputs = calloc((size_t)argc + 1, sizeof(*options->inputs));
    if (options->inputs == NULL)
        options_usage("out of memory");
    int before = 1;
    int code;
    while ((code = getopt_long(argc, argv, short_options, long_options, NULL)) != -1) {
        take_option(options, code, optarg);
        before = optind;
    }
    bool words_given = optind > before; /* getopt has stepped over "--" */
    if (!words_given && optind < argc)
        options_usage("%s: unexpected argument (words to be sent go behind --, files behind --input)",
                      argv[optind]);
    options->words = argv + optind;
    options->word_count = words_given ? (size_t)(argc - optind) : 0;
    choose_source(options, words_given);
    check_source(options);
    check_flow(options);
    options_finish(&options->common);
    if (options->version)
        options_take_common(&options->common, 'V', NULL, producer_help);
}

void options_free(struct options *options)
{
    free(options->inputs);
    options->inputs = NULL;
}
