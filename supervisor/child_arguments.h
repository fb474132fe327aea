/* SPDX-License-Identifier: MIT */
#ifndef SUPERVISOR_CHILD_ARGUMENTS_H
#define SUPERVISOR_CHILD_ARGUMENTS_H

#include "common/cli/option_table.h"
#include "supervisor/arguments.h"

/*
 * Reads the words of --producer-args or --consumer-args (@owner: "producer" or "consumer") as that program would.
 * An option that is in @own, the supervisor's table, with the same meaning goes @into there with @take, as if it
 * had been given to the supervisor: it has to know about sources, sinks and sizes. The others become @kept, each
 * in one word. Ends the program with EXIT_USAGE at whatever would have a child do other work than the supervisor
 * thinks. What is taken may point to @words.
 */
void child_arguments_read(struct arguments *kept, const struct arguments *words, const char *owner,
                          const struct option_table *own, void *into, option_take *take);

#endif
