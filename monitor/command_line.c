/* SPDX-License-Identifier: MIT */
#include "monitor/command_line.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/cli/option_common.h"
#include "common/cli/parse.h"
#include "common/cli/queue_file.h"
#include "monitor/listen_address.h"
#include "monitor/message_ids.h"
#include "monitor/option_table.h"
#include "monitor/textfile.h"

static void take_alert(struct options *options, const char *argument)
{
    const int error = alert_add(&options->alert, argument);
    if (error == -E2BIG)
        options_usage("--alert %s: more than %d conditions", argument, ALERT_CONDITIONS);
    if (error != 0)
        options_bad("--alert", argument, ALERT_ALLOWED);
}

static void take(void *into, const struct option_group *group, const struct option_entry *entry,
                 const char *argument)
{
    struct options *options = into;
    (void)group;
    switch (entry->code) {
    case FORMAT_JSON:
    case FORMAT_PROMETHEUS:
        if (options->format != FORMAT_TABLE && (int)options->format != entry->code)
            options_usage("--json and --prometheus: only one format can be given");
        options->format = (enum format)entry->code;
        break;
    case MONITOR_ALERT:
        take_alert(options, argument);
        break;
    default:
        option_common_take(&options->common, &monitor_options, entry, argument);
    }
}

static uint64_t message_count(const char *word)
{
    uint64_t count = 0;
    if (parse_count(word, 1, UINT64_MAX, &count) != 0)
        options_usage("%s: not a number of messages (a whole number, at least 1)", word);
    return count;
}

static void take_ids(struct options *options, const struct option_words *words, size_t *taken)
{
    struct message_id id;
    if (options->verb != VERB_DROP && options->verb != VERB_KICK)
        return;
    options->ids = words->words + *taken;
    options->id_count = words->count - *taken;
    for (size_t i = 0; i < options->id_count; i++)
        if (!message_id_read(options->ids[i], &id))
            options_usage("%s: not a message id (QUEUE-LANE-POSITION, as peek prints it)", options->ids[i]);
    if (options->verb == VERB_DROP && options->id_count == 0)
        options_usage("drop: no message given (give its id, as peek prints it)");
    *taken = words->count;
}

static void take_names(struct options *options, const struct option_words *words, size_t *taken)
{
    struct listen_address address;
    if (options->verb != VERB_METRICS)
        return;
    options->names = words->words;
    options->name_count = words->count;
    for (size_t i = 0; i < words->count; i++)
        if (shmq_name_check(words->words[i]) != 0)
            options_usage("%s: not a queue's name (letters, digits, '.', '_', '-')", words->words[i]);
    *taken = words->count;
    if (options->listen != NULL && options->textfile != NULL)
        options_usage("--listen and --textfile: only one can be given");
    if (options->interval_ns > 0 && options->textfile == NULL)
        options_usage("--interval: needs --textfile FILE");
    if (options->interval_ns > 0 && textfile_is_stdout(options->textfile))
        options_usage("--interval: standard output is written once");
    if (options->listen == NULL)
        options->listen = LISTEN_ADDRESS_DEFAULT;
    if (!listen_address_read(&address, options->listen))
        options_bad("--listen", options->listen,
                    "a numeric address and a port, such as " LISTEN_ADDRESS_DEFAULT " or [::1]:7467");
}

/* The queue of a verb whose NAME is optional: NULL, all, if none is named in any way. */
static bool is_named(const struct common_options *common, const char *unnamed)
{
    const char *environment = getenv("SHMQ_QUEUE");
    return common->queue != unnamed || (environment != NULL && environment[0] != '\0');
}

static void take_into(struct options *options, const struct option_words *words, size_t *taken)
{
    if (options->verb != VERB_SAVE)
        return;
    if (words->count < 2)
        options_usage("save: no file given (give NAME FILE)");
    options->into = words->words[1];
    if (options->into[0] == '\0')
        options_usage("save: the file has no name");
    if (strcmp(options->into, "-") == 0)
        options_usage("save: a copy cannot be written to standard output (give a file; one called - is ./-)");
    *taken = 2;
}

/* The verb's argument may be a file where its description says so. */
static bool takes_file(const struct option_verb *verb)
{
    return verb->argument != NULL && strstr(verb->argument, "|FILE") != NULL;
}

/* Return: NULL if it is a queue. */
static const char *find_file(struct common_options *common)
{
    const char *given = common->queue;
    const char *object = queue_file_object_name(given);
    if (strchr(given, '/') == NULL) {
        if (shmq_name_check(given) != 0 && access(given, F_OK) == 0)
            options_usage("%s: not a queue's name (the file of this name is './%s')", given, given);
        return NULL;
    }
    common->queue = object != NULL ? object : "default"; /* a valid name */
    return object != NULL ? NULL : given;
}

/* A word behind --watch that is no duration counts as one of the verb's words. */
_Noreturn static void refuse_word(const struct options *options, const struct option_verb *verb, const char *word)
{
    if (options->watch_ns > 0)
        options_usage("%s: unexpected argument for %s (--watch takes a duration, such as 1 or 500ms)", word,
                      verb->name);
    options_usage("%s: unexpected argument for %s", word, verb->name);
}

/* @unnamed  what common.queue was before the options were read: it is another pointer once -Q was given */
static void take_name(struct options *options, const char *unnamed, const char *name)
{
    const char *given = options->common.queue;
    if (given != unnamed && strcmp(given, name) != 0)
        options_usage("-Q %s and %s: only one queue can be named", given, name);
    options->common.queue = name;
}

void options_parse(struct options *options, int argc, char **argv)
{
    struct option_words words;
    *options = (struct options){.timeout_ns = -1, .lane = LANE_ANY, .arguments = argv};
    options_init(&options->common);
    const char *unnamed = options->common.queue;
    option_table_read(&monitor_options, options, take, argc, argv, &words);
    const bool takes_queue = words.verb->argument != NULL;
    size_t taken = takes_queue && words.count > 0 ? 1 : 0;
    if (taken > 0)
        take_name(options, unnamed, words.words[0]);
    if (words.verb->code == VERB_PEEK && words.count > taken)
        options->count = message_count(words.words[taken++]);
    options->verb = (enum monitor_verb)words.verb->code;
    take_ids(options, &words, &taken);
    take_into(options, &words, &taken);
    take_names(options, &words, &taken);
    if (options->to != NULL && shmq_name_check(options->to) != 0)
        options_bad("--to", options->to, "a queue's name: letters, digits, '.', '_', '-'");
    if (options->raw && options->format != FORMAT_TABLE)
        options_usage("--json and --raw: only one format can be given");
    if (words.count > taken)
        refuse_word(options, words.verb, words.words[taken]);
    options->takes_file = takes_file(words.verb);
    const char *file = options->takes_file ? find_file(&options->common) : NULL;
    options_finish(&options->common);
    const bool optional = takes_queue && words.verb->argument[0] == '[';
    options->queue =
        takes_queue && (!optional || is_named(&options->common, unnamed)) ? options->common.queue : NULL;
    if (file != NULL)
        options->queue = file;
    if (file != NULL && options->format == FORMAT_PROMETHEUS)
        options_usage("--prometheus: metrics are of queues, and %s is a copy of one (use --json)", file);
    if (options->verb == VERB_METRICS && options->name_count == 0 && options->queue != NULL) {
        options->names = (char **)&options->queue;
        options->name_count = 1;
    }
}
