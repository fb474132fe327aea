/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_MONITOR_OPTIONS_H
#define SHMQ_MONITOR_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/cli/options.h"

enum monitor_verb { VERB_LIST, VERB_SHOW, VERB_CHECK, VERB_WAIT, VERB_FINISH, VERB_SHUTDOWN, VERB_REMOVE, VERBS };

enum format { FORMAT_TABLE, FORMAT_JSON, FORMAT_PROMETHEUS };

#define LANE_ANY UINT32_MAX

struct options {
    struct common_options common;
    enum monitor_verb verb;
    const char *queue; /* NULL for a verb that takes none */
    enum format format;
    int64_t timeout_ns; /* negative: no limit */
    bool force;
    bool now;
    bool empty;
    uint32_t lane; /* LANE_ANY: all */
};

#endif
