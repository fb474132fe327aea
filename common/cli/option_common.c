/* SPDX-License-Identifier: MIT */
#include "common/cli/option_common.h"

#include "common/cli/options.h"

static const struct option_entry common[] = {
    {.name = "queue",
     .letter = 'Q',
     .code = 'Q',
     .argument = "NAME",
     .help = "the queue ($SHMQ_QUEUE, else \"default\")"},
    {.name = "verbose", .letter = 'v', .code = 'v', .help = "say more"},
    {.name = "quiet", .letter = 'q', .code = 'q', .help = "say nothing but errors"},
    {.name = "help", .letter = 'h', .code = 'h', .help = "print this text"},
    {.name = "version", .letter = 'V', .code = 'V', .help = "print the version"},
    {.name = NULL},
};

const struct option_section option_common_section = {.title = "Common:", .entries = common};

static const struct option_entry creating[] = {
    {.name = "capacity", .code = OPTION_CAPACITY, .argument = "SIZE", .help = "room of a lane (8M)"},
    {.name = "max-message",
     .code = OPTION_MAX_MESSAGE,
     .argument = "SIZE",
     .help = "longest message (a quarter of the capacity)"},
    {.name = "lanes", .code = OPTION_LANES, .argument = "N", .help = "how many producers at once"},
    {.name = "seats", .code = OPTION_SEATS, .argument = "N", .help = "how many consumers at once (64)"},
    {.name = "mode", .code = OPTION_MODE, .argument = "OCTAL", .help = "permissions (0600)"},
    {.name = "group", .code = OPTION_GROUP, .argument = "NAME", .help = "group it belongs to"},
    {.name = "tick",
     .code = OPTION_TICK,
     .argument = "DURATION",
     .help = "longest sleep between two looks (50ms)"},
    {.name = NULL},
};

const struct option_section option_creating_section = {
    .title = "Queue, heeded by whoever creates it; an error if it exists and is different:",
    .entries = creating,
    .after = "\nSizes take K, M, G (binary); durations us, ms, s, m, h (a bare number is seconds).",
};
