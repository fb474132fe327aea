/* SPDX-License-Identifier: MIT */
#ifndef SUPERVISOR_CHILD_ARGUMENTS_H
#define SUPERVISOR_CHILD_ARGUMENTS_H

#include "common/cli/option_table.h"
#include "supervisor/arguments.h"

/*
 * Parses the words of --producer-args or --consumer-args (@owner: "producer" or "consumer") as that program would.
 * An option that @own, the supervisor's table, has with the same meaning is passed to @take with @into, as if it
 * had been given to the supervisor, which has to know about sources, sinks and sizes. The others are added to
 * @kept, each as one word. Exits with EXIT_USAGE if an option would make a child do something that the supervisor
 * does not expect. What is taken may point into @words.
 */
void child_arguments_read(struct arguments *kept, const struct arguments *words, const char *owner,
                          const struct option_table *own, void *into, option_take *take);

#endif
