/* SPDX-License-Identifier: MIT */
#include "monitor/options.h"

#include <string.h>

#include "common/cli/parse.h"

enum {
    OPTION_JSON = OPTION_OWN,
    OPTION_PROMETHEUS,
    OPTION_FORCE,
    OPTION_NOW,
    OPTION_EMPTY,
    OPTION_TIMEOUT,
    OPTION_LANE,
};

static const struct option long_options[] = {
    OPTIONS_COMMON_LONG,
    {"json", no_argument, NULL, OPTION_JSON},
    {"prometheus", no_argument, NULL, OPTION_PROMETHEUS},
    {"force", no_argument, NULL, OPTION_FORCE},
    {"now", no_argument, NULL, OPTION_NOW},
    {"empty", no_argument, NULL, OPTION_EMPTY},
    {"timeout", required_argument, NULL, OPTION_TIMEOUT},
    {"lane", required_argument, NULL, OPTION_LANE},
    {NULL, 0, NULL, 0},
};

static const struct {
    unsigned bit;
    const char *name;
} verb_options[] = {
    {VERB_FORMAT, "--json or --prometheus"},
    {VERB_FORCE, "--force"},
    {VERB_NOW, "--now"},
    {VERB_EMPTY, "--empty"},
    {VERB_TIMEOUT, "--timeout"},
    {VERB_LANE, "--lane"},
};

static void take_format(struct options *options, enum format format, unsigned *given)
{
    if ((*given & VERB_FORMAT) != 0 && options->format != format)
        options_usage("--json and --prometheus: only one format can be given");
    options->format = format;
    *given |= VERB_FORMAT;
}

static void take_lane(struct options *options, const char *argument)
{
    uint64_t lane = 0;
    if (parse_count(argument, 0, SHMQ_LANES_MAX - 1, &lane) != 0)
        options_bad("lane", argument, "not the number of a lane (0 to 1023, as the verb show lists them)");
    options->lane = (uint32_t)lane;
    options->lane_given = true;
}

static void take_option(struct options *options, int code, const char *argument, unsigned *given)
{
    switch (code) {
    case OPTION_JSON:
        take_format(options, FORMAT_JSON, given);
        break;
    case OPTION_PROMETHEUS:
        take_format(options, FORMAT_PROMETHEUS, given);
        break;
    case OPTION_FORCE:
        options->force = true;
        *given |= VERB_FORCE;
        break;
    case OPTION_NOW:
        options->now = true;
        *given |= VERB_NOW;
        break;
    case OPTION_EMPTY:
        options->empty = true;
        *given |= VERB_EMPTY;
        break;
    case OPTION_TIMEOUT:
        if (parse_duration(argument, &options->timeout_ns) != 0)
            options_bad("timeout", argument, "not a duration (like 500ms, 2s or 5m)");
        *given |= VERB_TIMEOUT;
        break;
    case OPTION_LANE:
        take_lane(options, argument);
        *given |= VERB_LANE;
        break;
    case OPTION_CAPACITY:
    case OPTION_MAX_MESSAGE:
    case OPTION_LANES:
    case OPTION_SEATS:
    case OPTION_MODE:
    case OPTION_GROUP:
    case OPTION_TICK:
        options_usage("creating options: the monitor makes no queue (give them to a producer)");
    case 'h':
        options_print_help(monitor_help, false);
    default:
        options_take_common(&options->common, code, argument, monitor_help);
    }
}

static const struct verb *find_verb(const struct verb *verbs, const char *name)
{
    for (const struct verb *verb = verbs; verb->name != NULL; verb++) {
        if (strcmp(verb->name, name) == 0)
            return verb;
    }
    options_usage("%s: unknown verb (see --help)", name);
}

static void check_options(const struct verb *verb, unsigned given)
{
    for (size_t i = 0; i < sizeof(verb_options) / sizeof(verb_options[0]); i++) {
        if ((given & verb_options[i].bit & ~verb->allowed) != 0)
            options_usage("%s: takes no %s", verb->name, verb_options[i].name);
    }
}

const struct verb *options_parse(struct options *options, const struct verb *verbs, int argc, char **argv)
{
    unsigned given = 0;
    int code;
    *options = (struct options){.timeout_ns = -1};
    options_init(&options->common);
    while ((code = getopt_long(argc, argv, OPTIONS_COMMON_SHORT, long_options, NULL)) != -1)
        take_option(options, code, optarg, &given);
    if (optind == argc)
        options_usage("no verb given (see --help)");
    options->verb = argv[optind++];
    const struct verb *verb = find_verb(verbs, options->verb);
    check_options(verb, given);
    if (optind < argc && verb->takes_queue)
        options->common.queue = argv[optind++];
    if (optind < argc)
        options_usage("%s: unexpected argument for %s", argv[optind], verb->name);
    options_finish(&options->common);
    options->queue = verb->takes_queue ? options->common.queue : NULL;
    return verb;
}
