/* SPDX-License-Identifier: MIT */
#include "common/cli/option_common.h"

#include <errno.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cli/parse.h"
#include "common/cli/say.h"

#define NS_PER_MS INT64_C(1000000)
#define SIZE_MAX_BYTES (UINT64_C(64) << 30)
#define AT(member) .at = offsetof(struct common_options, member)

/* Programs number their own codes from 0. */
enum {
    CODE_VERBOSE = 10000,
    CODE_QUIET,
    CODE_HELP,
    CODE_VERSION,
    CODE_MODE,
    CODE_GROUP,
    CODE_TICK,
    CODE_NO_LATENCY
};

static const struct option_entry common[] = {
    {.name = "queue",
     .letter = 'Q',
     .kind = OPTION_IS_TEXT,
     AT(queue),
     .argument = "NAME",
     .help = "the queue ($SHMQ_QUEUE, else \"default\")"},
    {.name = "verbose", .letter = 'v', .code = CODE_VERBOSE, .incidental = true, .help = "print more messages"},
    {.name = "quiet", .letter = 'q', .code = CODE_QUIET, .incidental = true, .help = "print errors only"},
    {.name = "help", .letter = 'h', .code = CODE_HELP, .help = "print this help"},
    {.name = "version", .letter = 'V', .code = CODE_VERSION, .help = "print the version"},
    {.name = NULL},
};

const struct option_section option_common_section = {.title = "Common:", .entries = common};

static const struct option_entry creating[] = {
    {.name = "capacity",
     .kind = OPTION_IS_SIZE,
     .min = 1,
     .max = SIZE_MAX_BYTES,
     AT(shmq.capacity_bytes),
     .argument = "SIZE",
     .help = "capacity of a lane (8M)"},
    {.name = "max-message",
     .kind = OPTION_IS_SIZE,
     .min = 1,
     .max = SIZE_MAX_BYTES,
     AT(shmq.max_message_bytes),
     .argument = "SIZE",
     .help = "largest message (a quarter of the capacity)"},
    {.name = "lanes",
     .kind = OPTION_IS_COUNT32,
     .min = 1,
     .max = SHMQ_LANES_MAX,
     AT(shmq.lanes),
     .argument = "N",
     .help = "most producers at the same time (64)"},
    {.name = "seats",
     .kind = OPTION_IS_COUNT32,
     .min = 1,
     .max = SHMQ_SEATS_MAX,
     AT(shmq.seats),
     .argument = "N",
     .help = "most consumers at the same time (64)"},
    {.name = "mode", .code = CODE_MODE, .argument = "OCTAL", .help = "permissions (0600)"},
    {.name = "group", .code = CODE_GROUP, .argument = "NAME", .help = "group that owns it"},
    {.name = "tick", .code = CODE_TICK, .argument = "DURATION", .help = "longest sleep between checks (50ms)"},
    {.name = "no-latency",
     .code = CODE_NO_LATENCY,
     .incidental = true,
     .help = "do not measure the time in queue, from put to acknowledgement (ignored if the queue exists)"},
    {.name = NULL},
};

const struct option_section option_creating_section = {
    .title = "Queue creation; an error if the queue exists and differs:",
    .entries = creating,
    .after = "\nSizes take K, M, G (binary); durations us, ms, s, m, h (a bare number is seconds).",
};

void option_print_version(void)
{
    if (printf("%s (shmq) %s\n", say_program(), shmq_version()) > 0 && fflush(stdout) == 0)
        exit(EXIT_DONE);
    say_error("standard output: cannot be written: %s", strerrordesc_np(errno));
    exit(EXIT_FAILED);
}

bool option_is_version(const struct option_entry *entry)
{
    return entry->kind == OPTION_IS_OWN && entry->code == CODE_VERSION;
}

static uint32_t read_mode(const struct option_entry *entry, const char *argument)
{
    uint32_t mode = 0;
    const char *at = argument;
    if (*at == '\0')
        option_entry_bad(entry, argument, "not a mode (octal, like 0660)");
    for (; *at != '\0'; at++) {
        if (*at < '0' || *at > '7')
            option_entry_bad(entry, argument, "not a mode (octal, like 0660)");
        mode = mode * 8 + (uint32_t)(*at - '0');
        if (mode > 0777)
            option_entry_bad(entry, argument, "not a mode (octal, 0600 to 0664)");
    }
    if ((mode & 0600) != 0600)
        option_entry_bad(entry, argument, "would lock out its owner (read and write, 0600, are required)");
    if ((mode & 0002) != 0)
        option_entry_bad(entry, argument, "would let anybody damage it (no write for others; use --group)");
    if ((mode & ~0664U) != 0)
        option_entry_bad(entry, argument, "a queue cannot be executed (read and write only, 0600 to 0664)");
    return mode;
}

static gid_t read_group(const struct option_entry *entry, const char *argument)
{
    uint64_t number;
    errno = 0;
    const struct group *group = getgrnam(argument);
    if (group != NULL)
        return group->gr_gid;
    if (parse_count(argument, 0, (gid_t)-2, &number) != 0)
        option_entry_bad(entry, argument, "no such group (a name, or a number)");
    return (gid_t)number;
}

static int64_t read_tick(const struct option_entry *entry, const char *argument)
{
    int64_t ns = 0;
    if (parse_duration(argument, &ns) != 0)
        option_entry_bad(entry, argument, "not a duration (like 50ms; 1ms to 10s)");
    if (ns < NS_PER_MS || ns > 10000 * NS_PER_MS)
        option_entry_bad(entry, argument, "out of range (1ms to 10s)");
    return ns;
}

void option_common_take(struct common_options *options, const struct option_table *table,
                        const struct option_entry *entry, const char *argument)
{
    switch (entry->code) {
    case CODE_VERBOSE:
        say_set_level(SAY_DETAILS);
        break;
    case CODE_QUIET:
        say_set_level(SAY_ERRORS);
        break;
    case CODE_HELP:
        option_table_help(table);
    case CODE_VERSION:
        option_print_version();
    case CODE_MODE:
        options->shmq.mode = read_mode(entry, argument);
        break;
    case CODE_GROUP:
        options->shmq.group = read_group(entry, argument);
        break;
    case CODE_TICK:
        options->shmq.tick_ns = read_tick(entry, argument);
        break;
    case CODE_NO_LATENCY:
        options->shmq.queue_flags |= SHMQ_QUEUE_NO_LATENCY;
        break;
    default: /* a code that no program handles */
        option_entry_bad(entry, argument != NULL ? argument : "", "is not known here");
    }
}
