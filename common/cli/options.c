/* SPDX-License-Identifier: MIT */
#include "common/cli/options.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/cli/say.h"
#include "common/cli/units.h"

#define DEFAULT_CAPACITY_BYTES (UINT64_C(8) << 20) /* the library's default */

void options_try_help(void)
{
    fprintf(stderr, "Try '%s --help'.\n", say_program());
    exit(EXIT_USAGE);
}

void options_bad(const char *name, const char *value, const char *allowed)
{
    const char *dashes = name[0] == '-' ? "" : strlen(name) == 1 ? "-" : "--";
    /* Some callers give a reason and the allowed values, some only the latter. */
    bool reason = allowed[0] != '\0' && allowed[strlen(allowed) - 1] == ')';
    say_error("%s%s %s: %s%s%s", dashes, name, value[0] != '\0' ? value : "''", reason ? "" : "not valid (",
              allowed, reason ? "" : ")");
    options_try_help();
}

void options_usage(const char *format, ...)
{
    char *text = NULL;
    va_list arguments;
    va_start(arguments, format);
    int length = vasprintf(&text, format, arguments);
    va_end(arguments);
    say_error("%s", length < 0 ? "wrong usage" : text);
    free(text);
    options_try_help();
}

void options_init(struct common_options *options)
{
    *options = (struct common_options){.shmq = SHMQ_OPTIONS_INIT};
    const char *queue = getenv("SHMQ_QUEUE");
    options->queue = queue != NULL && queue[0] != '\0' ? queue : "default";
}

uint64_t options_round_capacity(uint64_t capacity)
{
    if (capacity == 0)
        return 0;
    uint64_t rounded = (uint64_t)sysconf(_SC_PAGESIZE);
    while (rounded < capacity && rounded < UINT64_C(1) << 62)
        rounded *= 2;
    return rounded;
}

void options_say_rounding(const struct common_options *options)
{
    char given[UNITS_SIZE];
    char used[UNITS_SIZE];
    const uint64_t capacity = options->shmq.capacity_bytes;
    if (capacity != 0 && options_round_capacity(capacity) != capacity)
        say_detail("--capacity %s: rounded up to %s (a power of two, at least a page)",
                   units_size(given, capacity), units_size(used, options_round_capacity(capacity)));
}

/* A message must fit into a lane. */
static void check_sizes(const struct shmq_options *options, uint64_t capacity)
{
    const uint64_t rounded = options_round_capacity(capacity);
    char texts[3][UNITS_SIZE];
    if (options->max_message_bytes > rounded)
        options_usage("--max-message %s: larger than a lane's capacity of %s (give --capacity %s or more)",
                      units_size(texts[0], options->max_message_bytes), units_size(texts[1], rounded),
                      units_size(texts[2], options_round_capacity(options->max_message_bytes)));
}

void options_explain(const struct common_options *options, int error)
{
    if (error == -EINVAL && options->shmq.capacity_bytes == 0)
        check_sizes(&options->shmq, DEFAULT_CAPACITY_BYTES);
}

void options_finish(struct common_options *options)
{
    if (options->shmq.capacity_bytes != 0)
        check_sizes(&options->shmq, options->shmq.capacity_bytes);
    switch (shmq_name_check(options->queue)) {
    case 0:
        break;
    case -ENAMETOOLONG:
        options_usage("queue '%s': its name is too long (at most 200 characters)", options->queue);
    default:
        options_usage("queue '%s': not a valid name (letters, digits, '.', '_', '-')", options->queue);
    }
}

enum exit_status exit_status_of(int error)
{
    switch (error) {
    case 0:
    case -ENODATA:
        return EXIT_DONE;
    case -ESHUTDOWN:
    case -EOWNERDEAD:
        return EXIT_ENDED;
    case -EAGAIN:
    case -ETIMEDOUT:
        return EXIT_TIMEOUT;
    case -EBADMSG:
    case -EPROTO:
    case -ESTALE:
    case -EEXIST:
        return EXIT_QUEUE;
    default:
        return EXIT_FAILED;
    }
}

bool error_may_pass(int error)
{
    switch (error < 0 ? -error : error) {
    case EAGAIN:
    case EBUSY:
    case EINTR:
    case EIO:
    case EMFILE:
    case ENFILE:
    case ENOMEM:
    case ETIMEDOUT:
    case EUSERS:
        return true;
    default:
        return false;
    }
}

int exit_status_told(const struct common_options *options, int status, bool may_pass)
{
    return options->supervised && status == EXIT_FAILED && !may_pass ? EXIT_LASTING : status;
}

int options_choose_source(const struct options_source *sources, size_t count, int otherwise)
{
    const struct options_source *chosen = NULL;
    for (size_t i = 0; i < count; i++) {
        if (!sources[i].given)
            continue;
        if (chosen != NULL)
            options_usage("%s and %s: only one source can be given", chosen->name, sources[i].name);
        chosen = &sources[i];
    }
    return chosen != NULL ? chosen->kind : otherwise;
}
