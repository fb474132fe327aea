/* SPDX-License-Identifier: MIT */
#include "common/cli/options.h"

#include <errno.h>
#include <grp.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/cli/parse.h"
#include "common/cli/say.h"
#include "common/cli/units.h"

#define NS_PER_MS INT64_C(1000000)

#define DEFAULT_CAPACITY_BYTES (UINT64_C(8) << 20) /* as the library's */

static const char queue_help[] = "Common:\n"
                                 "  -Q, --queue NAME        the queue (default: $SHMQ_QUEUE, else \"default\")\n"
                                 "  -v, --verbose           say more\n"
                                 "  -q, --quiet             say nothing but errors\n"
                                 "  -h, --help              this text\n"
                                 "  -V, --version           the version\n";

static const char creating_help[] =
    "\n"
    "Heeded by whoever creates the queue, an error if it exists and is different:\n"
    "      --capacity SIZE     room of a lane (8M)\n"
    "      --max-message SIZE  longest message (a quarter of the capacity)\n"
    "      --lanes N           how many producers at once (64)\n"
    "      --seats N           how many consumers at once (64)\n"
    "      --mode OCTAL        permissions (0600)\n"
    "      --group NAME        group it belongs to\n"
    "      --tick DURATION     longest sleep between two looks (50ms)\n";

static const char units_help[] =
    "\n"
    "Sizes take K, M, G (binary); durations us, ms, s, m, h (a bare number is seconds).\n";

void options_try_help(void)
{
    fprintf(stderr, "Try '%s --help'.\n", say_program());
    exit(EXIT_USAGE);
}

void options_bad(const char *name, const char *value, const char *allowed)
{
    const char *dashes = name[0] == '-' ? "" : strlen(name) == 1 ? "-" : "--";
    /* Some callers give a reason and what is allowed, some only the latter. */
    bool reason = allowed[0] != '\0' && allowed[strlen(allowed) - 1] == ')';
    say_error("%s%s %s: %s%s%s", dashes, name, value, reason ? "" : "not valid (", allowed, reason ? "" : ")");
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
    memset(options, 0, sizeof(*options));
    const char *queue = getenv("SHMQ_QUEUE");
    options->queue = queue != NULL && queue[0] != '\0' ? queue : "default";
}

_Noreturn static void exit_printed(bool printed)
{
    if (printed && fflush(stdout) == 0)
        exit(EXIT_DONE);
    say_error("standard output: cannot be written: %s", strerrordesc_np(errno));
    exit(EXIT_FAILED);
}

/* What stands for the name, or the prefix, at the start of @text, and how long that is; NULL: neither does. */
static const char *find_placeholder(const char *text, size_t *length)
{
    static const char self[] = "{self}";
    static const char prefix[] = "{prefix}";
    const bool is_self = strncmp(text, self, strlen(self)) == 0;
    if (!is_self && strncmp(text, prefix, strlen(prefix)) != 0)
        return NULL;
    *length = strlen(is_self ? self : prefix);
    return is_self ? say_program() : say_prefix();
}

/* Prints @help with the names of programs as they are called here. */
static bool print_named(const char *help)
{
    for (size_t length; *help != '\0'; help += length) {
        const char *name = find_placeholder(help, &length);
        if (name == NULL) {
            length = 1 + strcspn(help + 1, "{");
            if (fwrite(help, 1, length, stdout) != length)
                return false;
        } else if (fputs(name, stdout) == EOF) {
            return false;
        }
    }
    return true;
}

void options_print_help(const char *help, bool creates)
{
    exit_printed(print_named(help) && fputs(queue_help, stdout) != EOF &&
                 fputs(creates ? creating_help : "", stdout) != EOF && fputs(units_help, stdout) != EOF);
}

_Noreturn static void print_version(void)
{
    exit_printed(printf("%s (shmq) %s\n", say_program(), shmq_version()) > 0);
}

static uint64_t take_size(const char *name, const char *argument)
{
    uint64_t size = 0;
    int error = parse_size(argument, &size);
    if (error == -ERANGE)
        options_bad(name, argument, "too large (at most 64G)");
    if (error != 0)
        options_bad(name, argument, "not a size (bytes, or K, M, G)");
    if (size == 0)
        options_bad(name, argument, "too small (at least 1)");
    if (size > UINT64_C(64) << 30)
        options_bad(name, argument, "too large (at most 64G)");
    return size;
}

