/* SPDX-License-Identifier: MIT */
#ifndef FUZZ_RULES_H
#define FUZZ_RULES_H

#include <stdbool.h>

/* What each function of the library may return: always, and once the queue is damaged. */

enum call {
    CALL_PUT,
    CALL_PUT_OUTGOING,
    CALL_CURSOR,
    CALL_COMMIT,
    CALL_SET_FRAME,
    CALL_FINISH,
    CALL_RESUME_OFFSET,
    CALL_SOURCE_WHOLE,
    CALL_SET_SOURCE_NOTE,
    CALL_SOURCE_NOTE,
    CALL_SET_SOURCE_SLOT,
    CALL_SOURCE_SLOT,
    CALL_LEASE,
    CALL_GET,
    CALL_ACKNOWLEDGE,
    CALL_FAIL,
    CALL_RELEASE,
    CALL_PUT_ASIDE,
    CALL_ASIDE_NOTE,
    CALL_HOLD,
    CALL_SET_INTENT,
    CALL_VISIT_INTENTS,
    CALL_REPORT_LOSS,
    CALL_JOIN,
    CALL_STAT,
    CALL_PEEK,
    CALL_CHECK,
    CALL_OPEN_PRODUCER,
    CALL_OPEN_CONSUMER,
    CALL_OPEN_OBSERVER,
    CALL_CLOSE,
    CALL_SHUTDOWN,
    CALL_PAUSE,
    CALL_FINISH_LANE,
    CALL_DROP,
    CALL_CREATE,
    CALL_REMOVE,
    CALL_REMOVE_BY_FORCE,
};

const char *rules_name(enum call call);
/* Fails unless the code is one of them. */
void rules_judge(enum call call, int code, bool damaged);
/*
 * Whether -EBADMSG of this call means that something is wrong which everybody can see, so that a check has to name
 * it. It does not where a handle compares shared memory with what only it knows.
 */
bool rules_are_public(enum call call);

#endif
