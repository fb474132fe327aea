/* SPDX-License-Identifier: MIT */
#ifndef CONSUMER_OPTION_TABLE_H
#define CONSUMER_OPTION_TABLE_H

#include <stdint.h>

#include "common/cli/option_table.h"

#define CONSUMER_KILL_AFTER_NS INT64_C(1000000000) /* default of --kill-after */

#define CONSUMER_ASIDE_DEFAULT 64

/* The consumer's options; the supervisor passes on those of these sections. */
extern const struct option_section consumer_sink_section; /* each of its options is a sink */
extern const struct option_section consumer_framing_section;
extern const struct option_section consumer_command_section;
extern const struct option_section consumer_command_output_section;
extern const struct option_section consumer_nats_section;
extern const struct option_section consumer_flow_section;

extern const struct option_table consumer_options;

/* Whether the framing options apply to a sink, by its option's code. */
bool consumer_sink_is_framed(int code);

/* Codes of the options that command_line.c handles itself; those of sinks are in enum sink_kind. */
enum consumer_option_code {
    CONSUMER_DELIMITER = 100,
    CONSUMER_NULL,
    CONSUMER_LENGTH_PREFIXED,
    CONSUMER_RAW,
    CONSUMER_PREFIX,
    CONSUMER_JOBS,
    CONSUMER_RETRIES,
    CONSUMER_BACKOFF,
    CONSUMER_ASIDE,
    CONSUMER_IN_ORDER,
    CONSUMER_EXEC_TIMEOUT,
    CONSUMER_KILL_AFTER,
    CONSUMER_DEAD_LETTER,
    CONSUMER_MAX_FAILURES,
    CONSUMER_GROUPED,
    CONSUMER_LINE_BUFFER,
    CONSUMER_UNGROUPED,
    CONSUMER_BATCH,
    CONSUMER_FORWARD_FULL,
};

#endif
