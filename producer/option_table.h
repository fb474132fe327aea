/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_PRODUCER_OPTION_TABLE_H
#define SHMQ_PRODUCER_OPTION_TABLE_H

#include "common/cli/option_table.h"

/* The producer's options; the supervisor passes on those of these sections. */
extern const struct option_section producer_source_section;
extern const struct option_section producer_framing_section;
extern const struct option_section producer_nats_section;
extern const struct option_section producer_flow_section;

extern const struct option_table producer_options;

/* Codes of the options that command_line.c handles itself. */
enum producer_option_code {
    PRODUCER_INPUT,
    PRODUCER_LISTEN,
    PRODUCER_LISTEN_MODE,
    PRODUCER_SPLIT,
    PRODUCER_DELIMITER,
    PRODUCER_NULL,
    PRODUCER_LENGTH_PREFIXED,
    PRODUCER_BLOCK,
    PRODUCER_WHOLE,
    PRODUCER_SEED,
    PRODUCER_ECHO,
    PRODUCER_PRIORITY,
    PRODUCER_HEADER,
    PRODUCER_FROM,
};

#endif
