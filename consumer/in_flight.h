/* SPDX-License-Identifier: MIT */
#ifndef CONSUMER_IN_FLIGHT_H
#define CONSUMER_IN_FLIGHT_H

#include <stdbool.h>
#include <stddef.h>

#include "consumer/policy.h"

/*
 * The messages of a batch that a command works on, by their index in the batch: which are to be given to it, which
 * it has, and which it has answered. Answers come in the order in which the messages were given. The queue
 * acknowledges the oldest message held and no other, so an answer waits for those of older messages.
 */

enum { IN_FLIGHT_WHY_BYTES = 128 };

enum slot_state {
    SLOT_READY, /* to be given to the command */
    SLOT_OUT,   /* given to it, not answered */
    SLOT_JUDGED,
};

struct slot {
    enum slot_state state;
    enum verdict verdict; /* once judged */
    char why[IN_FLIGHT_WHY_BYTES];
};

struct in_flight {
    struct slot *slots;
    size_t *order; /* ring of the slots that are out, the oldest first */
    size_t room;   /* most messages of a batch */
    size_t count;  /* messages of this batch */
    size_t oldest; /* the first that is not settled: the oldest held */
    size_t next;   /* no earlier one is ready */
    size_t first;  /* in order */
    size_t out;
    size_t sent;       /* of those that are out: written completely, so that they can be answered */
    size_t careful_to; /* earlier ones are given one at a time */
};

/* @room: most messages of a batch. Return: 0; -ENOMEM. */
int in_flight_init(struct in_flight *flight, size_t room);
void in_flight_free(struct in_flight *flight);

/* Begins with a batch of @count messages. */
void in_flight_begin(struct in_flight *flight, size_t count);

static inline bool in_flight_is_over(const struct in_flight *flight)
{
    return flight->oldest == flight->count;
}

/* Finds the next message to give. False if there is none, or it has to wait until what is out is answered. */
bool in_flight_peek(struct in_flight *flight, size_t *index);
/* The message that in_flight_peek found cannot be given: it is rejected. */
void in_flight_refuse(struct in_flight *flight, const char *why);
/* The message that in_flight_peek found is being written. */
void in_flight_take(struct in_flight *flight);
/* The first @count messages that are out and were not yet sent are written completely. */
void in_flight_sent(struct in_flight *flight, size_t count);

/* Judges the oldest message that is out. False if none is out that was sent. */
bool in_flight_judge(struct in_flight *flight, enum verdict verdict, const char *why);

/*
 * The command has ended. What it has not answered is given again, one message at a time, so that the next death
 * tells which of them it is that it cannot bear.
 *
 * @why  not NULL: the message it was working on, which is the oldest one out, or the next one to give if none is
 *       out, has failed, and this is the reason
 */
void in_flight_lost(struct in_flight *flight, const char *why);

/* How many messages, from the oldest one held, are done and can be acknowledged. */
size_t in_flight_done(const struct in_flight *flight);
/* The oldest message held, if it is judged; else NULL. */
const struct slot *in_flight_verdict(const struct in_flight *flight);
/* The oldest @count messages held are settled: acknowledged or moved. */
void in_flight_settle(struct in_flight *flight, size_t count);
/* The oldest message held is to be given again. */
void in_flight_repeat(struct in_flight *flight);

#endif
