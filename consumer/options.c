/* SPDX-License-Identifier: MIT */
#include "consumer/options.h"

#include <stdio.h>
#include <string.h>

#include "common/cli/parse.h"
#include "common/cli/say.h"
#include "consumer/command_word.h"
#include "consumer/pattern.h"

#define PREFETCH_COPYING 1024
#define PREFETCH_SLOW 1
#define RETRIES_MAX 1000000

enum own_code {
    OPTION_OUTPUT = OPTION_OWN,
    OPTION_MIRROR,
    OPTION_EXEC,
    OPTION_PIPE,
    OPTION_DISCARD,
    OPTION_LENGTH_PREFIXED,
    OPTION_RAW,
    OPTION_PREFIX,
    OPTION_RETRIES,
    OPTION_BACKOFF,
    OPTION_EXEC_TIMEOUT,
    OPTION_WORK,
    OPTION_COUNT,
    OPTION_PREFETCH,
    OPTION_FOLLOW,
    OPTION_IDLE,
    OPTION_GRACE,
    OPTION_PRODUCERS,
    OPTION_PROGRESS,
};

static const char short_options[] = OPTIONS_COMMON_SHORT "D:0";

static const struct option long_options[] = {
    OPTIONS_COMMON_LONG,
    {"output", required_argument, NULL, OPTION_OUTPUT},
    {"mirror", required_argument, NULL, OPTION_MIRROR},
    {"exec", required_argument, NULL, OPTION_EXEC},
    {"pipe", required_argument, NULL, OPTION_PIPE},
    {"discard", no_argument, NULL, OPTION_DISCARD},
    {"delimiter", required_argument, NULL, 'D'},
    {"null", no_argument, NULL, '0'},
    {"length-prefixed", no_argument, NULL, OPTION_LENGTH_PREFIXED},
    {"raw", no_argument, NULL, OPTION_RAW},
    {"prefix", required_argument, NULL, OPTION_PREFIX},
    {"retries", required_argument, NULL, OPTION_RETRIES},
    {"backoff", required_argument, NULL, OPTION_BACKOFF},
    {"exec-timeout", required_argument, NULL, OPTION_EXEC_TIMEOUT},
    {"work", required_argument, NULL, OPTION_WORK},
    {"count", required_argument, NULL, OPTION_COUNT},
    {"prefetch", required_argument, NULL, OPTION_PREFETCH},
    {"follow", no_argument, NULL, OPTION_FOLLOW},
    {"idle", required_argument, NULL, OPTION_IDLE},
    {"grace", required_argument, NULL, OPTION_GRACE},
    {"producers", required_argument, NULL, OPTION_PRODUCERS},
    {"progress", no_argument, NULL, OPTION_PROGRESS},
    {NULL, 0, NULL, 0},
};

/* What was given, to find what does not go together. Each is the option's name, or NULL. */
struct given {
    const char *sink;
    const char *framing;
    const char *prefix;
    const char *exec_only;
};

static void take_sink(struct consumer_options *options, struct given *given, enum sink_kind sink, const char *name)
{
    if (given->sink && strcmp(given->sink, name) == 0)
        options_usage("%s: given twice", name);
    if (given->sink)
        options_usage("%s and %s: only one sink can be given", given->sink, name);
    given->sink = name;
    options->sink = sink;
    options->target = optarg;
    if (sink != SINK_DISCARD && *optarg == '\0')
        options_bad(name, optarg, "not empty");
    if (sink == SINK_OUTPUT && strcmp(optarg, "-") == 0)
        options->sink = SINK_STDOUT;
}

static void take_framing(struct consumer_options *options, struct given *given, enum framing_kind kind,
                         const char *name)
{
    if (given->framing && strcmp(given->framing, name) != 0)
        options_usage("%s and %s: only one framing can be given", given->framing, name);
    given->framing = name;
    options->framing.kind = kind;
}

