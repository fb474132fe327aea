/* SPDX-License-Identifier: MIT */
#include "supervisor/options.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cli/option_common.h"
#include "common/cli/parse.h"
#include "common/cli/pseudo_file.h"
#include "common/cli/say.h"
#include "consumer/option_table.h"
#include "supervisor/child_arguments.h"
#include "supervisor/option_codes.h"

#define NS_PER_MS INT64_C(1000000)
/* What a consumer takes to end, besides the times that its commands may take. */
#define CONSUMER_END_NS (2000 * NS_PER_MS)

static void pass_on(struct options *options, const char *owner, const char *name, const char *argument)
{
    struct passed_option *more = realloc(options->passed, (options->passed_count + 1) * sizeof(*more));
    if (more == NULL)
        options_usage("out of memory");
    options->passed = more;
    more[options->passed_count++] = (struct passed_option){.owner = owner, .name = name, .argument = argument};
}

const char *options_passed(const struct options *options, const char *name)
{
    const char *found = NULL;
    for (size_t i = 0; i < options->passed_count; i++) {
        const struct passed_option *passed = &options->passed[i];
        if (strcmp(passed->name, name) == 0)
            found = passed->argument != NULL ? passed->argument : "";
    }
    return found;
}

bool options_endless(const struct options *options)
{
    const char *count = options_passed(options, "count");
    bool generated = options->source == SOURCE_RANDOM || options->source == SOURCE_DEMONSTRATION;
    return generated && (count == NULL || strspn(count, "0") == strlen(count));
}

bool options_use_stdout(const struct options *options)
{
    return options->sink == SINK_LABELLED || options->sink == SINK_STDOUT ||
           options_passed(options, "echo") != NULL;
}

static void take_framing(struct options *options, const struct option_entry *entry, const char *argument,
                         bool both)
{
    options->framing = entry->name;
    arguments_format(&options->producer_framing, "--%s", entry->name);
    if (both)
        arguments_format(&options->consumer_framing, "--%s", entry->name);
    else
        arguments_add(&options->consumer_framing, "--raw");
    if (argument == NULL)
        return;
    arguments_add(&options->producer_framing, argument);
    if (both)
        arguments_add(&options->consumer_framing, argument);
}

static void take_input(struct options *options, const char *argument)
{
    if (argument[0] == '\0')
        options_usage("--input: empty (give a file, or - for stdin)");
    arguments_add(&options->inputs, argument);
}

static void take_output(struct options *options, const char *argument)
{
    if (argument[0] == '\0')
        options_usage("--output: empty (give a file, or - for stdout)");
    if (options->output != NULL)
        options_usage("--output %s: given twice (all consumers write to the same)", argument);
    options->output = argument;
}

static void take_args(struct arguments *words, const struct option_entry *entry, const char *argument)
{
    if (!arguments_split(words, argument))
        options_usage("--%s %s: a quote is not closed", entry->name, argument);
}

static void take_own(struct options *options, const struct option_entry *entry, const char *argument)
{
    switch (entry->code) {
    case CODE_PRODUCER_ARGS:
        take_args(&options->producer_args, entry, argument);
        break;
    case CODE_CONSUMER_ARGS:
        take_args(&options->consumer_args, entry, argument);
        break;
    case CODE_INPUT:
        take_input(options, argument);
        break;
    case CODE_OUTPUT:
        take_output(options, argument);
        break;
    case CODE_DELIMITER:
    case CODE_NULL:
    case CODE_LENGTH_PREFIXED:
        take_framing(options, entry, argument, true);
        break;
    case CODE_BLOCK:
    case CODE_WHOLE:
        take_framing(options, entry, argument, false);
        break;
    case CODE_GRACE:
        if (parse_duration(argument, &options->grace_ns) != 0)
            option_entry_bad(entry, argument, "not a duration (such as 500ms, 10s or 2m)");
        options->grace_text = options->consumer_grace = argument;
        break;
    case CODE_IGNORED:
        break;
    default:
        option_common_take(&options->common, &supervisor_options, entry, argument);
    }
}

static void take(void *into, const struct option_group *group, const struct option_entry *entry,
                 const char *argument)
{
    struct options *options = into;
    if (group->owner == NULL && entry->kind == OPTION_IS_OWN)
        take_own(options, entry, argument);
    if (group->owner != NULL || group->shared)
        pass_on(options, group->owner != NULL ? group->owner : "", entry->name, argument);
}

/* ------------------------------------------------------------------ combinations */

/* Accepts words as messages only after "--"; anywhere else they are probably a mistake. */
static void check_words(const struct options *options)
{
    if (!options->words.given && options->words.count > 0)
        options_usage("%s: unexpected argument (put words to send after --)", options->words.words[0]);
}

static bool is_stream(const char *path)
{
    struct stat st;
    return strcmp(path, "-") == 0 || (stat(path, &st) == 0 && !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode));
}

/* Whether @path is a pseudo-file, which no producer can resume. Opens regular files only: opening and closing a
 * FIFO would disturb its writer. */
