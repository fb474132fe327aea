/* SPDX-License-Identifier: MIT */
#include "producer/command_line.h"

#include <stdlib.h>
#include <string.h>

#include "common/cli/headers.h"
#include "common/cli/option_common.h"
#include "common/cli/parse.h"
#include "common/cli/units.h"
#include "producer/option_table.h"

#define NATS_BATCH_DEFAULT 512
/* How long a file that was renamed is read on, since its writer may not have noticed. */
#define ROTATE_WAIT_NS INT64_C(5000000000)

static void take_framing(struct options *options, enum framing_kind framing, const struct option_entry *entry)
{
    char written[OPTION_WRITTEN_BYTES];
    option_written(entry, written);
    if (options->framing_given[0] != '\0')
        options_usage("%s and %s: only one framing can be given", options->framing_given, written);
    options->framing = framing;
    memcpy(options->framing_given, written, sizeof(written));
}

static void take_delimiter(struct options *options, const struct option_entry *entry, const char *argument)
{
    take_framing(options, FRAMING_DELIMITER, entry);
    if (parse_delimiter(argument, &options->delimiter) != 0)
        option_entry_bad(entry, argument, "not one byte (a character, or \\n \\t \\r \\0 \\\\ \\xHH)");
}

static void take_block(struct options *options, const struct option_entry *entry, const char *argument)
{
    take_framing(options, FRAMING_BLOCK, entry);
    if (parse_size(argument, &options->block_bytes) != 0)
        option_entry_bad(entry, argument, "not a size (bytes, or K, M, G)");
    if (options->block_bytes == 0 || options->block_bytes > UINT64_C(64) << 30)
        option_entry_bad(entry, argument, "out of range (1 to 64G)");
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

static void take_input(struct options *options, const char *argument)
{
    if (argument[0] == '\0')
        options_bad("input", "''", "not a file name (\"-\" is stdin)");
    options->inputs[options->input_count++] = argument;
    options->input_given = true;
}

static void take_listen(struct options *options, const struct option_entry *entry, const char *argument)
{
    static const char stream[] = "unix:";
    static const char datagram[] = "unix-dgram:";
    struct listen_address address = {.text = argument};
    if (strncmp(argument, stream, strlen(stream)) == 0) {
        address.path = argument + strlen(stream);
    } else if (strncmp(argument, datagram, strlen(datagram)) == 0) {
        address.path = argument + strlen(datagram);
        address.datagram = true;
    }
    if (address.path == NULL || address.path[0] == '\0')
        option_entry_bad(entry, argument, "not an address (unix:PATH or unix-dgram:PATH)");
    if (strlen(address.path) > LISTEN_PATH_MAX)
        option_entry_bad(entry, argument, "its path is longer than a socket's may be (107 bytes)");
    for (size_t i = 0; i < options->listen_count; i++)
        if (strcmp(options->listens[i].path, address.path) == 0)
            option_entry_bad(entry, argument, "given twice");
    options->listens[options->listen_count++] = address;
}

static void take_listen_mode(struct options *options, const struct option_entry *entry, const char *argument)
{
    char *end;
    const unsigned long mode = strtoul(argument, &end, 8);
    if (argument[0] < '0' || argument[0] > '7' || *end != '\0' || mode > 0777)
        option_entry_bad(entry, argument, "not a mode (octal, like 0660)");
    options->listen_mode = (int)mode;
}

static void take_seed(struct options *options, const struct option_entry *entry, const char *argument)
{
    if (parse_count(argument, 0, UINT64_MAX, &options->seed) != 0)
        option_entry_bad(entry, argument, "not a number (0 to 18446744073709551615)");
    options->seed_given = true;
}

static void take_priority(struct options *options, const struct option_entry *entry, const char *argument)
{
    uint64_t priority = 0;
    if (parse_count(argument, 0, SHMQ_PRIORITIES - 1, &priority) != 0)
        option_entry_bad(entry, argument, "not a priority (0 to 7)");
    options->common.shmq.priority = (uint32_t)priority;
}

static void take_header(struct options *options, const struct option_entry *entry, const char *argument)
{
    const char *problem = headers_check(argument);
    if (problem != NULL)
        option_entry_bad(entry, argument, problem);
    size_t length = strlen(argument);
    if (length + 1 > SHMQ_HEADERS_MAX - options->headers_length)
        options_usage("--header: all headers together are longer than %d bytes", SHMQ_HEADERS_MAX);
    char *longer = realloc(options->headers, options->headers_length + length + 1);
    if (longer == NULL)
        options_usage("--header: out of memory");
    memcpy(longer + options->headers_length, argument, length);
    longer[options->headers_length + length] = '\n';
    options->headers = longer;
    options->headers_length += length + 1;
}

static bool take_framing_option(struct options *options, const struct option_entry *entry, const char *argument)
{
    switch (entry->code) {
    case PRODUCER_DELIMITER:
        take_delimiter(options, entry, argument);
        return true;
    case PRODUCER_NULL:
        take_framing(options, FRAMING_DELIMITER, entry);
        options->delimiter = '\0';
        return true;
    case PRODUCER_LENGTH_PREFIXED:
        take_framing(options, FRAMING_LENGTH32, entry);
        return true;
    case PRODUCER_BLOCK:
        take_block(options, entry, argument);
        return true;
    case PRODUCER_WHOLE:
        take_framing(options, FRAMING_WHOLE, entry);
        return true;
    default:
        return false;
    }
}

static bool take_source_option(struct options *options, const struct option_entry *entry, const char *argument)
{
    switch (entry->code) {
    case PRODUCER_INPUT:
        take_input(options, argument);
        return true;
    case PRODUCER_LISTEN:
        take_listen(options, entry, argument);
        return true;
    case PRODUCER_LISTEN_MODE:
        take_listen_mode(options, entry, argument);
        return true;
    case PRODUCER_FROM:
        option_nats_take_servers(&options->nats, entry, argument);
        return true;
    case PRODUCER_SPLIT:
        take_split(options, argument);
        return true;
    default:
        return false;
    }
}

static void take(void *into, const struct option_group *group, const struct option_entry *entry,
                 const char *argument)
{
    struct options *options = into;
    (void)group;
    if (option_is_version(entry)) { /* handled last, so that errors in other options are reported */
        options->version = true;
        return;
    }
    if (take_source_option(options, entry, argument))
        return;
    switch (entry->code) {
    case PRODUCER_SEED:
        take_seed(options, entry, argument);
        break;
    case PRODUCER_ECHO:
        options->echo = argument;
        break;
    case PRODUCER_PRIORITY:
        take_priority(options, entry, argument);
        break;
    case PRODUCER_HEADER:
        take_header(options, entry, argument);
        break;
    default:
        if (!take_framing_option(options, entry, argument))
            option_common_take(&options->common, &producer_options, entry, argument);
    }
}

static void check_nats(struct options *options)
{
    option_nats_check(&options->nats, "--from");
    if (options->nats.servers == NULL && (options->nats_durable != NULL || options->nats_make_durable))
        options_usage("%s needs --from", options->nats_durable != NULL ? "--durable" : "--make-durable");
    if (options->nats.servers == NULL && options->nats_batch > 0)
        options_usage("--batch needs --from");
    if (options->nats.servers == NULL)
        return;
    if (options->nats_durable == NULL)
        options_usage("--from needs --durable NAME");
    option_nats_check_name("--durable", options->nats_durable);
    if (options->nats.make_stream)
        options_usage(
            "--make-stream and --from: the subjects of the stream are not known (consumer --to makes it)");
    if (options->on_full == ON_FULL_DROP)
        options_usage("--from and --on-full drop: the stream keeps what there is no room for (use block)");
    if (options->nats_batch == 0)
        options->nats_batch = NATS_BATCH_DEFAULT;
}

static void choose_source(struct options *options, bool words_given)
{
    const struct options_source sources[] = {
        {"--input", options->follow ? SOURCE_FOLLOW : SOURCE_INPUTS, options->input_given},
        {"--random", SOURCE_RANDOM, options->random_given},
        {"--listen", SOURCE_LISTEN, options->listen_count > 0},
        {"--from", SOURCE_NATS, options->nats.servers != NULL},
        {"words after --", SOURCE_WORDS, words_given},
    };
    const int chosen = options_choose_source(sources, sizeof(sources) / sizeof(sources[0]), -1);
    if (chosen < 0)
        options->inputs[options->input_count++] = "-";
    else
        options->source = (enum source_kind)chosen;
}

static void check_source(const struct options *options)
{
    if ((options->source == SOURCE_RANDOM || options->source == SOURCE_WORDS) &&
        options->framing != FRAMING_DELIMITER)
        options_usage("%s: only for inputs (not with --random or words)", options->framing_given);
    if (options->source == SOURCE_NATS && options->framing_given[0] != '\0')
        options_usage("%s and --from: messages of a stream are whole", options->framing_given);
    if (options->listen_mode >= 0 && options->source != SOURCE_LISTEN)
        options_usage("--listen-mode: needs --listen ADDRESS");
    if (options->source_headers && options->source != SOURCE_INPUTS && options->source != SOURCE_FOLLOW &&
        options->source != SOURCE_LISTEN && options->source != SOURCE_NATS)
        options_usage("--source-headers: only for inputs, --listen and --from");
    if (options->split_given && !options->input_given)
        options_usage("--split: needs --input FILE");
    if (options->resume && !options->input_given && options->source != SOURCE_NATS)
        options_usage("--resume: needs --input FILE or --from");
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

static void check_follow(const struct options *options)
{
    static const char *const others[] = {"from-end", "rotate-wait", "partial"};
    const bool given[] = {options->from_end, options->rotate_wait_ns >= 0, options->partial_ns >= 0};
    for (size_t i = 0; i < sizeof(given) / sizeof(given[0]); i++) {
        if (given[i] && !options->follow)
            options_usage("--%s: only with --follow", others[i]);
    }
    if (!options->follow)
        return;
    if (!options->input_given)
        options_usage("--follow: needs --input FILE");
    if (options->split_given)
        options_usage("--follow and --split: a file that grows has no parts");
    if (options->framing == FRAMING_WHOLE)
        options_usage("--follow and --whole: a file that grows is never whole");
    if (options->framing == FRAMING_LENGTH32 && options->partial_ns >= 0)
        options_usage("--partial and --length-prefixed: half a record is no message");
    for (size_t i = 0; i < options->input_count; i++) {
        if (strcmp(options->inputs[i], "-") == 0)
            options_usage("--follow: standard input is read to its end as it is (leave --follow out)");
    }
}

static void check_flow(const struct options *options)
{
    if (options->rate > 0 && options->delay_ns[0] >= 0)
        options_usage("--rate and --delay: only one of them can be given");
    if (options->timeout_ns >= 0 && options->on_full != ON_FULL_BLOCK)
        options_usage("--timeout: only with --on-full block");
    if (options->resume && options->on_full == ON_FULL_DROP)
        options_usage(
            "--resume and --on-full drop: dropped messages could not be told from those still to be sent");
    uint64_t max = options->common.shmq.max_message_bytes;
    char texts[2][UNITS_SIZE];
    if (options->framing == FRAMING_BLOCK && max != 0 && options->block_bytes > max)
        options_usage("--block %s: larger than --max-message %s (give both the same)",
                      units_size(texts[0], options->block_bytes), units_size(texts[1], max));
}

void options_parse(struct options *options, int argc, char **argv)
{
    *options = (struct options){.delimiter = '\n',
                                .timeout_ns = -1,
                                .delay_ns = {-1, -1},
                                .listen_mode = -1,
                                .split_part = 1,
                                .split_parts = 1,
                                .rotate_wait_ns = -1,
                                .partial_ns = -1};
    options_init(&options->common);
    option_nats_init(&options->nats);
    options->arguments = argv;
    options->inputs = calloc((size_t)argc + 1, sizeof(*options->inputs));
    options->listens = calloc((size_t)argc + 1, sizeof(*options->listens));
    if (options->inputs == NULL || options->listens == NULL)
        options_usage("out of memory");
    struct option_words words;
    option_table_read(&producer_options, options, take, argc, argv, &words);
    if (!words.given && words.count > 0)
        options_usage("%s: unexpected argument (put words to send after --, a file after --input)",
                      words.words[0]);
    options->words = words.words;
    options->word_count = words.count;
    choose_source(options, words.given);
    check_nats(options);
    check_follow(options);
    check_source(options);
    check_flow(options);
    if (options->rotate_wait_ns < 0)
        options->rotate_wait_ns = ROTATE_WAIT_NS;
    options->progress = options->progress || options->progress_interval_ns > 0;
    options_finish(&options->common);
    if (options->version)
        option_print_version();
}

void options_free(struct options *options)
{
    free(options->inputs);
    options->inputs = NULL;
    free(options->listens);
    options->listens = NULL;
    free(options->headers);
    options->headers = NULL;
}
