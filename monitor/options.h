/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_MONITOR_OPTIONS_H
#define SHMQ_MONITOR_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/cli/options.h"

enum format { FORMAT_TABLE, FORMAT_JSON, FORMAT_PROMETHEUS };

/* Options of which each verb takes some. */
enum verb_option {
    VERB_FORMAT = 1,
    VERB_FORCE = 2,
    VERB_NOW = 4,
    VERB_EMPTY = 8,
    VERB_TIMEOUT = 16,
    VERB_LANE = 32,
};

struct options {
    struct common_options common;
    const char *verb;
    const char *queue; /* NULL for a verb that takes none */
    enum format format;
    int64_t timeout_ns; /* negative: for ever */
    bool force;
    bool now;
    bool empty;
    bool lane_given;
    uint32_t lane;
};

struct verb {
    const char *name;
    bool takes_queue;
    unsigned allowed;                          /* of enum verb_option */
    int (*run)(const struct options *options); /* returns the exit status */
};

extern const char monitor_help[];

/* Reads the command line; a mistake in it ends the program with EXIT_USAGE. Returns the verb to run. */
const struct verb *options_parse(struct options *options, const struct verb *verbs, int argc, char **argv);

#endif