static bool is_pseudo_file(const char *path)
{
    struct stat st;
    if (stat(path, &st) != 0 || !S_ISREG(st.st_mode))
        return false;
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    bool pseudo_file = fd >= 0 && file_is_pseudo(fd);
    if (fd >= 0)
        close(fd);
    return pseudo_file;
}

static void check_divided(const struct options *options)
{
    unsigned producers = (unsigned)options->producers;
    if (options->producers == 1)
        return;
    if (options->source == SOURCE_FOLLOW)
        options_usage("-p %u: files that are followed cannot be split among producers (use -p 1)", producers);
    if (options->source == SOURCE_LISTEN)
        options_usage("-p %u: one producer listens, to any number of clients (use -p 1)", producers);
    if (options->source == SOURCE_NATS)
        options_usage("-p %u: --from has one producer (use -p 1)", producers);
    if (options->source == SOURCE_STREAM)
        options_usage("-p %u: stdin, a pipe or a device cannot be split among producers (use -p 1)", producers);
    if (options->source == SOURCE_WORDS)
        options_usage("-p %u: words cannot be split among producers (use -p 1)", producers);
    bool undivided = options->framing != NULL &&
                     (strcmp(options->framing, "whole") == 0 || strcmp(options->framing, "length-prefixed") == 0);
    if (undivided && options->source == SOURCE_FILES)
        options_usage("-p %u: --%s cannot be split among producers (use -p 1)", producers, options->framing);
}

/* A "--" without words after it is a source of no messages, not the demonstration. */
static void find_source(struct options *options)
{
    const struct options_source sources[] = {
        {"--input", options->follow ? SOURCE_FOLLOW : SOURCE_FILES, options->inputs.count > 0},
        {"--random", SOURCE_RANDOM, options_passed(options, "random") != NULL},
        {"--listen", SOURCE_LISTEN, options_passed(options, "listen") != NULL},
        {"--from", SOURCE_NATS, options_passed(options, "from") != NULL},
        {"words", SOURCE_WORDS, options->words.given},
    };
    const size_t count = sizeof(sources) / sizeof(sources[0]);
    options->source = (enum source)options_choose_source(sources, count, SOURCE_DEMONSTRATION);
}

static void choose_source(struct options *options)
{
    find_source(options);
    bool pseudo_file = false;
    for (size_t i = 0; i < options->inputs.count && options->source != SOURCE_FOLLOW; i++) {
        pseudo_file = pseudo_file || is_pseudo_file(options->inputs.words[i]);
        if (is_stream(options->inputs.words[i]))
            options->source = SOURCE_STREAM;
    }
    check_divided(options);
    const char *on_full = options_passed(options, "on-full");
    /* A producer that drops messages cannot tell from the queue how much of its source it has read. */
    const bool has_position =
        options->source == SOURCE_FILES || options->source == SOURCE_FOLLOW || options->source == SOURCE_NATS;
    options->resumable = has_position && !pseudo_file && (on_full == NULL || strcmp(on_full, "drop") != 0);
}

static void add_sink(struct options *options, enum sink sink, const struct option_entry *entry)
{
    if (options->sink != SINK_LABELLED)
        options_usage("%s --%s: only one sink can be given", options->sink_name, entry->name);
    options->sink = sink;
    snprintf(options->sink_name, sizeof(options->sink_name), "--%s", entry->name);
    options->sink_is_framed = consumer_sink_is_framed(entry->code);
}

static enum sink sink_of_option(const char *name, const char *argument)
{
    static const struct {
        const char *name;
        enum sink sink;
    } known[] = {{"output", SINK_OUTPUT},
                 {"mirror", SINK_MIRROR},
                 {"exec", SINK_EXEC},
                 {"pipe", SINK_PIPE},
                 {"discard", SINK_DISCARD}};
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (strcmp(name, known[i].name) == 0)
            return known[i].sink == SINK_OUTPUT && strcmp(argument, "-") == 0 ? SINK_STDOUT : known[i].sink;
    }
    return SINK_OTHER;
}

/* Every option of the consumer's section is a sink. The supervisor has an --output of its own, which hides the
 * consumer's. */
static void choose_sink(struct options *options)
{
    options->sink_is_framed = true; /* as stdout is, unless another sink is found */
    for (const struct option_entry *entry = consumer_sink_section.entries; entry->name != NULL; entry++) {
        bool is_output = strcmp(entry->name, "output") == 0;
        const char *argument = is_output ? options->output : options_passed(options, entry->name);
        if (argument != NULL)
            add_sink(options, sink_of_option(entry->name, argument), entry);
    }
    if (options_passed(options, "batch") != NULL)
        options->sink_is_framed = true;
    options->mirror = options_passed(options, "mirror");
}

/* The last value of an option that is passed on by --consumer-args; NULL: it is not. */
static const char *consumer_argument(const struct options *options, const char *name)
{
    const char *found = NULL;
    for (size_t i = 0; i < options->extra_consumer.count; i++) {
        const char *word = options->extra_consumer.words[i] + 2;
        const size_t length = strlen(name);
        if (strncmp(word, name, length) == 0 && word[length] == '=')
            found = word + length + 1;
    }
    return found;
}

