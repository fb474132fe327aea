/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_CLI_WHY_H
#define SHMQ_CLI_WHY_H

#include <stddef.h>

#include "common/cli/snapshot.h"
#include "common/shmq.h"

/*
 * In words: what a queue, its producers and its consumers are doing, and what they wait for. Times and counters
 * that the library does not know are left out.
 */

enum party_state {
    PARTY_RUNNING,   /* at work, or waiting for something outside the queue, such as its input */
    PARTY_BLOCKED,   /* waits for room */
    PARTY_ASLEEP,    /* waits for messages */
    PARTY_ASIDE,     /* waits until a message that was put aside is due; or a message alone, without a consumer */
    PARTY_PAUSED,    /* waits until the queue is resumed */
    PARTY_STOPPED,   /* by a signal or a tracer, whatever else it was doing */
    PARTY_DEAD,      /* with something unfinished */
    PARTY_FINISHED,  /* its stream ended */
    PARTY_GAVE_BACK, /* left, and gave messages back that nobody has taken over yet */
    PARTY_GONE,      /* died, but left nothing undone */
    PARTY_IN_COPY,   /* in a copy of a queue: whether it was alive is not known */
};

enum { WHY_BYTES = 320, WHY_STATE_BYTES = 24 }; /* room for a sentence; for a state */

/* The state of a lane's producer. Reads /proc. */
enum party_state why_producer(const struct shmq_lane_stat *lane);

/* The state of a seat's consumer. Reads /proc. */
enum party_state why_consumer(const struct shmq_stat *queue, const struct shmq_seat_stat *seat);

/* "running", "blocked on full", "asleep on empty", "stopped", "dead, unfinished"... */
const char *why_state_text(enum party_state state);

/* The same in one word of at most 8 letters, for a table. */
const char *why_state_word(enum party_state state);

/*
 * Writes what holds the queue up, most important first: "full: 3 producers wait, no consumer is attached". Without
 * the lanes and seats in the snapshot, it knows less. Reads /proc.
 *
 * @text  receives the sentence, without a full stop; "" if nothing holds it up. @size: at least WHY_BYTES
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

#endif
