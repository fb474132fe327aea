/* SPDX-License-Identifier: MIT */
#ifndef SUPERVISOR_PREFLIGHT_H
#define SUPERVISOR_PREFLIGHT_H

#include "supervisor/command.h"

/*
 * Checks the command lines of the children before anything starts: runs both programs with --version added, which
 * makes them parse the whole command line and exit. If one fails, relays its messages and exits with its status.
 */
void preflight_run(const struct options *options, const struct programs *programs);

/*
 * Sets @command to the command line of a child of @role with --version added. Returns whether it has any option
 * that the supervisor has not checked itself.
 */
bool preflight_make(struct arguments *command, const struct options *options, const struct programs *programs,
                    enum role role);

#endif