/* A wrong duration is reported by the consumer that checks its command line. */
static int64_t duration_or(const char *text, int64_t otherwise_ns)
{
    int64_t value_ns = 0;
    return text != NULL && parse_duration(text, &value_ns) == 0 ? value_ns : otherwise_ns;
}

/*
 * Where consumers run commands, --grace is for the commands: it is passed on to the consumers, unless they are
 * given another one.
 */
static void choose_consumer_grace(struct options *options)
{
    const char *own = consumer_argument(options, "grace");
    const char *kill_after = options_passed(options, "kill-after");
    if (own != NULL || !options_run_commands(options))
        options->consumer_grace = NULL;
    const int64_t grace_ns = duration_or(own != NULL ? own : options->consumer_grace, SHMQ_GRACE_DEFAULT_NS);
    const int64_t kill_after_ns = duration_or(kill_after, CONSUMER_KILL_AFTER_NS);
    options->consumer_end_ns = grace_ns < INT64_MAX / 4 && kill_after_ns < INT64_MAX / 4
                                   ? grace_ns + kill_after_ns + CONSUMER_END_NS
                                   : INT64_MAX / 2;
}

/* Streams of the two bridges are not the same: messages would go round in circles. */
static void check_bridges(const struct options *options)
{
    const bool from = options->source == SOURCE_NATS;
    const bool to = options_passed(options, "to") != NULL;
    for (size_t i = 0; i < options->passed_count; i++) {
        const struct passed_option *passed = &options->passed[i];
        if (strcmp(passed->owner, OPTIONS_OF_BRIDGES) != 0)
            continue;
        if (!from && !to)
            options_usage("--%s: needs --from or --to", passed->name);
        if (from && to && strcmp(passed->name, "stream") == 0)
            options_usage("--stream: --from and --to have one each (give them with --producer-args and "
                          "--consumer-args)");
    }
}

static void check_combinations(struct options *options)
{
    check_words(options);
    child_arguments_read(&options->extra_producer, &options->producer_args, "producer", &supervisor_options,
                         options, take);
    child_arguments_read(&options->extra_consumer, &options->consumer_args, "consumer", &supervisor_options,
                         options, take);
    choose_source(options);
    choose_sink(options);
    check_bridges(options);
    choose_consumer_grace(options);
    options->progress = options->progress || options->progress_interval_ns > 0;
    options_finish(&options->common);
    if (options->raw) {
        arguments_free(&options->consumer_framing);
        arguments_add(&options->consumer_framing, "--raw");
    }
}

void supervisor_options_read(struct options *options, int argc, char **argv)
{
    *options = (struct options){
        .producers = 1,
        .consumers = 1,
        .max_restarts = 5,
        .restart_pause_ns = {100 * NS_PER_MS, 5000 * NS_PER_MS},
        .grace_ns = 10000 * NS_PER_MS,
        .grace_text = "10s",
    };
    options_init(&options->common);
    option_table_read(&supervisor_options, options, take, argc, argv, &options->words);
    check_combinations(options);
}

void supervisor_options_default(struct options *options)
{
    bool echo = options_passed(options, "echo") != NULL;
    if (options->source == SOURCE_DEMONSTRATION) {
        if (options_passed(options, "count") == NULL)
            pass_on(options, "producer", "count", "10");
        if (options_passed(options, "delay") == NULL && options_passed(options, "rate") == NULL)
            pass_on(options, "producer", "delay", "100ms:500ms");
        pass_on(options, "producer", "random", NULL);
        if (!echo && options->sink != SINK_STDOUT)
            pass_on(options, "producer", "echo", "Produced: ");
        if (options->sink == SINK_LABELLED && options_passed(options, "prefix") == NULL)
            pass_on(options, "consumer", "prefix", "Consumed: ");
        if (options->sink == SINK_LABELLED && options_passed(options, "work") == NULL)
            pass_on(options, "consumer", "work", "100ms:800ms");
    }
    if (options->sink == SINK_STDOUT && echo)
        options_usage("--echo and --output -: both would write to stdout");
}

/* Warns that several consumers write the blocks of an input in any order, which nobody can undo. */
void supervisor_options_warn(const struct options *options)
{
    bool raw =
        arguments_have(&options->consumer_framing, "--raw") || arguments_have(&options->extra_consumer, "--raw");
    bool whole = options->framing != NULL && strcmp(options->framing, "whole") == 0;
    bool stream = options->sink == SINK_LABELLED || options->sink == SINK_STDOUT || options->sink == SINK_OUTPUT;
    if (raw && stream && !whole && options->consumers > 1)
        say_status("-c %u: several consumers change the order of blocks (use -c 1 or --mirror)",
                   (unsigned)options->consumers);
}

void supervisor_options_free(struct options *options)
{
    arguments_free(&options->inputs);
    arguments_free(&options->producer_framing);
    arguments_free(&options->consumer_framing);
    arguments_free(&options->producer_args);
    arguments_free(&options->consumer_args);
    arguments_free(&options->extra_producer);
    arguments_free(&options->extra_consumer);
    free(options->passed);
}