static void take_delimiter(struct consumer_options *options, struct given *given)
{
    take_framing(options, given, FRAMING_DELIMITER, "--delimiter");
    if (parse_delimiter(optarg, &options->framing.delimiter) < 0)
        options_bad("--delimiter", optarg, "one byte: a character or \\n \\t \\r \\0 \\\\ \\xHH");
}

static void take_prefix(struct consumer_options *options, struct given *given)
{
    options->framing.prefix = optarg;
    options->framing.prefix_length = strlen(optarg);
    if (options->framing.prefix_length > FRAMING_PREFIX_MAX)
        options_usage("--prefix: longer than %d bytes", FRAMING_PREFIX_MAX);
    given->prefix = "--prefix";
}

static uint64_t take_count(const char *name, uint64_t min, uint64_t max)
{
    char allowed[80];
    uint64_t value;

    if (parse_count(optarg, min, max, &value) < 0) {
        snprintf(allowed, sizeof(allowed), "a whole number from %llu to %llu", (unsigned long long)min,
                 (unsigned long long)max);
        options_bad(name, optarg, allowed);
    }
    return value;
}

static int64_t take_duration(const char *name)
{
    int64_t value;

    if (parse_duration(optarg, &value) < 0)
        options_bad(name, optarg, "a duration such as 500ms, 10s or 2m");
    return value;
}

static void take_range(const char *name, int64_t *min_ns, int64_t *max_ns)
{
    if (parse_duration_range(optarg, min_ns, max_ns) < 0)
        options_bad(name, optarg, "MIN or MIN:MAX, durations such as 100ms or 2s, MAX not below MIN");
}

static bool take_sink_option(struct consumer_options *options, struct given *given, int code)
{
    switch (code) {
    case OPTION_OUTPUT:
        take_sink(options, given, SINK_OUTPUT, "--output");
        return true;
    case OPTION_MIRROR:
        take_sink(options, given, SINK_MIRROR, "--mirror");
        if (!pattern_is_valid(optarg) || strcmp(optarg, "-") == 0)
            options_bad("--mirror", optarg, "a file's name; %l in it is the lane's number, %% a percent sign");
        return true;
    case OPTION_EXEC:
        take_sink(options, given, SINK_EXEC, "--exec");
        return true;
    case OPTION_PIPE:
        take_sink(options, given, SINK_PIPE, "--pipe");
        return true;
    case OPTION_DISCARD:
        take_sink(options, given, SINK_DISCARD, "--discard");
        return true;
    case 'D':
        take_delimiter(options, given);
        return true;
    case '0':
        take_framing(options, given, FRAMING_DELIMITER, "--null");
        options->framing.delimiter = '\0';
        return true;
    case OPTION_LENGTH_PREFIXED:
        take_framing(options, given, FRAMING_LENGTH32, "--length-prefixed");
        return true;
    case OPTION_RAW:
        take_framing(options, given, FRAMING_RAW, "--raw");
        return true;
    case OPTION_PREFIX:
        take_prefix(options, given);
        return true;
    default:
        return false;
    }
}

static bool take_exec_option(struct consumer_options *options, struct given *given, int code)
{
    switch (code) {
    case OPTION_RETRIES:
        options->retries = (uint32_t)take_count("--retries", 0, RETRIES_MAX);
        given->exec_only = "--retries";
        return true;
    case OPTION_BACKOFF:
        take_range("--backoff", &options->backoff_min_ns, &options->backoff_max_ns);
        given->exec_only = "--backoff";
        return true;
    case OPTION_EXEC_TIMEOUT:
        options->exec_timeout_ns = take_duration("--exec-timeout");
        if (options->exec_timeout_ns == 0)
            options_bad("--exec-timeout", optarg, "longer than 0");
        given->exec_only = "--exec-timeout";
        return true;
    default:
        return false;
    }
}

