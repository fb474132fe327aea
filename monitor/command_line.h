/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_MONITOR_COMMAND_LINE_H
#define SHMQ_MONITOR_COMMAND_LINE_H

#include "monitor/options.h"

/* Parses the command line; exits with EXIT_USAGE on an error. */
void options_parse(struct options *options, int argc, char **argv);

#endif
