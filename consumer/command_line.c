/* SPDX-License-Identifier: MIT */
#include "consumer/command_line.h"

#include <errno.h>
#include <string.h>

#include "common/cli/dead_letter_name.h"
#include "common/cli/option_common.h"
#include "common/cli/parse.h"
#include "consumer/command_lookup.h"
#include "consumer/option_table.h"
#include "consumer/pattern.h"

#define PREFETCH_COPYING 1024
#define PREFETCH_SLOW 1
#define PREFETCH_ANSWERED 64
#define RATE_LEASE_SECONDS 0.01 /* with --rate, a lease is what may be started in this time */
#define RETRIES_MAX 1000000

/*
 * The options, which the table fills and therefore expects first, and the names of the options that were given, to
 * detect conflicts; NULL: not given.
 */
struct given {
    struct consumer_options options;
    const struct option_entry *sink;
    char sink_text[OPTION_WRITTEN_BYTES];
    const struct option_entry *framing;
    char framing_text[OPTION_WRITTEN_BYTES];
    const char *prefix;
    const char *exec_only;   /* an option that needs --exec or -- PROGRAM */
    const char *judged_only; /* one that may also go with --pipe-ack */
    const char *output_mode;
    bool in_order;
    bool aside;
    const char *dead_letter;
    bool version;
};

