/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_MONITOR_STATE_COLOUR_H
#define SHMQ_MONITOR_STATE_COLOUR_H

#include "common/cli/colour.h"
#include "common/cli/why.h"

/* The colour that a state has where there are colours. */
enum colour state_colour_of_queue(const struct snapshot *snapshot);
enum colour state_colour_of_party(enum party_state state);

#endif
