/* SPDX-License-Identifier: MIT */
#include "consumer/command_line.h"

#include <errno.h>
#include <string.h>

#include "common/cli/dead_letter_name.h"
#include "common/cli/option_common.h"
#include "consumer/command_lookup.h"
#include "consumer/given_options.h"
#include "consumer/option_table.h"

#define PREFETCH_COPYING 1024
#define PREFETCH_SLOW 1
#define PREFETCH_ANSWERED 64
#define NATS_WINDOW_DEFAULT 4096
#define NATS_ACK_TIMEOUT_NS INT64_C(5000000000)
#define NATS_SUBJECT_MAX 200
#define RATE_LEASE_SECONDS 0.01 /* with --rate, a lease is what may be started in this time */

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
    if (given->given_up && !options_give_up(options))
        refuse_sink(given, given->given_up, "--exec, -- PROGRAM, --pipe-ack, --forward or --to");
    if (given->full.count > 0 && options->sink != SINK_FORWARD)
        refuse_sink(given, "--forward-full", "--forward");
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

/* Whether there is a brace that is not of {lane}: {lanes} would be a subject of that very name. */
static bool has_unknown_braces(const char *text)
{
    static const char lane[] = "{lane}";
    for (;;) {
        text += strcspn(text, "{}");
        if (*text == '\0')
            return false;
        if (strncmp(text, lane, sizeof(lane) - 1) != 0)
            return true;
        text += sizeof(lane) - 1;
    }
}

static bool is_subject(const char *text)
{
    size_t token = 0;

    for (const char *at = text; *at; at++) {
        if ((unsigned char)*at <= ' ' || *at == 0x7f || strchr("*>\"\\", *at))
            return false;
        if (*at == '.' && token == 0)
            return false;
        token = *at == '.' ? 0 : token + 1;
    }
    return token > 0 && strlen(text) <= NATS_SUBJECT_MAX;
}

/* The name of an option that only --to has; NULL: none was given. */
static const char *nats_only(const struct consumer_options *options)
{
    if (options->nats_subject)
        return "--subject";
    if (options->nats_window > 0)
        return "--window";
    if (options->nats_ack_timeout_ns > 0)
        return "--ack-timeout";
    return options->nats_order != NATS_ORDER_STRICT ? "--order" : NULL;
}

static void check_nats(struct consumer_options *options)
{
    option_nats_check(&options->nats, "--to");
    if (options->sink != SINK_NATS) {
        if (nats_only(options))
            options_usage("%s needs --to", nats_only(options));
        return;
    }
    if (!options->nats_subject)
        options_usage("--to needs --subject SUBJECT");
    if (!is_subject(options->nats_subject))
        options_bad("--subject", options->nats_subject,
                    "a subject: words separated by dots, without blanks and * > \" \\");
    if (has_unknown_braces(options->nats_subject))
        options_bad("--subject", options->nats_subject,
                    "a subject: of what stands in braces, only {lane} is known");
    if (options->common.shmq.prefetch > 0)
        options_usage("--prefetch cannot be combined with --to (whose --window it would be)");
    if (options->nats_window == 0)
        options->nats_window = NATS_WINDOW_DEFAULT;
    if (options->nats_ack_timeout_ns == 0)
        options->nats_ack_timeout_ns = NATS_ACK_TIMEOUT_NS;
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

    if (options_give_up(options))
        options->dead_letter = dead_letter_name(options->common.queue, given, text);
    if (options->max_failures > 0 && !options->dead_letter)
        options_usage(
            "--max-failures: there is no dead-letter queue, so the first failure ends the consumer (give a "
            "--dead-letter QUEUE)");
    if (options->dead_letter)
        check_dead_letter(options->dead_letter, options->common.queue);
}

/* Messages must not come back to where they are, or go where others are put that were given up. */
static void check_forward(struct consumer_options *options, const struct given *given)
{
    struct forward_list *list = &options->forward;

    for (size_t i = 0; i < list->count; i++) {
        const char *name = list->queues[i].name;

        if (strcmp(name, options->common.queue) == 0)
            options_usage("--forward %s: is the queue itself (give another queue)", name);
        if (options->dead_letter && strcmp(name, options->dead_letter) == 0)
            options_usage("--forward %s: is the dead-letter queue (give another --dead-letter QUEUE, or none)",
                          name);
    }
    for (size_t i = 0; i < given->full.count; i++) {
        struct forward_queue *queue = forward_list_find(list, given->full.queues[i].name);

        if (!queue)
            options_usage("--forward-full drop:%s: is not among the queues of --forward %s",
                          given->full.queues[i].name, options->target);
        queue->drops = true;
    }
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
    if (options->sink == SINK_NATS)
        *prefetch = options->nats_window;
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
    struct given given;
    struct option_words words;

    given_options_init(&given);
    option_table_read(&consumer_options, &given, given_options_take, argc, argv, &words);
    *options = given.options;
    options->arguments = argv;
    take_words(options, &given, &words);
    options->progress = options->progress || options->progress_interval_ns > 0;
    options_finish(&options->common);
    choose_pipe_ack(options, &given);
    check_together(options, &given);
    check_nats(options);
    choose_output_mode(options, &given);
    if (given.in_order)
        options->aside = 0;
    choose_dead_letter(options, given.dead_letter);
    check_forward(options, &given);
    check_command(options, &given);
    if (given.version)
        option_print_version();
    choose_prefetch(options);
}
