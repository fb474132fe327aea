/* SPDX-License-Identifier: MIT */
#ifndef SUPERVISOR_TRIAL_H
#define SUPERVISOR_TRIAL_H

#include "supervisor/command.h"

/*
 * Lets both programs read the command lines that their children will get, before anything is begun: each reads the
 * whole of it before it prints its version. What they complain of is told, and ends the program with their status.
 */
void trial_run(const struct options *options, const struct programs *programs);

#endif
