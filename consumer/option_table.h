/* SPDX-License-Identifier: MIT */
#ifndef CONSUMER_OPTION_TABLE_H
#define CONSUMER_OPTION_TABLE_H

#include "common/cli/option_table.h"

/* The consumer's own options: what a supervisor hands on comes from here, too. */
extern const struct option_section consumer_sink_section;
extern const struct option_section consumer_framing_section;
extern const struct option_section consumer_command_section;
extern const struct option_section consumer_flow_section;

#endif
