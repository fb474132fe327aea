/* SPDX-License-Identifier: MIT */
#ifndef CONSUMER_COMMAND_LINE_H
#define CONSUMER_COMMAND_LINE_H

#include "consumer/options.h"

/* Parses the command line; exits with EXIT_USAGE on an error. */
void consumer_options_read(struct consumer_options *options, int argc, char **argv);

#endif
