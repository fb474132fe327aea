/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_MONITOR_COMMAND_LINE_H
#define SHMQ_MONITOR_COMMAND_LINE_H

#include "monitor/options.h"

/* Reads the command line; a mistake in it ends the program with EXIT_USAGE. */
void options_parse(struct options *options, int argc, char **argv);

#endif
