/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_CLI_WHY_H
#define SHMQ_CLI_WHY_H

#include <stddef.h>

#include "common/cli/party_state.h"
#include "common/cli/snapshot.h"
#include "common/shmq.h"

/*
 * In words: what a queue is doing, and what it waits for. Times and counters that the library does not know are
 * left out.
 */

enum { WHY_BYTES = 320, WHY_STATE_BYTES = 24 }; /* room for a sentence; for a state */

/*
 * Writes what holds the queue up, most important first: "full: 3 producers wait, no consumer is attached". Of a
 * copy, what did so: "a copy: it was full: 3 producers waited, no consumer was attached". Without the lanes and
 * seats in the snapshot, it knows less. Reads /proc, but not for a copy.
 *
 * @text  receives the sentence, without a full stop; "" if nothing holds up a queue that is no copy. @size: at
 * least WHY_BYTES
 *
 * Return: @text.
 */
const char *why_it_waits(const struct snapshot *snapshot, char *text, size_t size);

/*
 * The queue's state in a fixed word or two, for machines: "empty", "ok", "full", "unfinished", "paused",
 * "draining" (shut down, and what is left in it is handed out), "shut down" (nothing is left, or nothing more is
 * handed out), "removed", "damaged", "foreign", "incomplete", "forbidden", "unreadable".
 */
const char *why_queue_word(const struct snapshot *snapshot);

/* The same for people: instead of "ok", it may say "83 % full". @size: at least WHY_STATE_BYTES. Return: @text. */
const char *why_queue_state(const struct snapshot *snapshot, char *text, size_t size);

/* Of several consumers, the process that has the seats of all, as a consumer with --jobs has one for each job; 0
 * if there are more, or only one seat is taken. */
pid_t why_only_pid(const struct snapshot *snapshot);

#endif
