/* SPDX-License-Identifier: MIT */
#include "supervisor/command.h"

#include <string.h>
#include <unistd.h>

/*
 * Adds the options of one owner. Leaves out --queue, which may also come from the
 * environment, and --echo and --prefix, which differ from child to child: the callers add them.
 */
static void add_passed(struct arguments *command, const struct options *options, const char *owner)
{
    for (size_t i = 0; i < options->passed_count; i++) {
        const struct passed_option *passed = &options->passed[i];
        if (strcmp(passed->owner, owner) != 0 || strcmp(passed->name, "queue") == 0 ||
            strcmp(passed->name, "echo") == 0 || strcmp(passed->name, "prefix") == 0)
            continue;
        arguments_format(command, "--%s", passed->name);
        if (passed->argument != NULL)
            arguments_add(command, passed->argument);
    }
}

/* The options of a bridge to NATS. */
static bool has_bridge(const struct options *options, enum role role)
{
    return role == ROLE_PRODUCER ? options->source == SOURCE_NATS : options_passed(options, "to") != NULL;
}

static void add_common(struct arguments *command, const struct options *options, const char *program)
{
    arguments_add(command, program);
    arguments_add(command, "--queue");
    arguments_add(command, options->common.queue);
    arguments_add(command, "--supervised");
    add_passed(command, options, "");
}

static void make_producer(struct arguments *command, const struct options *options, unsigned number)
{
    const char *echo = options_passed(options, "echo");
    char label[LABEL_BYTES] = "";
    add_passed(command, options, "producer");
    if (has_bridge(options, ROLE_PRODUCER))
        add_passed(command, options, OPTIONS_OF_BRIDGES);
    if (options->source == SOURCE_FOLLOW)
        arguments_add(command, "--follow");
    arguments_add_all(command, &options->producer_framing);
    if (options->sink != SINK_STDOUT)
        label_make(label, ROLE_PRODUCER, number, STDOUT_FILENO);
    if (echo != NULL) {
        arguments_add(command, "--echo");
        arguments_format(command, "%s%s", label, echo);
    }
    for (size_t i = 0; i < options->inputs.count; i++) {
        arguments_add(command, "--input");
        arguments_add(command, options->inputs.words[i]);
    }
    if (options->resumable)
        arguments_add(command, "--resume");
    if (options->producers > 1 && options->inputs.count > 0) {
        arguments_add(command, "--split");
        arguments_format(command, "%u/%u", number, (unsigned)options->producers);
    }
    arguments_add_all(command, &options->extra_producer);
    if (!options->words.given)
        return;
    arguments_add(command, "--");
    for (size_t i = 0; i < options->words.count; i++)
        arguments_add(command, options->words.words[i]);
}

/* Whether each message gets the consumer's name before it, which makes sense for lines only. */
static bool is_labelled(const struct options *options)
{
    return options->sink == SINK_LABELLED && !arguments_have(&options->consumer_framing, "--raw") &&
           !arguments_have(&options->consumer_framing, "--length-prefixed") &&
           !arguments_have(&options->extra_consumer, "--raw") &&
           !arguments_have(&options->extra_consumer, "--length-prefixed");
}

/* Whether commands run at the same time and would mix what they print, and no other way was chosen. */
static bool is_grouped(const struct options *options)
{
    return options->sink == SINK_EXEC && options->consumers > 1 &&
           options_passed(options, "line-buffer") == NULL && options_passed(options, "ungroup") == NULL &&
           options_passed(options, "grouped") == NULL;
}

static void make_consumer(struct arguments *command, const struct options *options, unsigned number)
{
    const char *prefix = options_passed(options, "prefix");
    char label[LABEL_BYTES] = "";
    arguments_add(command, "--producers");
    arguments_format(command, "%u", (unsigned)options->producers);
    if (options->consumer_grace != NULL) {
        arguments_add(command, "--grace");
        arguments_add(command, options->consumer_grace);
    }
    add_passed(command, options, "consumer");
    if (has_bridge(options, ROLE_CONSUMER))
        add_passed(command, options, OPTIONS_OF_BRIDGES);
    if (options->follow && options->source != SOURCE_FOLLOW)
        arguments_add(command, "--follow");
    if (options->sink == SINK_OUTPUT) {
        arguments_add(command, "--output");
        arguments_add(command, options->output);
    }
    if (options->sink_is_framed)
        arguments_add_all(command, &options->consumer_framing);
    if (is_grouped(options))
        arguments_add(command, "--grouped");
    if (is_labelled(options))
        label_make(label, ROLE_CONSUMER, number, STDOUT_FILENO);
    if (label[0] != '\0' || prefix != NULL) {
        arguments_add(command, "--prefix");
        arguments_format(command, "%s%s", label, prefix != NULL ? prefix : "");
    }
    arguments_add_all(command, &options->extra_consumer);
}

void command_make(struct arguments *command, const struct options *options, const struct programs *programs,
                  enum role role, unsigned number)
{
    *command = (struct arguments){0};
    add_common(command, options, role == ROLE_PRODUCER ? programs->producer : programs->consumer);
    if (role == ROLE_PRODUCER)
        make_producer(command, options, number);
    else
        make_consumer(command, options, number);
}