static bool take_flow_option(struct consumer_options *options, int code)
{
    struct shmq_options *shmq = &options->common.shmq;

    switch (code) {
    case OPTION_WORK:
        take_range("--work", &options->work_min_ns, &options->work_max_ns);
        options->has_work = true;
        return true;
    case OPTION_COUNT:
        options->count = take_count("--count", 0, UINT64_MAX);
        return true;
    case OPTION_PREFETCH:
        shmq->prefetch = (uint32_t)take_count("--prefetch", 1, SHMQ_PREFETCH_MAX);
        return true;
    case OPTION_FOLLOW:
        shmq->follow = true;
        return true;
    case OPTION_IDLE:
        options->idle_ns = take_duration("--idle");
        return true;
    case OPTION_GRACE:
        shmq->grace_ns = take_duration("--grace");
        if (shmq->grace_ns == 0)
            shmq->grace_ns = 1; /* 0 is the library's default */
        return true;
    case OPTION_PRODUCERS:
        shmq->producers = (uint32_t)take_count("--producers", 1, UINT32_MAX);
        return true;
    case OPTION_PROGRESS:
        options->progress = true;
        return true;
    default:
        return false;
    }
}

static void set_defaults(struct consumer_options *options)
{
    memset(options, 0, sizeof(*options));
    options_init(&options->common);
    options->framing.delimiter = '\n';
    options->framing.prefix = "";
    options->idle_ns = -1;
    options->retries = 3;
    options->backoff_min_ns = INT64_C(100) * 1000 * 1000;
    options->backoff_max_ns = INT64_C(30) * 1000 * 1000 * 1000;
}

static void check_together(const struct consumer_options *options, const struct given *given)
{
    bool stream = options->sink == SINK_STDOUT || options->sink == SINK_OUTPUT || options->sink == SINK_PIPE;

    if (!stream && given->framing)
        options_usage("%s has no meaning with %s", given->framing, given->sink);
    if (!stream && given->prefix)
        options_usage("--prefix has no meaning with %s", given->sink);
    if (given->prefix && options->framing.kind == FRAMING_LENGTH32)
        options_usage("--prefix would break the frames of --length-prefixed");
    if (given->exec_only && options->sink != SINK_EXEC)
        options_usage("%s needs --exec", given->exec_only);
}

/* A mistyped name is found before a message is taken for it. */
static void check_command(const struct consumer_options *options, const struct given *given)
{
    const char *word;
    size_t length;

    if (options->sink != SINK_EXEC && options->sink != SINK_PIPE)
        return;
    switch (command_word_find(options->target, &word, &length)) {
    case COMMAND_WORD_MISSING:
        options_usage("%s: %.*s: command not found (check its name, and PATH)", given->sink, (int)length, word);
    case COMMAND_WORD_NOT_EXECUTABLE:
        options_usage("%s: %.*s: cannot be executed (check that it is a program, and its mode)", given->sink,
                      (int)length, word);
    case COMMAND_WORD_FOUND:
        break;
    }
}

/* No more is leased than will be used: what is left of a lease comes to others as redelivered. */
static void choose_prefetch(struct consumer_options *options)
{
    uint32_t *prefetch = &options->common.shmq.prefetch;

    if (*prefetch == 0)
        *prefetch = options_one_by_one(options) ? PREFETCH_SLOW : PREFETCH_COPYING;
    if (options->count > 0 && options->count < *prefetch)
        *prefetch = (uint32_t)options->count;
}

void consumer_options_read(struct consumer_options *options, int argc, char **argv)
{
    struct given given = {0};
    bool version = false;
    int code;

    set_defaults(options);
    while ((code = getopt_long(argc, argv, short_options, long_options, NULL)) != -1) {
        if (code == 'V') /* after the other options, so that it also tells whether they are right */
            version = true;
        else if (!take_sink_option(options, &given, code) && !take_exec_option(options, &given, code) &&
                 !take_flow_option(options, code))
            options_take_common(&options->common, code, optarg, consumer_help);
    }
    if (optind < argc)
        options_usage("%s: unexpected argument (a sink is given by an option)", argv[optind]);
    options_finish(&options->common);
    check_together(options, &given);
    check_command(options, &given);
    if (version)
        options_take_common(&options->common, 'V', NULL, consumer_help);
    choose_prefetch(options);
}
