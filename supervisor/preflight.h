/* SPDX-License-Identifier: MIT */
#ifndef SUPERVISOR_PREFLIGHT_H
#define SUPERVISOR_PREFLIGHT_H

#include "supervisor/command.h"

/*
 * Lets both programs read the command lines that their children will get, before anything is begun: each reads the
 * whole of it before it prints its version. What they complain of is told, and ends the program with their status.
 */
void preflight_run(const struct options *options, const struct programs *programs);

/*
 * Sets @command to what a child of @role is tried with: its command line, and to print its version.
 * Return: whether there is anything in it that has not been looked at here already.
 */
bool preflight_make(struct arguments *command, const struct options *options, const struct programs *programs,
                    enum role role);

#endif
