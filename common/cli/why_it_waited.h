/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_CLI_WHY_IT_WAITED_H
#define SHMQ_CLI_WHY_IT_WAITED_H

#include <stddef.h>

#include "common/cli/snapshot.h"

/*
 * Writes what held up the queue of which the snapshot is a copy, at the moment that the copy shows, as far as that
 * is in it: "a copy: it was full: 3 producers waited, no consumer was attached". Reads nothing else: its pids are
 * of another time, and perhaps of another host.
 *
 * @text  receives the sentence, without a full stop. Return: @text.
 */
const char *why_it_waited(const struct snapshot *snapshot, char *text, size_t size);

#endif
