/* SPDX-License-Identifier: MIT */
#include "consumer/given_options.h"

#include <string.h>

#include "common/cli/option_common.h"
#include "common/cli/parse.h"
#include "consumer/pattern.h"

#define RETRIES_MAX 1000000

static const char *target_advice(enum sink_kind sink)
{
    switch (sink) {
    case SINK_EXEC:
    case SINK_PIPE:
        return "is empty (give a command)";
    case SINK_NATS:
        return "is empty (give a server)";
    case SINK_FORWARD:
        return "is empty (give the name of a queue)";
    default:
        return "is empty (give the name of a file)";
    }
}

static void take_queues(struct forward_list *list, const struct option_entry *entry, const char *argument)
{
    const char *wrong = forward_list_read(list, argument);
    if (wrong != NULL)
        option_entry_bad(entry, argument, wrong);
}

static void take_forward_full(struct given *given, const struct option_entry *entry, const char *argument)
{
    static const char drop[] = "drop:";
    if (strncmp(argument, drop, sizeof(drop) - 1) != 0 || strchr(argument, ',') != NULL)
        option_entry_bad(entry, argument, "drop:QUEUE, QUEUE being one of those of --forward");
    take_queues(&given->full, entry, argument + sizeof(drop) - 1);
}

static void take_sink(struct given *given, const struct option_entry *entry, const char *argument)
{
    struct consumer_options *options = &given->options;
    char written[OPTION_WRITTEN_BYTES];
    option_written(entry, written);
    if (given->sink == entry)
        options_usage("%s: given twice", written);
    if (given->sink)
        options_usage("%s and %s: only one sink can be given", given->sink_text, written);
    given->sink = entry;
    memcpy(given->sink_text, written, sizeof(written));
    options->sink = (enum sink_kind)entry->code;
    options->target = argument;
    if (argument && *argument == '\0')
        option_entry_bad(entry, argument, target_advice(options->sink));
    if (options->sink == SINK_NATS)
        option_nats_take_servers(&options->nats, entry, argument);
    if (options->sink == SINK_FORWARD)
        take_queues(&options->forward, entry, argument);
    const bool dash = argument && strcmp(argument, "-") == 0;
    if (options->sink == SINK_OUTPUT && dash)
        options->sink = SINK_STDOUT;
    if (options->sink == SINK_MIRROR && argument && (!pattern_is_valid(argument) || dash))
        option_entry_bad(entry, argument, "a file's name; %l in it is the lane's number, %% a percent sign");
}

static void take_framing(struct given *given, enum framing_kind kind, const struct option_entry *entry)
{
    char written[OPTION_WRITTEN_BYTES];
    option_written(entry, written);
    if (given->framing && given->framing != entry)
        options_usage("%s and %s: only one framing can be given", given->framing_text, written);
    given->framing = entry;
    memcpy(given->framing_text, written, sizeof(written));
    given->options.framing.kind = kind;
}

static void take_delimiter(struct given *given, const struct option_entry *entry, const char *argument)
{
    take_framing(given, FRAMING_DELIMITER, entry);
    if (parse_delimiter(argument, &given->options.framing.delimiter) < 0)
        option_entry_bad(entry, argument, "one byte: a character or \\n \\t \\r \\0 \\\\ \\xHH");
}

static void take_prefix(struct given *given, const char *argument)
{
    struct framing *framing = &given->options.framing;
    framing->prefix = argument;
    framing->prefix_length = strlen(argument);
    if (framing->prefix_length > FRAMING_PREFIX_MAX)
        options_usage("--prefix: longer than %d bytes", FRAMING_PREFIX_MAX);
    given->prefix = "--prefix";
}

static void take_jobs(struct consumer_options *options, const struct option_entry *entry, const char *argument)
{
    uint64_t value = 0;
    if (parse_count(argument, 1, SHMQ_SEATS_MAX, &value) < 0)
        option_entry_bad(entry, argument, "a whole number from 1 to 1024, the most seats of a queue");
    options->jobs = (uint32_t)value;
}

static void take_retries(struct consumer_options *options, const struct option_entry *entry, const char *argument)
{
    uint64_t value = 0;
    if (parse_count(argument, 0, RETRIES_MAX, &value) < 0)
        option_entry_bad(entry, argument, "a whole number from 0 to 1000000");
    options->retries = (uint32_t)value;
}

static void take_backoff(struct consumer_options *options, const struct option_entry *entry, const char *argument)
{
    if (parse_duration_range(argument, &options->backoff_min_ns, &options->backoff_max_ns) < 0)
        option_entry_bad(entry, argument, "a duration or a range MIN:MAX, such as 100ms or 1s:30s");
}

static void take_aside(struct given *given, const struct option_entry *entry, const char *argument)
{
    uint64_t value = 0;
    if (parse_count(argument, 0, SHMQ_SEATS_MAX, &value) < 0)
        option_entry_bad(entry, argument, "a whole number from 0 to 1024");
    given->options.aside = (uint32_t)value;
    given->aside = value > 0;
    given->judged_only = "--aside";
}

static int64_t read_duration(const struct option_entry *entry, const char *argument)
{
    int64_t value = 0;
    if (parse_duration(argument, &value) < 0)
        option_entry_bad(entry, argument, "a duration such as 500ms, 10s or 2m");
    return value;
}

static void take_exec_timeout(struct consumer_options *options, const struct option_entry *entry,
                              const char *argument)
{
    options->exec_timeout_ns = read_duration(entry, argument);
    if (options->exec_timeout_ns == 0)
        option_entry_bad(entry, argument, "longer than 0");
}

static void take_max_failures(struct consumer_options *options, const struct option_entry *entry,
                              const char *argument)
{
    if (parse_count(argument, 1, UINT64_MAX, &options->max_failures) < 0)
        option_entry_bad(entry, argument, "a whole number, at least 1");
}

