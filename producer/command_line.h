/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_PRODUCER_COMMAND_LINE_H
#define SHMQ_PRODUCER_COMMAND_LINE_H

#include "producer/options.h"

/* Parses the command line; exits with EXIT_USAGE on an error. */
void options_parse(struct options *options, int argc, char **argv);
void options_free(struct options *options);

#endif
