/* SPDX-License-Identifier: MIT */
#ifndef SUPERVISOR_COMMAND_H
#define SUPERVISOR_COMMAND_H

#include "supervisor/label.h"
#include "supervisor/options.h"

/* The programs that children run. */
struct programs {
    char *producer;
    char *consumer;
};

/* Sets @command to the command line of a child. */
void command_make(struct arguments *command, const struct options *options, const struct programs *programs,
                  enum role role, unsigned number);

#endif