static void take_output_mode(struct given *given, const char *written, enum output_mode mode)
{
    struct consumer_options *options = &given->options;
    if (given->output_mode && options->output_mode != mode)
        options_usage("%s and %s: only one of them can be given", given->output_mode, written);
    given->output_mode = written;
    options->output_mode = mode;
}

static bool take_output_option(struct given *given, const struct option_entry *entry)
{
    switch (entry->code) {
    case CONSUMER_GROUPED:
        take_output_mode(given, "--grouped", OUTPUT_GROUPED);
        return true;
    case CONSUMER_LINE_BUFFER:
        take_output_mode(given, "--line-buffer", OUTPUT_BY_LINES);
        return true;
    case CONSUMER_UNGROUPED:
        take_output_mode(given, "--ungroup", OUTPUT_UNGROUPED);
        return true;
    default:
        return false;
    }
}

static bool is_batch(const char *argument, uint32_t *batch, int64_t *wait_ns)
{
    const char *colon = strchr(argument, ':');
    char number[8] = "";
    uint64_t value = 0;

    if (!colon)
        colon = argument + strlen(argument);
    else if (parse_duration(colon + 1, wait_ns) < 0)
        return false;
    if ((size_t)(colon - argument) >= sizeof(number))
        return false;
    memcpy(number, argument, (size_t)(colon - argument));
    if (parse_count(number, 1, SHMQ_PREFETCH_MAX, &value) < 0)
        return false;
    *batch = (uint32_t)value;
    return true;
}

static void take_batch(struct consumer_options *options, const struct option_entry *entry, const char *argument)
{
    options->batch_wait_ns = 0;
    if (!is_batch(argument, &options->batch, &options->batch_wait_ns))
        option_entry_bad(entry, argument, "N or N:WAIT, messages from 1 to 4096 and a duration such as 500ms");
}

static bool take_framing_option(struct given *given, const struct option_entry *entry, const char *argument)
{
    switch (entry->code) {
    case CONSUMER_DELIMITER:
        take_delimiter(given, entry, argument);
        return true;
    case CONSUMER_NULL:
        take_framing(given, FRAMING_DELIMITER, entry);
        given->options.framing.delimiter = '\0';
        return true;
    case CONSUMER_LENGTH_PREFIXED:
        take_framing(given, FRAMING_LENGTH32, entry);
        return true;
    case CONSUMER_RAW:
        take_framing(given, FRAMING_RAW, entry);
        return true;
    case CONSUMER_PREFIX:
        take_prefix(given, argument);
        return true;
    default:
        return false;
    }
}

/* Of retries and their end. */
static bool take_retry_option(struct given *given, const struct option_entry *entry, const char *argument)
{
    switch (entry->code) {
    case CONSUMER_RETRIES:
        take_retries(&given->options, entry, argument);
        given->judged_only = "--retries";
        return true;
    case CONSUMER_BACKOFF:
        take_backoff(&given->options, entry, argument);
        given->judged_only = "--backoff";
        return true;
    case CONSUMER_ASIDE:
        take_aside(given, entry, argument);
        return true;
    case CONSUMER_IN_ORDER:
        given->in_order = true;
        given->judged_only = "--in-order";
        return true;
    case CONSUMER_MAX_FAILURES:
        take_max_failures(&given->options, entry, argument);
        given->given_up = "--max-failures";
        return true;
    case CONSUMER_DEAD_LETTER:
        given->dead_letter = argument;
        given->given_up = "--dead-letter";
        return true;
    default:
        return false;
    }
}

static bool take_exec_option(struct given *given, const struct option_entry *entry, const char *argument)
{
    switch (entry->code) {
    case CONSUMER_JOBS:
        take_jobs(&given->options, entry, argument);
        given->exec_only = "--jobs";
        return true;
    case CONSUMER_EXEC_TIMEOUT:
        take_exec_timeout(&given->options, entry, argument);
        given->judged_only = "--exec-timeout";
        return true;
    case CONSUMER_KILL_AFTER:
        given->options.kill_after_ns = read_duration(entry, argument);
        given->judged_only = "--kill-after";
        return true;
    case CONSUMER_BATCH:
        take_batch(&given->options, entry, argument);
        given->exec_only = "--batch";
        return true;
    default:
        return take_retry_option(given, entry, argument);
    }
}

void given_options_take(void *into, const struct option_group *group, const struct option_entry *entry,
                        const char *argument)
{
    struct given *given = into;
    if (option_is_version(entry)) /* handled last, so that errors in other options are reported */
        given->version = true;
    else if (group->section == &consumer_sink_section)
        take_sink(given, entry, argument);
    else if (entry->code == CONSUMER_FORWARD_FULL)
        take_forward_full(given, entry, argument);
    else if (!take_framing_option(given, entry, argument) && !take_exec_option(given, entry, argument) &&
             !take_output_option(given, entry))
        option_common_take(&given->options.common, &consumer_options, entry, argument);
}

void given_options_init(struct given *given)
{
    *given = (struct given){0};
    given->options = (struct consumer_options){
        .framing = {.delimiter = '\n', .prefix = ""},
        .idle_ns = -1,
        .work_ns = {-1, -1},
        .jobs = 1,
        .retries = 3,
        .aside = CONSUMER_ASIDE_DEFAULT,
        .backoff_min_ns = INT64_C(100) * 1000 * 1000,
        .kill_after_ns = CONSUMER_KILL_AFTER_NS,
        .backoff_max_ns = INT64_C(30) * 1000 * 1000 * 1000,
    };
    options_init(&given->options.common);
    option_nats_init(&given->options.nats);
}
