/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_PRODUCER_COMMAND_LINE_H
#define SHMQ_PRODUCER_COMMAND_LINE_H

#include "producer/options.h"

/* Reads the command line; a mistake in it ends the program with EXIT_USAGE. */
void options_parse(struct options *options, int argc, char **argv);
void options_free(struct options *options);

#endif
