/* SPDX-License-Identifier: MIT */
#ifndef CONSUMER_COMMAND_LINE_H
#define CONSUMER_COMMAND_LINE_H

#include "consumer/options.h"

/* Reads the command line; ends the program with EXIT_USAGE where it makes no sense. */
void consumer_options_read(struct consumer_options *options, int argc, char **argv);

#endif
