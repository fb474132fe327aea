/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_PRODUCER_OPTION_TABLE_H
#define SHMQ_PRODUCER_OPTION_TABLE_H

#include "common/cli/option_table.h"

/* The producer's options; a supervisor hands on those of these sections. */
extern const struct option_section producer_source_section;
extern const struct option_section producer_framing_section;
extern const struct option_section producer_flow_section;

extern const struct option_table producer_options;

/* Of the options that options.c takes by itself. */
enum producer_option_code {
    PRODUCER_INPUT,
    PRODUCER_SPLIT,
    PRODUCER_DELIMITER,
    PRODUCER_NULL,
    PRODUCER_LENGTH_PREFIXED,
    PRODUCER_BLOCK,
    PRODUCER_WHOLE,
    PRODUCER_SEED,
    PRODUCER_ECHO,
    PRODUCER_PRIORITY,
};

#endif
