/* SPDX-License-Identifier: MIT */
#ifndef CONSUMER_POLICY_H
#define CONSUMER_POLICY_H

#include <stdbool.h>
#include <stdint.h>

#include "consumer/command.h"

/* What becomes of a message for which a command was run: done, tried again, or given up. */

enum verdict {
    VERDICT_DONE,     /* exit status 0 */
    VERDICT_FAILED,   /* any other, a signal or the timeout: counts as an attempt */
    VERDICT_DEFERRED, /* exit status 75: does not count */
    VERDICT_REJECTED, /* exit status 65: will never succeed */
    VERDICT_STOPPED,  /* ended because the consumer ends: does not count, whatever its status */
};

enum decision {
    DECISION_ACKNOWLEDGE,
    DECISION_RETRY,
    DECISION_GIVE_UP,
    DECISION_GIVE_BACK, /* to the queue, for another consumer */
};

/* @status: of waitpid. */
enum verdict policy_judge(int status, enum ended_by ended_by);

/* @attempts: failed ones so far, this one included if it counts. */
enum decision policy_decide(enum verdict verdict, uint32_t attempts, uint32_t retries);

/*
 * Whether a message has used up its attempts before it is delivered: its earlier consumers died with it. It is not
 * executed again.
 */
static inline bool policy_is_spent(uint32_t attempts, uint32_t retries)
{
    return attempts > retries;
}

/* The pause after one of @pause_ns. */
int64_t policy_longer_pause(int64_t pause_ns, int64_t max_ns);

#endif