static uint32_t take_number(const char *name, const char *argument, uint32_t max)
{
    char allowed[64];
    uint64_t value = 0;
    int error = parse_count(argument, 1, max, &value);
    snprintf(allowed, sizeof(allowed), "%s (1 to %u)", error == -ERANGE ? "out of range" : "not a number", max);
    if (error != 0)
        options_bad(name, argument, allowed);
    return (uint32_t)value;
}

static uint32_t take_mode(const char *argument)
{
    uint32_t mode = 0;
    const char *at = argument;
    if (*at == '\0')
        options_bad("mode", argument, "not a mode (octal, like 0660)");
    for (; *at != '\0'; at++) {
        if (*at < '0' || *at > '7')
            options_bad("mode", argument, "not a mode (octal, like 0660)");
        mode = mode * 8 + (uint32_t)(*at - '0');
        if (mode > 0777)
            options_bad("mode", argument, "not a mode (octal, 0600 to 0664)");
    }
    if ((mode & 0600) != 0600)
        options_bad("mode", argument, "would shut out its owner (read and write, 0600, are needed)");
    if ((mode & 0002) != 0)
        options_bad("mode", argument, "would let anybody damage it (no write for others; use --group)");
    if ((mode & ~0664U) != 0)
        options_bad("mode", argument, "a queue cannot be executed (read and write only, 0600 to 0664)");
    return mode;
}

static gid_t take_group(const char *argument)
{
    uint64_t number;
    errno = 0;
    const struct group *group = getgrnam(argument);
    if (group != NULL)
        return group->gr_gid;
    if (parse_count(argument, 0, (gid_t)-2, &number) != 0)
        options_bad("group", argument, "no such group (a name, or a number)");
    return (gid_t)number;
}

static int64_t take_tick(const char *argument)
{
    int64_t ns = 0;
    if (parse_duration(argument, &ns) != 0)
        options_bad("tick", argument, "not a duration (like 50ms; 1ms to 10s)");
    if (ns < NS_PER_MS || ns > 10000 * NS_PER_MS)
        options_bad("tick", argument, "out of range (1ms to 10s)");
    return ns;
}

void options_take_common(struct common_options *options, int code, const char *argument, const char *help)
{
    switch (code) {
    case 'Q':
        options->queue = argument;
        break;
    case 'v':
        say_set_level(SAY_DETAILS);
        break;
    case 'q':
        say_set_level(SAY_ERRORS);
        break;
    case 'h':
        options_print_help(help, true);
    case 'V':
        print_version();
    case OPTION_CAPACITY:
        options->shmq.capacity_bytes = take_size("capacity", argument);
        break;
    case OPTION_MAX_MESSAGE:
        options->shmq.max_message_bytes = take_size("max-message", argument);
        break;
    case OPTION_LANES:
        options->shmq.lanes = take_number("lanes", argument, SHMQ_LANES_MAX);
        break;
    case OPTION_SEATS:
        options->shmq.seats = take_number("seats", argument, SHMQ_SEATS_MAX);
        break;
    case OPTION_MODE:
        options->shmq.mode = take_mode(argument);
        break;
    case OPTION_GROUP:
        options->shmq.group = take_group(argument);
        options->shmq.has_group = true;
        break;
    case OPTION_TICK:
        options->shmq.tick_ns = take_tick(argument);
        break;
    default: /* getopt_long has said what is wrong */
        options_try_help();
    }
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

void options_tell_rounding(const struct common_options *options)
{
    char given[UNITS_SIZE];
    char used[UNITS_SIZE];
    const uint64_t capacity = options->shmq.capacity_bytes;
    if (capacity != 0 && options_round_capacity(capacity) != capacity)
        say_detail("--capacity %s: rounded up to %s (a lane's is a power of two, and whole pages)",
                   units_size(given, capacity), units_size(used, options_round_capacity(capacity)));
}

/* A message has to fit into a lane. */
static void check_sizes(const struct shmq_options *options, uint64_t capacity)
{
    const uint64_t rounded = options_round_capacity(capacity);
    if (options->max_message_bytes > rounded)
        options_usage("--max-message: larger than the capacity of %" PRIu64 " bytes (give a larger --capacity)",
                      rounded);
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
        options_bad("queue", options->queue, "too long for a queue's name (at most 200 characters)");
    default:
        options_bad("queue", options->queue, "not a queue's name (letters, digits, '.', '_', '-')");
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
