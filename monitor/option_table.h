/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_MONITOR_OPTION_TABLE_H
#define SHMQ_MONITOR_OPTION_TABLE_H

#include "common/cli/option_table.h"

enum monitor_verb { VERB_LIST, VERB_SHOW, VERB_CHECK, VERB_WAIT, VERB_FINISH, VERB_SHUTDOWN, VERB_REMOVE, VERBS };

extern const struct option_table monitor_options;

#endif
