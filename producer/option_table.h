/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_PRODUCER_OPTION_TABLE_H
#define SHMQ_PRODUCER_OPTION_TABLE_H

#include "common/cli/option_table.h"

/* The producer's own options: what a supervisor hands on comes from here, too. */
extern const struct option_section producer_source_section;
extern const struct option_section producer_framing_section;
extern const struct option_section producer_flow_section;

#endif
