/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_MONITOR_OPTION_TABLE_H
#define SHMQ_MONITOR_OPTION_TABLE_H

#include "common/cli/option_table.h"

extern const struct option_table monitor_options;

#endif
