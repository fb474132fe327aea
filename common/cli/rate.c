/* SPDX-License-Identifier: MIT */
#include "common/cli/rate.h"

#define NS_PER_SECOND 1e9

static int64_t due_of(const struct rate *rate, uint64_t index)
{
    return rate->started_ns + (int64_t)((double)index / rate->per_second * NS_PER_SECOND);
}

/* Starts a schedule if there is none, or if it is too far behind. */
static void start(struct rate *rate, int64_t now_ns)
{
    if (rate->started_ns != 0 && now_ns - due_of(rate, rate->taken) <= rate->catch_up_ns)
        return;
    rate->started_ns = now_ns;
    rate->taken = 0;
}

size_t rate_allow(struct rate *rate, size_t wanted, int64_t now_ns, int64_t *due_ns)
{
    uint64_t allowed;

    start(rate, now_ns);
    *due_ns = due_of(rate, rate->taken);
    if (*due_ns > now_ns)
        return 0;
    allowed = (uint64_t)((double)(now_ns - rate->started_ns) * rate->per_second / NS_PER_SECOND) + 1;
    allowed = allowed > rate->taken ? allowed - rate->taken : 1;
    return allowed < wanted ? (size_t)allowed : wanted;
}

void rate_take(struct rate *rate, size_t count, int64_t now_ns)
{
    start(rate, now_ns);
    rate->taken += count;
}
