/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_NATS_COUNTERS_H
#define SHMQ_NATS_COUNTERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/shmq.h"

/* What a bridge to NATS has done. W, R: the bridge's thread. */

enum { COUNTERS_REFUSALS = 8 }; /* different codes that are kept apart */

struct counters_refusal {
    unsigned code; /* JetStream's err_code, or a status such as 503; 0: unused */
    uint64_t count;
};

struct counters {
    uint64_t published;    /* messages that were sent to the server, each time */
    uint64_t acknowledged; /* messages: out, that the server stored; in, that it was told of */
    uint64_t duplicates;   /* those of them that the server had already; in, that were in the queue already */
    uint64_t resent;       /* messages that were sent again; in, that came again */
    uint64_t skipped;      /* out: messages found in the stream, and not sent again */
    uint64_t in_flight;    /* messages that wait for their acknowledgement now */
    uint64_t reconnects;
    struct counters_refusal refused[COUNTERS_REFUSALS]; /* the last takes all further codes */
    unsigned refusal;                                   /* the last code */
    uint64_t times;                                     /* to the acknowledgement that were measured */
    int64_t time_sum_ns;
    int64_t time_max_ns;
};

/* Counts an answer that refuses a message. */
void counters_refuse(struct counters *counters, unsigned code);
/* Counts how long a message took to its acknowledgement. */
void counters_time(struct counters *counters, int64_t ns);

/* Writes them as shmq_set_bridge takes them, for the observers of the queue. @connected: to the server. */
void counters_show(const struct counters *counters, bool connected, uint64_t words[static SHMQ_BRIDGE_WORDS]);

enum { COUNTERS_BYTES = 320 };

/*
 * Writes all that is not 0, such as "12 in flight, 3 resent, 2 refused (10077), ack 1.2 ms, at most 8 ms".
 *
 * Return: @text.
 */
char *counters_describe(const struct counters *counters, char text[static COUNTERS_BYTES]);

#endif
