/* SPDX-License-Identifier: MIT */
#include "consumer/policy.h"

#include <sys/wait.h>

#define STATUS_DONE 0
#define STATUS_REJECTED 65 /* EX_DATAERR */
#define STATUS_DEFERRED 75 /* EX_TEMPFAIL */

enum verdict policy_judge(int status, enum ended_by ended_by)
{
    if (ended_by == ENDED_BY_STOP || ended_by == ENDED_BY_OUTPUT)
        return VERDICT_STOPPED;
    if (ended_by == ENDED_BY_TIMEOUT || !WIFEXITED(status))
        return VERDICT_FAILED;
    switch (WEXITSTATUS(status)) {
    case STATUS_DONE:
        return VERDICT_DONE;
    case STATUS_REJECTED:
        return VERDICT_REJECTED;
    case STATUS_DEFERRED:
        return VERDICT_DEFERRED;
    default:
        return VERDICT_FAILED;
    }
}

enum decision policy_decide(enum verdict verdict, uint32_t attempts, uint32_t retries)
{
    switch (verdict) {
    case VERDICT_DONE:
        return DECISION_ACKNOWLEDGE;
    case VERDICT_REJECTED:
        return DECISION_GIVE_UP;
    case VERDICT_FAILED:
        return policy_is_spent(attempts, retries) ? DECISION_GIVE_UP : DECISION_RETRY;
    case VERDICT_STOPPED:
        return DECISION_GIVE_BACK;
    case VERDICT_DEFERRED:
        break;
    }
    return DECISION_RETRY;
}

int64_t policy_longer_pause(int64_t pause_ns, int64_t max_ns)
{
    return pause_ns > max_ns / 2 ? max_ns : pause_ns * 2;
}