static const char *target_advice(enum sink_kind sink)
{
    switch (sink) {
    case SINK_EXEC:
    case SINK_PIPE:
        return "is empty (give a command)";
    default:
        return "is empty (give the name of a file)";
    }
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
        option_entry_bad(entry, argument, "MIN or MIN:MAX, durations such as 100ms or 2s, MAX not below MIN");
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

static bool take_exec_option(struct given *given, const struct option_entry *entry, const char *argument)
{
    switch (entry->code) {
    case CONSUMER_JOBS:
        take_jobs(&given->options, entry, argument);
        given->exec_only = "--jobs";
        return true;
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
    case CONSUMER_EXEC_TIMEOUT:
        take_exec_timeout(&given->options, entry, argument);
        given->judged_only = "--exec-timeout";
        return true;
    case CONSUMER_KILL_AFTER:
        given->options.kill_after_ns = read_duration(entry, argument);
        given->judged_only = "--kill-after";
        return true;
    case CONSUMER_MAX_FAILURES:
        take_max_failures(&given->options, entry, argument);
        given->judged_only = "--max-failures";
        return true;
    case CONSUMER_DEAD_LETTER:
        given->dead_letter = argument;
        given->judged_only = "--dead-letter";
        return true;
    case CONSUMER_BATCH:
        take_batch(&given->options, entry, argument);
        given->exec_only = "--batch";
        return true;
    default:
        return false;
    }
}

static void take(void *into, const struct option_group *group, const struct option_entry *entry,
                 const char *argument)
{
    struct given *given = into;
    if (option_is_version(entry)) /* handled last, so that errors in other options are reported */
        given->version = true;
    else if (group->section == &consumer_sink_section)
        take_sink(given, entry, argument);
    else if (!take_framing_option(given, entry, argument) && !take_exec_option(given, entry, argument) &&
             !take_output_option(given, entry))
        option_common_take(&given->options.common, &consumer_options, entry, argument);
}

static void set_defaults(struct consumer_options *options)
{
    *options = (struct consumer_options){
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
    options_init(&options->common);
}

static void choose_pipe_ack(struct consumer_options *options, struct given *given)
{
    static const char written[] = "--pipe-ack";

    if (!options->pipe_ack)
        return;
    if (options->sink != SINK_PIPE && given->sink_text[0] != '\0')
        options_usage("%s needs --pipe COMMAND, not %s", written, given->sink_text);
    if (options->sink != SINK_PIPE)
        options_usage("%s needs --pipe COMMAND", written);
    options->sink = SINK_PIPE_ACK;
    memcpy(given->sink_text, written, sizeof(written));
}

/* An @option that needs other sinks than the one that was given, if any. */
static _Noreturn void refuse_sink(const struct given *given, const char *option, const char *needed)
{
    const bool any = given->sink_text[0] != '\0';

    options_usage("%s needs %s%s%s", option, needed, any ? ", not " : "", given->sink_text);
}

/* A batch is not an argument, and is not worked on message by message. */
static void check_batch(const struct consumer_options *options)
{
    if (options->batch == 0 && (options->batch_whole || options->batch_ids))
        options_usage("%s needs --batch", options->batch_whole ? "--batch-whole" : "--batch-ids");
    if (options->batch == 0)
        return;
    if (options->common.shmq.prefetch > 0)
        options_usage("--prefetch cannot be combined with --batch (whose N it would be)");
    if (options->work_ns[0] >= 0)
        options_usage("--work cannot be combined with --batch (leave out one)");
    if (options->batch_ids && options->framing.kind == FRAMING_RAW)
        options_usage("--raw and --batch-ids: the command cannot see where an id begins (leave out --raw)");
    for (size_t i = 1; options->program && options->program[i]; i++)
        if (strstr(options->program[i], "{}"))
            options_usage("{} cannot be combined with --batch (the messages come on stdin)");
}

static void check_together(const struct consumer_options *options, const struct given *given)
{
    bool framed = consumer_sink_is_framed((int)options->sink) || options->batch > 0;

    if (!framed && given->framing)
        options_usage("%s cannot be combined with %s", given->framing_text, given->sink_text);
    if (!framed && given->prefix)
        options_usage("--prefix cannot be combined with %s", given->sink_text);
    if (given->prefix && options->framing.kind == FRAMING_LENGTH32)
        options_usage("--prefix would break the frames of --length-prefixed");
    if (given->judged_only && !options_judged(options))
        refuse_sink(given, given->judged_only, "--exec, -- PROGRAM or --pipe-ack");
    if (given->exec_only && options->sink != SINK_EXEC)
        refuse_sink(given, given->exec_only, "--exec or -- PROGRAM");
    if (options->sink == SINK_PIPE_ACK && options->framing.kind == FRAMING_RAW)
        options_usage("--raw and --pipe-ack: the command cannot see where a message ends (leave out --raw)");
    if (given->in_order && given->aside)
        options_usage("--in-order and --aside: only one of them can be given");
    if (given->in_order && options->jobs > 1)
        options_usage(
            "--in-order and --jobs %u: commands that run at once overtake each other (give --aside 0 in place "
            "of --in-order if a job is only to keep its worker)",
            options->jobs);
    check_batch(options);
}

/* Output that is kept can be tagged and stored; what commands write by themselves cannot. */
static void choose_output_mode(struct consumer_options *options, const struct given *given)
{
    const char *needs = options->results ? "--results" : options->tagged ? "--tag" : NULL;
    const char *exec_only = needs ? needs : options->job_log ? "--joblog" : given->output_mode;
    if (exec_only && options->sink != SINK_EXEC)
        refuse_sink(given, exec_only, "--exec or -- PROGRAM");
    if (options->job_log && strcmp(options->job_log, "-") == 0)
        options_bad("--joblog", "-", "the name of a file; stdout is for what the commands print");
    if (needs && options->output_mode == OUTPUT_UNGROUPED)
        options_usage("%s and %s: output that is not kept cannot be %s (leave out %s)", given->output_mode, needs,
                      options->results ? "stored" : "tagged", given->output_mode);
    if (options->output_mode == OUTPUT_BY_DEFAULT)
        options->output_mode = needs || options->jobs > 1 ? OUTPUT_GROUPED : OUTPUT_UNGROUPED;
}

static void check_dead_letter(const char *name, const char *queue)
{
    if (strcmp(name, queue) == 0)
        options_usage("--dead-letter %s: is the queue itself (give another queue, or none)", name);
    switch (shmq_name_check(name)) {
    case 0:
        break;
    case -ENAMETOOLONG:
        options_usage(
            "--dead-letter: the name '%s' is too long (at most 200 characters; give another one, or none)", name);
    default:
        options_bad("--dead-letter", name, "a queue's name: letters, digits, '.', '_', '-'; or none");
    }
}

static void choose_dead_letter(struct consumer_options *options, const char *given)
{
    static char text[DEAD_LETTER_NAME_BYTES];

    if (options_judged(options))
        options->dead_letter = dead_letter_name(options->common.queue, given, text);
    if (options->max_failures > 0 && !options->dead_letter)
        options_usage(
            "--max-failures: there is no dead-letter queue, so the first failure ends the consumer (give a "
            "--dead-letter QUEUE)");
    if (options->dead_letter)
        check_dead_letter(options->dead_letter, options->common.queue);
}

/* Detects a mistyped command before any message is leased. */
static void check_command(struct consumer_options *options, const struct given *given)
{
    enum command_lookup found;
    const char *word;
    size_t length;

    if (!options_judged(options) && options->sink != SINK_PIPE)
        return;
    if (options->program) {
        word = options->target;
        length = strlen(word);
        found = command_lookup_program(word);
    } else {
        found = command_lookup(options->target, &word, &length);
    }
    options->direct = options->sink == SINK_EXEC && found == COMMAND_PROGRAM;
    switch (found) {
    case COMMAND_MISSING:
        options_usage("%s: %.*s: command not found (check its name, and PATH)", given->sink_text, (int)length,
                      word);
    case COMMAND_NOT_EXECUTABLE:
        options_usage("%s: %.*s: cannot be executed (check that it is a program, and its mode)", given->sink_text,
                      (int)length, word);
    case COMMAND_FOUND:
    case COMMAND_PROGRAM:
        break;
    }
}

/* Messages are never a program's name: they would choose what is run. */
static void take_words(struct consumer_options *options, struct given *given, const struct option_words *words)
{
    static const char program[] = "-- PROGRAM";
    if (words->count > 0 && !words->given)
        options_usage("%s: unexpected argument (use an option to choose the sink, or -- before a program)",
                      words->words[0]);
    if (!words->given)
        return;
    if (words->count == 0 || words->words[0][0] == '\0')
        options_usage("--: no program follows (give a PROGRAM and its arguments)");
    if (given->sink)
        options_usage("%s and -- PROGRAM: only one sink can be given", given->sink_text);
    if (strstr(words->words[0], "{}"))
        options_usage("-- %s: {} cannot be in a program's name (only in its arguments)", words->words[0]);
    memcpy(given->sink_text, program, sizeof(program));
    options->sink = SINK_EXEC;
    options->target = words->words[0];
    options->program = words->words;
}

/* Leases no more than --count allows: the rest of a lease would reach other consumers as redelivered. With --rate,
 * leases what is soon started: others can have the rest. */
static void choose_prefetch(struct consumer_options *options)
{
    uint32_t *prefetch = &options->common.shmq.prefetch;

    if (options->batch > 0)
        *prefetch = options->batch;
    if (options->batch_whole)
        options->common.shmq.consumer_flags = SHMQ_CONSUMER_SHARED_ATTEMPTS;
    if (*prefetch == 0)
        *prefetch = options_one_by_one(options)      ? PREFETCH_SLOW
                    : options->sink == SINK_PIPE_ACK ? PREFETCH_ANSWERED
                                                     : PREFETCH_COPYING;
    if (options->batch_whole) /* nothing cuts it */
        return;
    if (options->count > 0 && options->count < *prefetch)
        *prefetch = (uint32_t)options->count;
    if (options->rate > 0 && options->rate * RATE_LEASE_SECONDS < *prefetch)
        *prefetch = (uint32_t)(options->rate * RATE_LEASE_SECONDS) + 1;
}

void consumer_options_read(struct consumer_options *options, int argc, char **argv)
{
    struct given given = {0};
    struct option_words words;

    set_defaults(&given.options);
    option_table_read(&consumer_options, &given, take, argc, argv, &words);
    *options = given.options;
    take_words(options, &given, &words);
    options_finish(&options->common);
    choose_pipe_ack(options, &given);
    check_together(options, &given);
    choose_output_mode(options, &given);
    if (given.in_order)
        options->aside = 0;
    choose_dead_letter(options, given.dead_letter);
    check_command(options, &given);
    if (given.version)
        option_print_version();
    choose_prefetch(options);
}
